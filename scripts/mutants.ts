/**
 * `npm run mutants`: puts one deliberate fault at a time into a copy of the project, and fails when the tests that
 * should notice do not. `--list` shows the faults, `--only NAME` runs one (more than once: several), `--jobs 2` runs
 * two at a time.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { mutants } from "../test/mutants/list.ts";
import type { Mutant } from "../test/mutants/mutant.ts";
import { findMisfits } from "./mutants/misfits.ts";
import { ProjectCopy, type TestRun } from "./mutants/project-copy.ts";
import { projectRoot } from "./start/wrangler.ts";

const { values: options } = parseArgs({
  options: {
    list: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    jobs: { type: "string", default: "1" },
  },
});

async function main(): Promise<number> {
  const misfits = findMisfits(projectRoot, mutants);
  for (const misfit of misfits) console.error(misfit);
  if (misfits.length > 0) return 1;
  const unknown = (options.only ?? []).filter((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown.length > 0) {
    console.error(`There is no fault named ${unknown.join(" or ")}: --list shows them`);
    return 1;
  }
  const chosen = mutants.filter(({ name }) => options.only?.includes(name) ?? true);
  if (!options.list) return (await runAll(chosen)) ? 0 : 1;
  for (const { name, file, why } of chosen) console.log(`${name}\n    ${file}: ${why}`);
  console.log(`${chosen.length} faults`);
  return 0;
}

type Verdict = "caught" | "survived" | "broken";

/** A failure has to be a test's: a project that does not start shows nothing about its tests. */
function judge(run: TestRun): Verdict {
  if (run.failed.length > 0) return "caught";
  return run.complete && run.passed > 0 ? "survived" : "broken";
}

async function runAll(chosen: readonly Mutant[]): Promise<boolean> {
  const jobs = Math.max(1, Math.min(Number(options.jobs) || 1, 2, availableParallelism()));
  const copies = Array.from({ length: jobs }, () => new ProjectCopy(projectRoot));
  const stop = () => {
    for (const copy of copies) copy.remove();
    process.exit(130);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const verdicts: Verdict[] = [];
  const queue = [...chosen];
  try {
    await Promise.all(
      copies.map(async (copy) => {
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
          const { verdict, account } = await runOne(copy, mutant);
          verdicts.push(verdict);
          console.log(`${verdicts.length}/${chosen.length} ${verdict.padEnd(8)} ${mutant.name}${account}`);
        }
      }),
    );
  } finally {
    for (const copy of copies) copy.remove();
  }
  const count = (verdict: Verdict) => verdicts.filter((one) => one === verdict).length;
  console.log(`${count("caught")} caught, ${count("survived")} survived, ${count("broken")} broken`);
  return count("caught") === chosen.length;
}

async function runOne(copy: ProjectCopy, mutant: Mutant): Promise<{ verdict: Verdict; account: string }> {
  const started = performance.now();
  // First the tests that are there for this, and where they see nothing all that stands beside them.
  const patterns = mutant.titled === undefined ? [undefined] : [mutant.titled, undefined];
  let run: TestRun | null = null;
  for (const titled of patterns) {
    for (const test of mutant.tests) {
      const sound = await runSound(copy, test, titled);
      if (judge(sound) === "survived" || nothingIsTitled(sound)) continue;
      const failures = sound.failed.join("\n") || sound.output;
      return { verdict: "broken", account: `: ${test} fails without it already\n${failures}` };
    }
    run = await copy.withFault(mutant, () => copy.test(mutant.tests, { bail: true, titled }));
    if (judge(run) === "caught") break;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const verdict = run === null ? "broken" : judge(run);
  const evidence = {
    caught: run?.failed[0],
    survived: `${mutant.file}: ${mutant.why}`,
    broken: `no test has failed, and not all have run\n${run?.output}`,
  };
  return { verdict, account: ` (${seconds} s): ${evidence[verdict]}` };
}

/** Of several files not every one has tests of such a title. */
const nothingIsTitled = ({ complete, passed }: TestRun) => complete && passed === 0;

const soundRuns = new Map<string, Promise<TestRun>>();

/** What tests come to without a fault. They are run once, however many faults they are for. */
function runSound(copy: ProjectCopy, test: string, titled: string | undefined): Promise<TestRun> {
  const key = JSON.stringify([test, titled]);
  const run = soundRuns.get(key) ?? copy.test([test], { bail: false, titled });
  soundRuns.set(key, run);
  return run;
}

process.exitCode = await main();
