import { base64urlnopad } from "@scure/base";
import { apiKeyPattern, apiKeyStart } from "./api-key.ts";
import { pendingPrefix, sessionTokenTypes } from "./session-token.ts";

/**
 * The pattern for an `Authorization` header that carries a token of the Worker's own: of a full, pending or
 * hosted-challenge session, or an API key. The Worker and the examples for proxies use this one pattern. If they did not,
 * the Worker would judge another header than the one that reaches the site (INC-23).
 *
 * A proxy cannot parse a JWT, so a session's token is known by its `typ` in base64url (RFC 7515 4.1.9), which has
 * three forms: it depends on the place of the text in its group of three bytes.
 */
export const ownTokenPattern = [
  `(^|[^A-Za-z0-9_.~+/-])(${pendingPrefix}|${apiKeyStart})`,
  ...sessionTokenTypes.flatMap((type) => [0, 1, 2].map((place) => encodedAt(type, place))),
].join("|");

const anywhere = new RegExp(ownTokenPattern);

/** A scheme or none, and a text that has the form of a session's token or of an API key. */
const alone = new RegExp(
  String.raw`^(?:[!#$%&'*+.^_|~\w-]+ +)?(?:(?:${pendingPrefix})?[\w-]+\.[\w-]+\.[\w-]+|${apiKeyPattern})$`,
);

/**
 * True when an `Authorization` header carries a token of the Worker's own. The form decides, whatever the scheme: an
 * expired token, and one that this first factor does not take, must not reach the origin either (INC-32).
 *
 * @param authorization the header's value; the runtime joins several lines with a comma
 */
export const carriesOwnToken = (authorization: string): boolean => anywhere.test(authorization);

/**
 * True when an `Authorization` header carries a token of the Worker's own beside anything else. Such a header must be
 * refused, not removed: the site may get it from a proxy, and read the other part (INC-23).
 */
export const carriesMoreThanOwnToken = (authorization: string): boolean =>
  carriesOwnToken(authorization) && !alone.test(authorization);

/** The characters of base64url that the text alone decides, when it begins at this byte of a group of three. */
function encodedAt(text: string, place: number): string {
  const bytes = new TextEncoder().encode("\0".repeat(place) + text);
  const firstWhole = Math.ceil((place * 8) / 6);
  const wholeCharacters = Math.floor((bytes.length * 8) / 6);
  return base64urlnopad.encode(bytes).slice(firstWhole, wholeCharacters);
}
