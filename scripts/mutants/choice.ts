import type { Mutant } from "../../test/mutants/mutant.ts";

/** What differs between an earlier commit and the project as it is now. */
export interface Change {
  /** Files that differ, from the project's root. */
  readonly files: ReadonlySet<string>;
  /** Names of the faults whose definition in `test/mutants/` differs. */
  readonly faults: ReadonlySet<string>;
}

/** The faults that a change touches: their source file, one of their test files, or their own definition differs. */
export function touchedBy(change: Change, mutants: readonly Mutant[]): Mutant[] {
  return mutants.filter(
    ({ name, file, tests }) =>
      change.faults.has(name) || [file, ...tests].some((path) => change.files.has(path)),
  );
}

/** The names of the faults that a file of `test/mutants/` defines, each with its definition as it is written there. */
export function definitionsIn(text: string): Map<string, string> {
  const definitions = text.matchAll(/^ {4}name: "([^"]+)",\n(.*?)^ {2}\},$/gms);
  return new Map([...definitions].map(([, name = "", definition = ""]) => [name, definition]));
}

/** The names of the faults that are new in a file of `test/mutants/`, or defined in another way than before. */
export function changedDefinitions(before: string, after: string): string[] {
  const known = definitionsIn(before);
  return [...definitionsIn(after)].flatMap(([name, text]) => (known.get(name) === text ? [] : [name]));
}

/** One of several parts of equal size; `index` counts from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Reads `2/4`, the second of four parts. Null: it is not of this form, or there is no such part. */
export function parseShard(text: string): Shard | null {
  const [, index = 0, count = 0] = (/^([0-9]{1,4})\/([0-9]{1,4})$/.exec(text) ?? []).map(Number);
  return index >= 1 && index <= count ? { index, count } : null;
}

/** Every `count`th item, so that neighbours, which take about the same time, are in different parts. */
export function takeShard<T>(items: readonly T[], { index, count }: Shard): T[] {
  return items.filter((_, at) => at % count === index - 1);
}

/**
 * At most so many faults, spread over the source files: the first of every file, then the second of every file, until
 * there are enough. The seed decides which is first, and the same seed always chooses the same. Both lists keep the order
 * of `mutants`.
 */
export function chooseSpread(
  mutants: readonly Mutant[],
  atMost: number,
  seed: string,
): { chosen: Mutant[]; leftOut: Mutant[] } {
  const rank = (text: string) => fnv1a(`${seed} ${text}`);
  const ranked = mutants.toSorted((left, right) => rank(left.name) - rank(right.name));
  const ofFile = Map.groupBy(ranked, ({ file }) => file);
  const files = [...ofFile.keys()].toSorted((left, right) => rank(left) - rank(right));
  const places = mutants.map((_, place) => place);
  const inTurn = places.flatMap((place) => files.flatMap((file) => ofFile.get(file)?.[place] ?? []));
  const chosen = new Set(inTurn.slice(0, atMost));
  return {
    chosen: mutants.filter((mutant) => chosen.has(mutant)),
    leftOut: mutants.filter((mutant) => !chosen.has(mutant)),
  };
}

/** FNV-1a of 32 bits: mixes well enough for an order that looks random, and needs no platform. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
