import { computeEditDistance, findNearest } from "../core/lib/edit-distance.ts";

const maxDistance = 2;
/** Names with fewer characters are not checked: too many unrelated names are within {@link maxDistance}. */
const minCharacters = 5;

/** True for a value that comes from `[vars]` or a secret. Bindings are objects, such as D1, KV and the version's metadata. */
const isVariable = (value: unknown): boolean =>
  ["string", "number", "boolean"].includes(typeof value) || Array.isArray(value);

/**
 * Finds unknown variables whose names differ from a known name by at most {@link maxDistance} edits, ignoring case. If a typing error
 * such as `ORIGIN_LOGN` were ignored, the site would be open to anonymous visitors. Other unknown variables are not returned.
 */
export function findMisspelledVariables(
  env: unknown,
  knownNames: readonly string[],
): { readonly name: string; readonly nearest: string }[] {
  if (typeof env !== "object" || env === null) return [];
  return Object.entries(env).flatMap(([name, value]) => {
    if (knownNames.includes(name) || name.length < minCharacters || !isVariable(value)) return [];
    const upper = name.toUpperCase();
    const nearest = findNearest(knownNames, (known) => distanceIfNear(upper, known));
    return nearest === null ? [] : [{ name, nearest }];
  });
}

/** The distance is at least the difference of the lengths, which bounds the work for a long name. */
function distanceIfNear(name: string, known: string): number | null {
  if (Math.abs(known.length - name.length) > maxDistance) return null;
  const distance = computeEditDistance(name, known);
  return distance <= maxDistance ? distance : null;
}
