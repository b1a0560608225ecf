import { hasNonUtf8Escapes } from "../core/parsing/undecodable.ts";
import type { AppContext } from "./context.ts";
import { FailureError } from "./problem/http-failure.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * Reads the text of a body. Not with `Request.text()`, which replaces every invalid byte by U+FFFD, so that two different
 * names or passwords would be equal (INC-36).
 *
 * @throws FailureError 400 for a body that is not UTF-8
 */
export async function readUtf8BodyTextOrThrow(c: AppContext): Promise<string> {
  const bytes = await c.req.arrayBuffer();
  try {
    return utf8.decode(bytes);
  } catch {
    throw notUtf8();
  }
}

/**
 * Reads the text of a form's body, which is percent-encoded.
 *
 * @throws FailureError as {@link readUtf8BodyTextOrThrow}, also for escapes that are not UTF-8
 */
export async function readUtf8FormTextOrThrow(c: AppContext): Promise<string> {
  const text = await readUtf8BodyTextOrThrow(c);
  if (hasNonUtf8Escapes(text)) throw notUtf8();
  return text;
}

const notUtf8 = () =>
  new FailureError({ ok: false, reason: "malformed_request", detail: "This is not UTF-8." });
