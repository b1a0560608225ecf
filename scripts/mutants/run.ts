import { availableParallelism } from "node:os";
import type { Mutant } from "../../test/mutants/mutant.ts";
import { projectRoot } from "../start/wrangler.ts";
import { ProjectCopy } from "./project-copy.ts";
import { judge, type TestRun, type Verdict } from "./test-run.ts";

/** Runs the tests of each fault, with up to `jobs` faults at a time, and prints the verdicts. Returns true when all were caught. */
export async function runAll(chosen: readonly Mutant[], jobs: number): Promise<boolean> {
  const copyCount = Math.max(1, Math.min(jobs, 2, availableParallelism(), chosen.length));
  const copies = Array.from({ length: copyCount }, () => new ProjectCopy(projectRoot));
  const stop = () => {
    for (const copy of copies) copy.remove();
    process.exit(130);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const names: Record<Verdict, string[]> = { caught: [], survived: [], broken: [] };
  const queue = [...chosen];
  let done = 0;
  try {
    await Promise.all(
      copies.map(async (copy) => {
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
          const { verdict, account } = await runOne(copy, mutant);
          names[verdict].push(mutant.name);
          done += 1;
          console.log(`${done}/${chosen.length} ${verdict.padEnd(8)} ${mutant.name}${account}`);
        }
      }),
    );
  } finally {
    for (const copy of copies) copy.remove();
  }
  const { caught, survived, broken } = names;
  if (survived.length > 0) console.log(`survived: ${survived.join(", ")}`);
  if (broken.length > 0) console.log(`broken: ${broken.join(", ")}`);
  console.log(`${caught.length} caught, ${survived.length} survived, ${broken.length} broken`);
  return caught.length === chosen.length;
}

async function runOne(copy: ProjectCopy, mutant: Mutant): Promise<{ verdict: Verdict; account: string }> {
  const started = performance.now();
  // First the tests whose title contains `titled`. If all of them pass, all tests of the same files.
  const patterns = mutant.titled === undefined ? [undefined] : [mutant.titled, undefined];
  let run: TestRun | null = null;
  for (const titled of patterns) {
    for (const test of mutant.tests) {
      const sound = await runSound(copy, test, titled);
      // With several test files, some may have no test with this title.
      if (judge(sound) === "survived" || (sound.complete && sound.passed === 0)) continue;
      const failures = [...sound.failed, ...sound.crashed].join("\n") || sound.output;
      return { verdict: "broken", account: `: ${test} fails without it already\n${failures}` };
    }
    run = await copy.withFault(mutant, async () => {
      const first = await copy.test(mutant.tests, { bail: true, titled });
      if (first.failed.length > 0 || first.crashed.length === 0) return first;
      // A later test may fail by an assertion. If no test passes, the program does not run at all.
      const whole = await copy.test(mutant.tests, { bail: false, titled });
      return whole.passed > 0 ? whole : { ...whole, failed: [] };
    });
    if (judge(run) === "caught") break;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const verdict = run === null ? "broken" : judge(run);
  const evidence = {
    caught: run?.failed[0],
    survived: `${mutant.file}: ${mutant.why}`,
    broken: run?.crashed.length
      ? `no expectation has failed, but the program crashed\n${run.crashed[0]}`
      : `no test has failed, and not all have run\n${run?.output}`,
  };
  return { verdict, account: ` (${seconds} s): ${evidence[verdict]}` };
}

const soundRuns = new Map<string, Promise<TestRun>>();

/** Runs tests without a fault. Each combination runs once and is reused for all faults. */
function runSound(copy: ProjectCopy, test: string, titled: string | undefined): Promise<TestRun> {
  const key = JSON.stringify([test, titled]);
  const run = soundRuns.get(key) ?? copy.test([test], { bail: false, titled });
  soundRuns.set(key, run);
  return run;
}
