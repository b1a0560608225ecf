import type * as z from "zod/mini";
import { describeUnknownNames, isPossibleSecret } from "./unknown-fields.ts";

/** The most characters of an unknown name in {@link ParseFieldsResult}'s `place`. */
const maxPlaceCharacters = 64;

/** The fields of an input after validation. */
export type ParseFieldsResult<T> =
  | { readonly ok: true; readonly fields: T }
  | {
      readonly ok: false;
      readonly kind: "unknown_field" | "invalid_field";
      /** The path of the field: names and indexes, joined by dots. "": the input as a whole. An unknown name that could be a secret is left out (LG-03). */
      readonly place: string;
      /** Names the field. It never contains a value of the input. */
      readonly detail: string;
    };

/** How messages describe the names of the input. */
export interface ParseFieldsOptions {
  /** What messages call a name: "field" by default. */
  readonly noun?: "field" | "parameter";
  /** Names that the caller has taken out of the input. Used in messages. */
  readonly alsoKnown?: readonly string[];
}

/**
 * Validates an input of several fields: a JSON body, a form, a query, a line of an import or the argument of an RPC call.
 *
 * An unknown field is reported before any other fault: a misspelled name causes both an unknown and a missing field.
 */
export function parseFields<T extends z.ZodMiniType>(
  schema: T,
  input: unknown,
  options: ParseFieldsOptions = {},
): ParseFieldsResult<z.output<T>> {
  const parsed = schema.safeParse(input, unknownFieldsErrorOption(options));
  if (parsed.success) return { ok: true, fields: parsed.data };
  const { issues } = parsed.error;
  const unknown = issues.find(({ code }) => code === "unrecognized_keys");
  const issue = unknown ?? issues[0];
  const path = issue?.path.join(".") ?? "";
  if (issue?.code !== "unrecognized_keys") {
    const detail = `${path || "body"}: ${issue?.message ?? "is invalid"}`;
    return { ok: false, kind: "invalid_field", place: path, detail };
  }
  const [name = ""] = issue.keys;
  const place = [...issue.path, ...(isPossibleSecret(name) ? [] : [name.slice(0, maxPlaceCharacters)])].join(
    ".",
  );
  const detail = path === "" ? issue.message : `${path}: ${issue.message}`;
  return { ok: false, kind: "unknown_field", place, detail };
}

/**
 * Returns the parse option of zod that describes unknown fields of a `strictObject`, with the nearest known names. A schema
 * with an `error` option of its own must return undefined for `unrecognized_keys`.
 */
export function unknownFieldsErrorOption({ noun = "field", alsoKnown = [] }: ParseFieldsOptions = {}): {
  readonly error: z.core.$ZodErrorMap;
} {
  return {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? describeUnknownNames(noun, issue.keys as string[], [...listNames(issue.inst), ...alsoKnown])
        : undefined,
  };
}

/** The names of an object schema. */
function listNames(schema: unknown): string[] {
  return Object.keys((schema as Partial<z.ZodMiniObject> | undefined)?._zod?.def.shape ?? {});
}
