/**
 * `npm run bench:scale`: measures the cost of Sallyport's calls on local D1, and computes the load of 10 thousand to 1 billion users
 * on databases with the same costs. Prints the tables of `docs/scaling.md`. A seed determines all random
 * choices.
 */
import { type Section, showSection } from "../report.ts";
import { capacitySection } from "./capacity-tables.ts";
import { checkModel } from "./check.ts";
import type { Costs } from "./costs.ts";
import { growthSections } from "./growth-tables.ts";
import { measureCosts } from "./measure.ts";
import { measuredSection } from "./measured-tables.ts";

/** Computes the sections from measured costs. The costs can be from another run, or have other `bytes`. */
export function scaleSections(costs: Costs): Section[] {
  checkModel();
  return [measuredSection(costs), capacitySection(costs), ...growthSections(costs)];
}

/** Measures and computes the scaling part of the benchmark. */
export async function scale(): Promise<Section> {
  const sections = scaleSections(await measureCosts());
  return {
    title: "Scale on paper",
    tables: sections.flatMap(({ tables }) => tables),
    notes: sections.flatMap(({ notes }) => notes),
    verdicts: [],
  };
}

if (import.meta.main)
  for (const section of scaleSections(await measureCosts())) console.log(showSection(section));
