import { base64urlnopad } from "@scure/base";
import { apiKeyPatternSource, apiKeyStartPatternSource } from "./api-key.ts";
import { pendingTokenPrefix, sessionTokenTypHeaders } from "./session-token.ts";

/**
 * Regular expression for an `Authorization` header that contains one of Sallyport's own tokens: a token of a full, pending
 * or hosted-challenge session, or an API key. The Worker and the examples for proxies use the same expression. Otherwise
 * the Worker would evaluate another header than the one that reaches the site (INC-23).
 *
 * A proxy cannot parse a JWT, so a session token is recognised by its `typ` (RFC 7515 4.1.9) in base64url. That text has
 * three forms, one for each offset of the `typ` in a group of three bytes.
 */
export const sallyportBearerTokenPatternSource = [
  `(^|[^A-Za-z0-9_.~+/-])(${pendingTokenPrefix}|${apiKeyStartPatternSource})`,
  ...sessionTokenTypHeaders.flatMap((type) => [0, 1, 2].map((offset) => encodeAtOffset(type, offset))),
].join("|");

const ownToken = new RegExp(sallyportBearerTokenPatternSource);

/** Matches a header that is an optional scheme and one session token or API key, and nothing else. */
const onlyTokenPattern = new RegExp(
  String.raw`^(?:[!#$%&'*+.^_|~\w-]+ +)?(?:(?:${pendingTokenPrefix})?[\w-]+\.[\w-]+\.[\w-]+|${apiKeyPatternSource})$`,
);

/**
 * True when an `Authorization` header contains one of Sallyport's own tokens, under any scheme. Only the form is checked:
 * expired tokens, and tokens that the configured first factor does not accept, must not reach the origin either (INC-32).
 *
 * @param authorization the header's value; the runtime joins several header lines with a comma
 */
export const hasSallyportBearerToken = (authorization: string): boolean => ownToken.test(authorization);

/**
 * True when an `Authorization` header contains one of Sallyport's own tokens and anything else. Such a request must be
 * refused. Removing the header would not be enough, because a proxy may pass it to the site, which reads the other part
 * (INC-23).
 */
export const hasSallyportBearerTokenAndOtherText = (authorization: string): boolean =>
  hasSallyportBearerToken(authorization) && !onlyTokenPattern.test(authorization);

/** Returns the base64url characters of a text at this offset in a group of three bytes, without those that its neighbours affect. */
function encodeAtOffset(text: string, offset: number): string {
  const bytes = new TextEncoder().encode("\0".repeat(offset) + text);
  const firstWhole = Math.ceil((offset * 8) / 6);
  const wholeCharacters = Math.floor((bytes.length * 8) / 6);
  return base64urlnopad.encode(bytes).slice(firstWhole, wholeCharacters);
}
