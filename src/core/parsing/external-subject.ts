import { canonicalUsername, isForbiddenInNames, maxUsernameCharacters } from "./username.ts";

/** How the names of an external source are told apart: as they are, or by their canonical form (`EXTERNAL_NAMES`). */
export type ExternalNames = "exact" | "canonical";

/** A header loses blanks at either end, so "ada" and "ada " would reach the origin as the same `Remote-User`. */
const surroundingBlank = /^\s|\s$/;

/**
 * Reads the name that an external source has for an account (INC-27). With `exact` it stays as it is: two names that
 * differ in one character are two accounts. With `canonical` it gets its canonical form (`core/parsing/username.ts`).
 *
 * @param value a text, or a number that is a safe integer: `JSON.parse` rounds larger ones, so two would become one
 * @returns 1 to 256 code points, or null: no account has such a name
 */
export function parseSubject(value: unknown, names: ExternalNames): string | null {
  const text = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== "string") return null;
  if (names === "canonical") return canonicalUsername(text);
  // A code point has at most two code units: without a bound the source's input sets the work.
  if (text.length > 2 * maxUsernameCharacters) return null;
  if (isForbiddenInNames(text) || surroundingBlank.test(text)) return null;
  const length = [...text].length;
  return length >= 1 && length <= maxUsernameCharacters ? text : null;
}

/** The form that all spellings of a name have in common. A name that would be too long in it has no other spelling. */
export const canonicalSubject = (subject: string): string => canonicalUsername(subject) ?? subject;
