import { canonicalizeUsername, hasForbiddenNameCharacter, maxUsernameCharacters } from "./username.ts";

/** How names of an external first factor are compared: exactly, or by their canonical form (`EXTERNAL_NAMES`). */
export type ExternalNameComparison = "exact" | "canonical";

/** White space at either end of a header is lost, so "ada" and "ada " would reach the origin as the same `Remote-User`. */
const surroundingBlank = /^\s|\s$/;

/**
 * Parses the name of an account from an external first factor (INC-27). With `exact` the name is not changed: two names
 * that differ in one character are two accounts. With `canonical` its canonical form is returned
 * (`core/parsing/username.ts`).
 *
 * @param value a string, or a number that is a safe integer: `JSON.parse` rounds larger ones, so two accounts could get
 * the same name
 * @returns 1 to 256 code points, or null when the value is no valid name
 */
export function parseExternalSubject(value: unknown, names: ExternalNameComparison): string | null {
  const text = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== "string") return null;
  if (names === "canonical") return canonicalizeUsername(text);
  // Checked before counting code points, each of at most two code units, so that long input costs no work.
  if (text.length > 2 * maxUsernameCharacters) return null;
  if (hasForbiddenNameCharacter(text) || surroundingBlank.test(text)) return null;
  const length = [...text].length;
  return length >= 1 && length <= maxUsernameCharacters ? text : null;
}

/** Returns the canonical form of a name, or the name itself when its canonical form is not a valid name. */
export const canonicalizeSubjectIfPossible = (subject: string): string =>
  canonicalizeUsername(subject) ?? subject;
