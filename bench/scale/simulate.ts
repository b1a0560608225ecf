/**
 * `npm run bench:scale`: measures what the calls of Sallyport cost on local D1, and works out what 10 thousand to
 * 1 billion users would ask of databases that cost the same. Prints the tables of `docs/scaling.md`. All random choices come
 * from a seed.
 */
import { type Section, showSection } from "../report.ts";
import { capacitySection } from "./capacity-tables.ts";
import { checkModel } from "./check.ts";
import type { Costs } from "./costs.ts";
import { growthSections } from "./growth-tables.ts";
import { measureCosts } from "./measure.ts";
import { measuredSection } from "./measured-tables.ts";

/** What follows from measured costs. Those of another run can be given, or with `bytes` of another measurement. */
export function scaleSections(costs: Costs): Section[] {
  checkModel();
  return [measuredSection(costs), capacitySection(costs), ...growthSections(costs)];
}

/** Measures, simulates, and sums up as one part of the benchmark. */
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
