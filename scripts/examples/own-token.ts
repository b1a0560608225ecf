import { base64urlnopad } from "@scure/base";

/** The `typ` of the tokens of sessions (`src/core/session-token.ts`). */
const sessionTokenTypes = ["sallyport-session+jwt", "sallyport-pending+jwt"];

/**
 * A pattern for an `Authorization` header that carries a token of Sallyport's: of a session, full or pending, or an API
 * key. No proxy can parse a JWT, so a session's token is known by its `typ` in base64url (RFC 7515 4.1.9), which has
 * three forms: it depends on the place of the text in its group of three bytes.
 */
export const ownTokenPattern = [
  "(^|[^A-Za-z0-9_.~+/-])(pending_|sp_[a-z2-7]{16}_)",
  ...sessionTokenTypes.flatMap((type) => [0, 1, 2].map((place) => encodedAt(type, place))),
].join("|");

/** The characters of base64url that the text alone decides, when it begins at this byte of a group of three. */
function encodedAt(text: string, place: number): string {
  const bytes = new TextEncoder().encode("\0".repeat(place) + text);
  const firstWhole = Math.ceil((place * 8) / 6);
  const wholeCharacters = Math.floor((bytes.length * 8) / 6);
  return base64urlnopad.encode(bytes).slice(firstWhole, wholeCharacters);
}
