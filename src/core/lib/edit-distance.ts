/**
 * Returns the least number of insertions, deletions, replacements and swaps of adjacent characters that turn one text into the other
 * (optimal string alignment distance, in UTF-16 units). The time grows with the product of the lengths: pass short texts.
 */
export function computeEditDistance(a: string, b: string): number {
  let [beforeLast, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (row: readonly number[] | undefined, index: number) => row?.[index] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isExchange = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = isExchange ? at(beforeLast, j - 2) + 1 : replaced;
      row.push(Math.min(at(row, j - 1) + 1, at(last, j) + 1, replaced, exchanged));
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length);
}

/**
 * Returns the candidate with the least distance, the first of several. Null when none is near.
 *
 * @param distanceTo the distance to a candidate, or null for a candidate that is not near
 */
export function findNearest(
  candidates: readonly string[],
  distanceTo: (candidate: string) => number | null,
): string | null {
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = distanceTo(candidate);
    if (distance === null || distance >= least) continue;
    [nearest, least] = [candidate, distance];
  }
  return nearest;
}
