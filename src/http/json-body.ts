import type * as z from "zod/mini";
import { readBodyText } from "./body-text.ts";
import type { AppContext } from "./context.ts";
import { FailureError } from "./problem/http-failure.ts";

/**
 * Reads a JSON body and parses it. No body at all counts as `{}`, so calls that need nothing take nothing.
 *
 * @throws FailureError 415 for another content type; 400 for what is not UTF-8, not JSON, not an object, has a name twice or an
 *   unknown one; 422 for a field that is missing or has the wrong form. A value is never repeated in the answer.
 */
export async function readJson<T extends z.ZodMiniType>(c: AppContext, schema: T): Promise<z.output<T>> {
  return parseJson(c, await readBodyText(c), schema);
}

/** Parses the text of a JSON body. Throws as {@link readJson}. */
export function parseJson<T extends z.ZodMiniType>(c: AppContext, text: string, schema: T): z.output<T> {
  if (text !== "" && !isJsonType(c.req.header("Content-Type"))) {
    throw new FailureError({ ok: false, reason: "unsupported_media_type", expected: "application/json" });
  }
  return parseFields(schema, text === "" ? {} : parseObject(text));
}

/** Parses named fields, from JSON or from a form. Throws as {@link readJson}. */
export function parseFields<T extends z.ZodMiniType>(schema: T, fields: unknown): z.output<T> {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === "unrecognized_keys") throw malformed("There is a field that this call does not have.");
  const detail = issue === undefined ? undefined : `${issue.path.join(".") || "body"}: ${issue.message}`;
  throw new FailureError({
    ok: false,
    reason: "invalid_format",
    ...(detail === undefined ? {} : { detail }),
  });
}

function isJsonType(contentType: string | undefined): boolean {
  return /^application\/json *(;|$)/i.test(contentType ?? "");
}

/**
 * Parses the text of a JSON object.
 *
 * @throws FailureError 400 for what is not JSON, not an object, or has a name twice
 */
export function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("This is not JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed("This is no JSON object.");
  if (hasDoubtfulName(text)) throw malformed("A name stands twice in an object, or is not allowed.");
  return value;
}

const malformed = (detail: string) => new FailureError({ ok: false, reason: "malformed_request", detail });

/**
 * Two parsers can read an object with a double name in two ways (RFC 8259 4), and `JSON.parse` doesn't tell.
 * The text is known to be JSON, so strings and brackets are all there is to look for.
 */
function hasDoubtfulName(json: string): boolean {
  const names: Set<string>[] = [];
  for (const [token, string, bracket] of json.matchAll(/("(?:[^"\\]|\\.)*")\s*:|([{}])|"(?:[^"\\]|\\.)*"/g)) {
    if (bracket === "{") names.push(new Set());
    else if (bracket === "}") names.pop();
    else if (string !== undefined) {
      const name: string = JSON.parse(string);
      const known = names.at(-1);
      if (name === "__proto__" || known?.has(name)) return true;
      known?.add(name);
    } else if (token === "") return true;
  }
  return false;
}
