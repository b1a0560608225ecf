import { describe, expect, it } from "vitest";
import { mutants } from "./list.ts";

const sources = import.meta.glob<string>(
  ["../../src/**/*.{ts,tsx}", "../../scripts/examples/*.ts", "../../examples/{nginx,haproxy}/*.{conf,cfg}"],
  { query: "?raw", import: "default", eager: true },
);
const testFiles = Object.keys(import.meta.glob("../**/*.test.{ts,tsx}")).map((path) =>
  path.replace("../", "test/"),
);

/** The same text, with the fault. */
const broken = (source: string, { find, replace }: (typeof mutants)[number]) =>
  source.replace(find, () => replace);

describe("the deliberate faults of `npm run mutants`", () => {
  it("can all be made, in one way only", () => {
    const misfits = mutants.flatMap((mutant) => {
      const source = sources[`../../${mutant.file}`] ?? "";
      const places = source.split(mutant.find).length - 1;
      if (places !== 1) return [`${mutant.name}: what it looks for stands ${places} times in ${mutant.file}`];
      return broken(source, mutant) === source ? [`${mutant.name} changes nothing`] : [];
    });
    expect(misfits).toEqual([]);
  });

  it("have names of their own, a reason, and tests that are there", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.filter(({ why }) => why === "")).toEqual([]);
    const named = mutants.flatMap(({ tests }) => tests);
    expect(named.filter((test) => !testFiles.includes(test))).toEqual([]);
  });
});
