import { hasReplacementCharacter } from "./undecodable.ts";

export const maxUsernameCharacters = 256;

/** Control, format, unassigned, private-use and lone surrogate characters, and the line and paragraph separators. */
const forbiddenCharacter = /[\p{C}\p{Zl}\p{Zp}]/u;

/** True when the text has a character that is invisible or breaks a line, or came from bytes that are not UTF-8 (INC-36). */
export const hasForbiddenNameCharacter = (text: string): boolean =>
  forbiddenCharacter.test(text) || hasReplacementCharacter(text);

/**
 * Returns the canonical form of a user name (INC-07): NFKC, trimmed, lower case. User names are stored, compared and counted
 * in this form only. The canonical form of a canonical name is itself.
 *
 * @returns 1 to 256 code points, or null when the text has a forbidden character, is empty after trimming, or is too long
 */
export function canonicalizeUsername(text: string): string | null {
  // Bounds the work for long input. Normalisation can shorten a text, but not to an eighth.
  if (text.length > 8 * maxUsernameCharacters || hasForbiddenNameCharacter(text)) return null;
  // Normalised again, because lower-casing can produce text that is not NFKC (it does for a capital I with a dot).
  const canonical = text.normalize("NFKC").toLowerCase().normalize("NFKC").trim();
  const length = [...canonical].length;
  return length >= 1 && length <= maxUsernameCharacters ? canonical : null;
}
