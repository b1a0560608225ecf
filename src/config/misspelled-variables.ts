import { computeEditDistance } from "../core/lib/edit-distance.ts";

const maxDistance = 2;
/** A shorter name is near to too many others. */
const minCharacters = 5;

/** True for a value that comes from `[vars]` or a secret. Bindings are objects, such as D1, KV and the version's metadata. */
const isVariable = (value: unknown): boolean =>
  ["string", "number", "boolean"].includes(typeof value) || Array.isArray(value);

/**
 * Finds variables whose names are almost the name of a known variable. Ignoring `ORIGIN_LOGN` would leave a site open to anonymous
 * visitors without a message. Case does not count. Other unknown variables are ignored.
 */
export function findMisspelledVariables(
  env: unknown,
  knownNames: readonly string[],
): { readonly name: string; readonly nearest: string }[] {
  if (typeof env !== "object" || env === null) return [];
  return Object.entries(env).flatMap(([name, value]) => {
    if (knownNames.includes(name) || name.length < minCharacters || !isVariable(value)) return [];
    const nearest = findNearestName(name.toUpperCase(), knownNames);
    return nearest === null ? [] : [{ name, nearest }];
  });
}

function findNearestName(name: string, knownNames: readonly string[]): string | null {
  let nearest: { readonly name: string; readonly distance: number } | null = null;
  for (const known of knownNames) {
    // The difference of the lengths is the least possible distance: it bounds the work for a long name.
    if (Math.abs(known.length - name.length) > maxDistance) continue;
    const distance = computeEditDistance(name, known);
    if (distance <= maxDistance && (nearest === null || distance < nearest.distance))
      nearest = { name: known, distance };
  }
  return nearest?.name ?? null;
}
