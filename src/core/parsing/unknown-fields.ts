import { computeEditDistance, findNearest } from "../lib/edit-distance.ts";

/** The most unknown names in a message. A body of 16 KiB can have thousands. */
const maxNames = 3;
/** The most characters of an unknown name in a message. The longest known name has 27. */
const maxNameCharacters = 40;

/**
 * Returns a message about the unknown names of an object. Each has the nearest known name; if one has none, the message lists all known
 * names. The message is printable ASCII of bounded length.
 *
 * @param unknown at least one name
 * @param known the names that the object may have
 * @example
 * describeUnknownNames("field", ["pasword"], ["username", "password"])
 * // Unknown field "pasword" (did you mean "password"?).
 */
export function describeUnknownNames(
  noun: "field" | "parameter",
  unknown: readonly string[],
  known: readonly string[],
): string {
  const shown = unknown.slice(0, maxNames).map((name) => ({ name, nearest: findNearestName(name, known) }));
  const texts = shown.map(
    ({ name, nearest }) => quoteName(name) + (nearest === null ? "" : ` (did you mean "${nearest}"?)`),
  );
  const more = unknown.length - shown.length;
  const list = texts.join(", ") + (more === 0 ? "" : ` and ${more} more`);
  const sentence = `Unknown ${noun}${unknown.length === 1 ? "" : "s"} ${list}.`;
  if (shown.every(({ nearest }) => nearest !== null)) return sentence;
  return `${sentence} ${known.length === 0 ? "None is known here" : `Known: ${known.join(", ")}`}.`;
}

/**
 * Returns a client's name for a message: in quotes, escaped and shortened. For a name that could be a secret or a token in the wrong
 * place, it returns only the length (LG-03).
 */
export function quoteName(name: string): string {
  const start = name.slice(0, maxNameCharacters);
  if (isPossibleSecret(start)) return `with ${name.length} characters that could be a secret`;
  const escaped = JSON.stringify(start).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return name.length > maxNameCharacters ? `${escaped} (shortened)` : escaped;
}

/**
 * True when the text contains `otpauth:`, or a run of at least 16 letters and digits with a digit in it. The shortest secret that an
 * import accepts (80 bits in base32) has 16 characters. A secret without a digit is not recognised.
 */
export const isPossibleSecret = (name: string): boolean => /(?=[a-z]*\d)[a-z0-9]{16}|otpauth:/i.test(name);

/** Returns the nearest known name, or null when none is near. Compares letters and digits only, ignoring case. */
function findNearestName(name: string, known: readonly string[]): string | null {
  const folded = fold(name.slice(0, maxNameCharacters));
  return findNearest(known, (candidate) => distanceIfNear(folded, fold(candidate)));
}

const fold = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/**
 * Returns the edit distance of two names, or null when they are not near. Near means: at most a third of the longer name's length, or
 * the shorter name is a part of the longer one (`hash`, `password_hash`).
 */
function distanceIfNear(a: string, b: string): number | null {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  const isPart = short.length >= 4 && long.includes(short);
  // The distance is at least the difference of the lengths, so it need not be computed. An import can have 5,000 lines with unknown fields (INC-30).
  if (!isPart && (long.length - short.length) * 3 > long.length) return null;
  const distance = computeEditDistance(short, long);
  return isPart || distance * 3 <= long.length ? distance : null;
}
