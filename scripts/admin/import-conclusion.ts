import { AdminError, exitCodes, PartlyDone, ServerRefusal, Unreachable } from "./failure.ts";
import type { Plan } from "./import-plan.ts";
import type { Tally } from "./import-report.ts";
import type { Output } from "./output.ts";
import { countOf } from "./text.ts";

/** The number of failed lines that fit on a screen. */
const shownErrors = 20;

/**
 * Reports the result of an import.
 *
 * @param thrown what ended the import early, or null
 * @throws PartlyDone when a line failed, an entry was left out, or the import ended early
 */
export function concludeImport(
  output: Output,
  tally: Tally,
  {
    thrown,
    unit,
    describe,
    plan,
  }: {
    thrown: unknown;
    unit: "line" | "entry";
    /** Names the place of a line that failed. */
    describe: (line: number) => string;
    plan: Plan | null;
  },
): void {
  // An error before the first line was sent, or an internal error, has no summary.
  const ended = thrown instanceof AdminError ? thrown : null;
  if (ended === null ? thrown !== null : ended.exitCode === exitCodes.usage) throw thrown;
  const { report, undescribed } = tally;
  for (const { line, detail, code } of report.errors.slice(0, shownErrors))
    output.note(`${describe(line)}: ${detail} (${code})`, "yellow");
  const more = report.failed - Math.min(report.errors.length, shownErrors);
  if (more > 0) output.note(`… and ${countOf(more, unit)} more. Use --json to list them.`);
  if (undescribed > 0)
    output.note(
      "The server describes the first 100 failed lines of a request. Use --chunk-lines 100 to see all.",
    );

  const left = plan === null ? {} : { left_out: plan.leftOut, of_other_issuers: plan.ofOtherIssuers };
  output.data({ ...report, ...left, ...ended?.toJson() });
  output.line(tally.summary);
  if (report.reset_required > 0)
    output.note(
      `New password necessary: ${countOf(report.reset_required, "account")}. Their hashes are only kept.`,
    );
  if (ended !== null) {
    const isBroken = !(
      ended instanceof ServerRefusal ||
      ended instanceof Unreachable ||
      ended.exitCode > 100
    );
    const goOn = isBroken || report.lines === 0 ? [] : [`Continue with: ${resumption(report.next_line)}`];
    throw new PartlyDone(ended.exitCode, ...ended.lines, ...goOn);
  }
  const problems = [
    report.failed > 0 ? `${countOf(report.failed, unit)} failed and changed nothing.` : "",
    plan !== null && plan.leftOut.length > 0
      ? `${countOf(plan.leftOut.length, "entry")} did not come in.`
      : "",
  ].filter((text) => text !== "");
  if (problems.length > 0) throw new PartlyDone(exitCodes.refused, problems.join(" "));
}

/** Notes the first entries that are not imported. */
export function noteLeftOut(output: Output, { leftOut, ofOtherIssuers }: Plan): void {
  for (const { entry, place, username, issuer, detail } of leftOut.slice(0, shownErrors))
    output.note(`${describeEntry({ entry, place, username, issuer })}: ${detail}`, "yellow");
  const more = leftOut.length - shownErrors;
  if (more > 0) output.note(`… and ${countOf(more, "entry")} more. Use --dry-run or --json to list them.`);
  if (ofOtherIssuers > 0) output.note(`${countOf(ofOtherIssuers, "entry")} of other issuers not imported.`);
}

/** `entry 3 (line 4), ada of Shop` */
export function describeEntry(of: {
  entry: number;
  place: string;
  username: string | null;
  issuer: string | null;
}): string {
  const name = of.username === null ? "" : `, ${of.username}`;
  return `entry ${of.entry} (${of.place})${name}${of.issuer === null ? "" : ` of ${of.issuer}`}`;
}

/** The command that imports the remaining lines, to be copied. */
function resumption(line: number): string {
  const args = process.argv.slice(2).filter((arg, index, all) => {
    return !arg.startsWith("--from-line") && all[index - 1] !== "--from-line";
  });
  const program = process.env.npm_lifecycle_event === "admin" ? "npm run admin --" : "npx sallyport-admin";
  return [program, ...args.map(quote), "--from-line", String(line)].join(" ");
}

/** Quotes an argument for a shell. */
const quote = (arg: string) => (/^[\w./:@=,+-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`);
