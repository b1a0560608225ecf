import type * as z from "zod/mini";
import { readUtf8FormTextOrThrow } from "./body-text.ts";
import type { AppContext } from "./context.ts";
import { validateFieldsOrThrow } from "./json-body.ts";
import { FailureError } from "./problem/http-failure.ts";

/**
 * Reads and validates the fields of a form.
 *
 * @throws FailureError as `parseJsonBodyOrThrow`; also 400 for a field that is there twice
 */
export async function readFormOrThrow<T extends z.ZodMiniType>(
  c: AppContext,
  schema: T,
): Promise<z.output<T>> {
  if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(c.req.header("Content-Type") ?? "")) {
    const expected = "application/x-www-form-urlencoded";
    throw new FailureError({ ok: false, reason: "unsupported_media_type", expected });
  }
  const fields = [...new URLSearchParams(await readUtf8FormTextOrThrow(c))];
  if (new Set(fields.map(([name]) => name)).size < fields.length) {
    throw new FailureError({ ok: false, reason: "malformed_request", detail: "A field is there twice." });
  }
  return validateFieldsOrThrow(schema, Object.fromEntries(fields));
}
