import type { Mutant } from "../../test/mutants/mutant.ts";

/** The differences between an earlier commit and the working tree. */
export interface Change {
  /** Changed files, relative to the project's root. */
  readonly files: ReadonlySet<string>;
  /** Names of the faults whose definition in `test/mutants/` changed. */
  readonly faults: ReadonlySet<string>;
}

/** Returns the faults that a change affects: their source file, one of their test files, or their definition changed. */
export function touchedBy(change: Change, mutants: readonly Mutant[]): Mutant[] {
  return mutants.filter(
    ({ name, file, tests }) =>
      change.faults.has(name) || [file, ...tests].some((path) => change.files.has(path)),
  );
}

/** Returns the names of the faults that a file of `test/mutants/` defines, each with the text of its definition. */
export function definitionsIn(text: string): Map<string, string> {
  const definitions = text.matchAll(/^ {4}name: "([^"]+)",\n(.*?)^ {2}\},$/gms);
  return new Map([...definitions].map(([, name = "", definition = ""]) => [name, definition]));
}

/** Returns the names of the faults that are new or changed in a file of `test/mutants/`. */
export function changedDefinitions(before: string, after: string): string[] {
  const known = definitionsIn(before);
  return [...definitionsIn(after)].flatMap(([name, text]) => (known.get(name) === text ? [] : [name]));
}

/** One of several parts of equal size; `index` counts from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Parses `2/4`, the second of four parts. Returns null for another form and for a part that does not exist. */
export function parseShard(text: string): Shard | null {
  const [, index = 0, count = 0] = (/^([0-9]{1,4})\/([0-9]{1,4})$/.exec(text) ?? []).map(Number);
  return index >= 1 && index <= count ? { index, count } : null;
}

/** Returns every `count`th item, so that adjacent items, which take about the same time, are in different parts. */
export function takeShard<T>(items: readonly T[], { index, count }: Shard): T[] {
  return items.filter((_, at) => at % count === index - 1);
}

/**
 * Returns at most `count` faults, spread over the source files: the first of every file, then the second of every file, and so on.
 * The seed determines the order of the files and of the faults of a file, so the same seed selects the same faults. Both lists of the
 * result keep the order of `mutants`.
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

/** FNV-1a with 32 bits: mixes well enough for a pseudorandom order, and does not depend on the platform. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
