/**
 * `npm run mutants`: applies one deliberate fault at a time to a copy of the project, and fails when all tests of a fault
 * pass. `--list` prints the faults, `--jobs 2` runs two at a time. These options select faults; with several options, a
 * fault must match all of them:
 *
 *   --only NAME        one fault (repeatable)
 *   --changed [BASE]   the faults that are affected by the changes since BASE, a commit or branch
 *   --shard I/N        the Ith of N parts
 *   --at-most N        N faults, spread over the source files
 */
import { parseArgs } from "node:util";
import { mutants } from "../test/mutants/list.ts";
import type { Mutant } from "../test/mutants/mutant.ts";
import { chooseSpread, parseShard, takeShard, touchedBy } from "./mutants/choice.ts";
import { changeSince, findBase, headId } from "./mutants/git-change.ts";
import { findMisfits } from "./mutants/misfits.ts";
import { runAll } from "./mutants/run.ts";
import { projectRoot } from "./start/wrangler.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    changed: { type: "boolean", default: false },
    shard: { type: "string" },
    "at-most": { type: "string" },
    jobs: { type: "string", default: "1" },
  },
});

async function main(): Promise<number> {
  const misfits = findMisfits(projectRoot, mutants);
  const errors = [...misfits, ...findWrongOptions()];
  for (const error of errors) console.error(error);
  if (errors.length > 0) return 1;
  const chosen = choose();
  if (chosen === null) return 1;
  if (!options.list) return (await runAll(chosen, Number(options.jobs))) ? 0 : 1;
  for (const { name, file, why } of chosen) console.log(`${name}\n    ${file}: ${why}`);
  console.log(`${chosen.length} faults`);
  return 0;
}

function findWrongOptions(): string[] {
  const unknown = (options.only ?? []).filter((name) => !mutants.some((mutant) => mutant.name === name));
  const [extra] = positionals.slice(options.changed ? 1 : 0);
  const isCount = (text = "1") => /^[1-9][0-9]{0,5}$/.test(text);
  return [
    ...(unknown.length === 0 ? [] : [`No fault is named ${unknown.join(" or ")}. See --list`]),
    ...(extra === undefined ? [] : [`Unexpected argument "${extra}". Only --changed takes one: its base`]),
    ...(options.shard === undefined || parseShard(options.shard) !== null
      ? []
      : [`--shard must be I/N, such as 2/4 for the second of four parts: "${options.shard}"`]),
    ...(["at-most", "jobs"] as const)
      .filter((name) => !isCount(options[name]))
      .map((name) => `--${name} must be a number, at least 1: "${options[name]}"`),
  ];
}

/** Returns the faults that the options select. Null when the base does not exist, after printing the error. */
function choose(): readonly Mutant[] | null {
  const named = mutants.filter(({ name }) => options.only?.includes(name) ?? true);
  const touched = options.changed ? chooseTouched(named) : named;
  if (touched === null) return null;
  const shard = parseShard(options.shard ?? "1/1");
  const part = shard === null ? touched : takeShard(touched, shard);
  if (options["at-most"] === undefined) return part;
  const { chosen, leftOut } = chooseSpread(part, Number(options["at-most"]), headId(projectRoot));
  if (leftOut.length > 0) {
    const names = leftOut.map(({ name }) => name).join(", ");
    console.log(`${chosen.length} of these faults run, and ${leftOut.length} are left out: ${names}`);
  }
  return chosen;
}

function chooseTouched(named: readonly Mutant[]): readonly Mutant[] | null {
  const result = findBase(projectRoot, positionals[0], process.env.MUTANTS_BASE);
  if (!result.ok) {
    console.error(result.message);
    return null;
  }
  const { commit, account } = result.base;
  console.log(account);
  const change = commit === null ? null : changeSince(projectRoot, commit);
  if (change === null) {
    console.log(`The changed files are unknown, so all ${named.length} faults run`);
    return named;
  }
  const touched = touchedBy(change, named);
  console.log(`${change.files.size} files differ, which touches ${touched.length} of ${named.length} faults`);
  return touched;
}

process.exitCode = await main();
