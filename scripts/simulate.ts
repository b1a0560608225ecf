/**
 * `npm run simulate`: runs attacks against the Worker with a simulated clock, and prints the results as a Markdown table. Exit status 1
 * when a figure exceeds its limit. `npm run simulate -- --seed 7` uses another seed.
 */
import { parseArgs } from "node:util";
import { startVitest } from "vitest/node";
import { type Figure, renderTable } from "./simulate/figure.ts";
import { projectRoot } from "./start/wrangler.ts";

const { values } = parseArgs({ options: { seed: { type: "string", default: "1" } } });
process.env.SEED = values.seed;
process.chdir(projectRoot);

const startedAt = performance.now();
const vitest = await startVitest("test", [], {
  config: "scripts/simulate/vitest.config.ts",
  run: true,
  watch: false,
});
// Vitest runs the slowest files of the last run first. The table has a fixed order.
const modules = vitest.state.getTestModules().toSorted((a, b) => (a.moduleId < b.moduleId ? -1 : 1));
const tests = modules.flatMap((module) => [...module.children.allTests()]);
const figures = tests.flatMap((test) => (test.meta() as { figures?: Figure[] }).figures ?? []);
await vitest.close();

const minutes = (performance.now() - startedAt) / 60_000;
console.log(`\n${renderTable(figures)}\n\nseed ${values.seed}, ${minutes.toFixed(1)} min`);
const failed = tests.some((test) => test.result().state !== "passed") || figures.some(({ ok }) => !ok);
process.exitCode = failed || figures.length === 0 ? 1 : 0;
