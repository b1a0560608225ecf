import { computeEditDistance } from "../lib/edit-distance.ts";

/** How many unknown names a message has. A body of 16 KiB can have thousands. */
const maxNames = 3;
/** How much of an unknown name a message has. The longest known name has 27 characters. */
const maxNameCharacters = 40;

/**
 * Describes the names of an object that are not known, each with the nearest known name, or with all known names where none
 * is near. The text is printable ASCII of bounded length, whatever the names are.
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
 * Returns a name that a client chose in quotes: escaped, and shortened. A name that could be a secret or a token, which has
 * come to the wrong place, is not repeated (LG-03).
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

/** True for a URI with a secret, and for letters and digits as in the shortest secret that an import takes (80 bits in base32). */
export const isPossibleSecret = (name: string): boolean => /(?=[a-z]*\d)[a-z0-9]{16}|otpauth:/i.test(name);

/** Returns the known name that a client may have meant, or null. Case and separators do not count. */
function findNearestName(name: string, known: readonly string[]): string | null {
  const folded = fold(name.slice(0, maxNameCharacters));
  let nearest: { readonly name: string; readonly distance: number } | null = null;
  for (const candidate of known) {
    const distance = distanceIfNear(folded, fold(candidate));
    if (distance !== null && (nearest === null || distance < nearest.distance))
      nearest = { name: candidate, distance };
  }
  return nearest?.name ?? null;
}

const fold = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** A name that contains the other is near, too: `hash` for `password_hash`. Null: the names are not near. */
function distanceIfNear(a: string, b: string): number | null {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  const isPart = short.length >= 4 && long.includes(short);
  // The distance is at least the difference of the lengths. An import may have 5,000 lines with unknown fields (INC-30).
  if (!isPart && (long.length - short.length) * 3 > long.length) return null;
  const distance = computeEditDistance(short, long);
  return isPart || distance * 3 <= long.length ? distance : null;
}
