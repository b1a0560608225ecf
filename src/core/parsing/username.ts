import { isUndecodable } from "./undecodable.ts";

export const maxUsernameCharacters = 256;

/** Control, format, unassigned, private-use and half-surrogate characters, and the two separators of lines. */
const forbidden = /[\p{C}\p{Zl}\p{Zp}]/u;

/** Does the text hold what no name has: a character that is invisible or breaks a line, or bytes that are not UTF-8 (INC-36)? */
export const isForbiddenInNames = (text: string): boolean => forbidden.test(text) || isUndecodable(text);

/**
 * The one form of a user name that is stored, compared and counted (INC-07): NFKC, trimmed, lower case. Applied to
 * its own result it changes nothing.
 *
 * @returns 1 to 256 code points, or null when the text holds a forbidden character or nothing is left, or too much
 */
export function canonicalUsername(text: string): string | null {
  // Normalisation can make text shorter, but not by this much; without a bound the caller's input sets the work.
  if (text.length > 8 * maxUsernameCharacters || isForbiddenInNames(text)) return null;
  // Lower case can leave the normal form (a capital I with a dot does), hence the second time.
  const canonical = text.normalize("NFKC").toLowerCase().normalize("NFKC").trim();
  const length = [...canonical].length;
  return length >= 1 && length <= maxUsernameCharacters ? canonical : null;
}
