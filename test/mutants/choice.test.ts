import { describe, expect, it } from "vitest";
import {
  changedDefinitions,
  chooseSpread,
  definitionsIn,
  parseShard,
  takeShard,
  touchedBy,
} from "../../scripts/mutants/choice.ts";
import { mutants } from "./list.ts";
import type { Mutant } from "./mutant.ts";

const mutantFiles = import.meta.glob<string>("./*.ts", { query: "?raw", import: "default", eager: true });

const fault = (name: string, file: string, ...tests: string[]): Mutant => ({
  name,
  file,
  find: "a",
  replace: "b",
  why: "c",
  tests: [`test/${name}.test.ts`, ...tests],
});

const change = (files: string[], faults: string[] = []) => ({
  files: new Set(files),
  faults: new Set(faults),
});
const names = (faults: readonly Mutant[]) => faults.map(({ name }) => name);

describe("the faults that a change touches", () => {
  const faults = [
    fault("one", "src/a.ts"),
    fault("two", "src/b.ts", "test/shared.test.ts"),
    fault("three", "src/b.ts"),
  ];

  it.each([
    ["their source file", ["src/b.ts"], [], ["two", "three"]],
    ["their first test file", ["test/one.test.ts"], [], ["one"]],
    ["another of their test files", ["test/shared.test.ts"], [], ["two"]],
    ["their own definition", ["test/mutants/x.ts"], ["three"], ["three"]],
    ["several of these, each fault once", ["src/b.ts", "test/two.test.ts"], ["two"], ["two", "three"]],
    ["nothing of theirs", ["README.md", "src/b.tsx", "src/bb.ts", "b.ts"], [], []],
  ])("are those where the change is in %s", (_what, files, changed, touched) => {
    expect(names(touchedBy(change(files, changed), faults))).toEqual(touched);
  });

  it("are all that name a file, for every file that a fault of the project names", () => {
    for (const { name, file, tests } of mutants) {
      for (const path of [file, ...tests]) expect(names(touchedBy(change([path]), mutants))).toContain(name);
    }
  });
});

describe("the definitions of faults", () => {
  const text = (find: string, more = "") =>
    `export const list = [\n  {\n    name: "one",\n    find: "${find}",\n  },\n${more}];\n`;
  const two = '  {\n    name: "two",\n    find: "x",\n  },\n';

  it("are found in the project's own files, each of them", () => {
    const found = Object.values(mutantFiles).flatMap((source) => [...definitionsIn(source).keys()]);
    expect(found.toSorted()).toEqual(names(mutants).toSorted());
  });

  it("differ when they are new or read otherwise, and not because of their neighbours", () => {
    expect(changedDefinitions("", text("a", two))).toEqual(["one", "two"]);
    expect(changedDefinitions(text("a"), text("b", two))).toEqual(["one", "two"]);
    expect(changedDefinitions(text("a"), text("a", two))).toEqual(["two"]);
    expect(changedDefinitions(text("a", two), text("a"))).toEqual([]);
    expect(changedDefinitions(text("a", two), text("a", two))).toEqual([]);
  });
});

describe("a part of the faults", () => {
  it("is written as its number and how many there are", () => {
    expect(parseShard("1/1")).toEqual({ index: 1, count: 1 });
    expect(parseShard("12/40")).toEqual({ index: 12, count: 40 });
  });

  it.each([
    "",
    "1",
    "/",
    "0/4",
    "5/4",
    "1/0",
    "-1/4",
    "1/4/4",
    "1.5/4",
    " 1/4",
    "1/4\n",
    "a/b",
    "1e1/99",
    "00000001/2",
  ])("is not %j", (text) => {
    expect(parseShard(text)).toBeNull();
  });

  it.each([1, 2, 3, 4, 7, 200])(
    "of %i: each fault is in exactly one, and none is larger by more than one",
    (count) => {
      const parts = Array.from({ length: count }, (_, at) => takeShard(mutants, { index: at + 1, count }));
      expect(parts.flatMap(names).toSorted()).toEqual(names(mutants).toSorted());
      const sizes = parts.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    },
  );
});

describe("a bounded choice of faults", () => {
  const faults = ["a", "b", "c"].flatMap((file, at) =>
    Array.from({ length: [6, 1, 3][at] ?? 0 }, (_, number) => fault(`${file}${number}`, `src/${file}.ts`)),
  );
  const countByFile = (chosen: readonly Mutant[]) =>
    ["a", "b", "c"].map((file) => chosen.filter((one) => one.file === `src/${file}.ts`).length);

  it.each([
    [3, [1, 1, 1]],
    [5, [2, 1, 2]],
    [7, [3, 1, 3]],
    [10, [6, 1, 3]],
    [11, [6, 1, 3]],
  ])("of %i takes from every source file in turn", (atMost, counts) => {
    expect(countByFile(chooseSpread(faults, atMost, "seed").chosen)).toEqual(counts);
  });

  it("leaves out what it does not choose, and keeps the order of the list", () => {
    for (let atMost = 1; atMost <= mutants.length; atMost += 9) {
      const { chosen, leftOut } = chooseSpread(mutants, atMost, "seed");
      expect(chosen).toHaveLength(atMost);
      expect(mutants.filter((mutant) => chosen.includes(mutant))).toEqual(chosen);
      expect(mutants.filter((mutant) => !chosen.includes(mutant))).toEqual(leftOut);
    }
  });

  it("is the same for the same seed, and each fault's turn comes with some seed", () => {
    expect(chooseSpread(mutants, 10, "seed")).toEqual(chooseSpread(mutants, 10, "seed"));
    const seeds = Array.from({ length: 500 }, (_, at) => `commit ${at}`);
    const ever = new Set(seeds.flatMap((seed) => names(chooseSpread(mutants, 40, seed).chosen)));
    expect(ever.size).toBe(mutants.length);
  });
});
