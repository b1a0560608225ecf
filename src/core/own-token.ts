import { base64urlnopad } from "@scure/base";
import { parseApiKeyId } from "./api-key.ts";
import { pendingPrefix, sessionTokenTypes } from "./session-token.ts";

/**
 * True when an `Authorization` header carries a token of the Worker's own: of a full, pending or hosted-challenge session,
 * or an API key. The form decides, whatever the scheme: an expired token, and one that this first factor does not take,
 * must not reach the origin either (INC-32).
 *
 * @param authorization the header's value; the runtime joins several lines with a comma
 */
export const carriesOwnToken = (authorization: string): boolean =>
  authorization.split(/[^\w.~+/-]+/).some(isOwnToken);

const isOwnToken = (text: string) =>
  text.startsWith(pendingPrefix) || parseApiKeyId(text) !== null || hasOwnType(text);

/** Has the text the protected header of a session's token (RFC 7515 4.1.9)? */
function hasOwnType(text: string): boolean {
  const [header = "", ...others] = text.split(".");
  if (others.length !== 2) return false;
  try {
    const { typ } = JSON.parse(new TextDecoder().decode(base64urlnopad.decode(header)));
    return sessionTokenTypes.includes(typ);
  } catch {
    return false;
  }
}
