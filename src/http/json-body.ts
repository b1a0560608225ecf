import type * as z from "zod/mini";
import { type ParseFieldsOptions, parseFields } from "../core/parsing/parse-fields.ts";
import { quoteName } from "../core/parsing/unknown-fields.ts";
import type { AppContext } from "./context.ts";
import { FailureError } from "./problem/http-failure.ts";

/**
 * Parses and validates the text of a JSON body. An empty text counts as `{}`, for operations without required fields.
 *
 * @throws FailureError 415 for another content type; 400 for text that is not a JSON object, has a duplicate name or an
 *   unknown field; 422 for a field that is missing or invalid. Messages contain names of fields, but no values.
 */
export function parseJsonBodyOrThrow<T extends z.ZodMiniType>(
  c: AppContext,
  text: string,
  schema: T,
): z.output<T> {
  if (text !== "" && !isJsonType(c.req.header("Content-Type"))) {
    throw new FailureError({ ok: false, reason: "unsupported_media_type", expected: "application/json" });
  }
  return validateFieldsOrThrow(schema, text === "" ? {} : parseJsonObjectOrThrow(text));
}

/** Validates the fields of a JSON body, a form or a query. Throws as {@link parseJsonBodyOrThrow}. */
export function validateFieldsOrThrow<T extends z.ZodMiniType>(
  schema: T,
  fields: unknown,
  options?: ParseFieldsOptions,
): z.output<T> {
  const parsed = parseFields(schema, fields, options);
  if (parsed.ok) return parsed.fields;
  const { kind, detail } = parsed;
  if (kind === "unknown_field") throw malformed(detail);
  throw new FailureError({ ok: false, reason: "invalid_format", detail });
}

function isJsonType(contentType: string | undefined): boolean {
  return /^application\/json *(;|$)/i.test(contentType ?? "");
}

/**
 * Parses the text of a JSON object.
 *
 * @throws FailureError 400 for what is not JSON, not an object, or has a name twice
 */
export function parseJsonObjectOrThrow(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("This is not JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed("This is no JSON object.");
  const ambiguous = findAmbiguousName(text);
  if (ambiguous !== null)
    throw malformed(`The name ${quoteName(ambiguous)} stands twice in an object, or is not allowed.`);
  return value;
}

const malformed = (detail: string) => new FailureError({ ok: false, reason: "malformed_request", detail });

/**
 * Returns a name that an object in the text has twice, or the name `__proto__`. Parsers disagree about duplicate names (RFC
 * 8259, section 4), and `JSON.parse` does not report them. The text is valid JSON, so it is enough to scan strings and braces.
 */
function findAmbiguousName(json: string): string | null {
  const names: Set<string>[] = [];
  for (const [token, string, bracket] of json.matchAll(/("(?:[^"\\]|\\.)*")\s*:|([{}])|"(?:[^"\\]|\\.)*"/g)) {
    if (bracket === "{") names.push(new Set());
    else if (bracket === "}") names.pop();
    else if (string !== undefined) {
      const name: string = JSON.parse(string);
      const known = names.at(-1);
      if (name === "__proto__" || known?.has(name)) return name;
      known?.add(name);
    } else if (token === "") return token;
  }
  return null;
}
