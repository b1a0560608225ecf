/**
 * `npm run admin -- …` and `npx sallyport-admin …`: the command line program for administrators, which calls the service API.
 *
 * `docs/admin-cli.md` has every command, option and exit code.
 */
import { CommanderError } from "commander";
import { createOpenSession } from "./admin/command.ts";
import { AdminError, exitCodes, signalExitCodes } from "./admin/failure.ts";
import { Output } from "./admin/output.ts";
import { createProgram, refuseSecrets } from "./admin/program.ts";

const args = process.argv.slice(2);
const json = args.includes("--json");
const output = new Output({ json, color: !args.includes("--no-color") && !process.env.NO_COLOR });

// The library of the prompts reads NO_COLOR.
if (args.includes("--no-color")) process.env.NO_COLOR = "1";

const cleanUpMilliseconds = 3000;
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interruption.abort(new AdminError(signalExitCodes[signal], "Interrupted."));
    // Commands that do not watch the signal have this long to clean up.
    setTimeout(() => process.exit(signalExitCodes[signal]), cleanUpMilliseconds).unref();
  });
}
// The reader of the pipe has closed it, as `head` does.
process.stdout.on("error", () => process.exit(exitCodes.refused));
process.stderr.on("error", () => process.exit(exitCodes.refused));

async function run(): Promise<number> {
  try {
    refuseSecrets(args);
    const program = createProgram(createOpenSession(interruption.signal));
    await program.parseAsync(args, { from: "user" });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError) return isHelp(error) ? exitCodes.done : exitCodes.usage;
    const { aborted, reason } = interruption.signal;
    const ended = aborted && !(error instanceof AdminError) ? reason : error;
    if (!(ended instanceof AdminError)) return reportBug(error);
    const json = ended.toJson();
    if (json !== null) output.data(json);
    output.error(ended.lines);
    return ended.exitCode;
  }
}

/** Reports an unexpected error. Its text may come from a server, so it is written through {@link Output}. */
function reportBug(error: unknown): number {
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  output.error(["Internal error. Please report it:", ...text.split("\n")]);
  return exitCodes.refused;
}

/** True for `--help` and `--version`, whose text commander has already written. */
const isHelp = ({ code }: CommanderError) =>
  code === "commander.helpDisplayed" || code === "commander.version";

const exitCode = await run();
// Wait until the pipes have taken the output: process.exit would discard it.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>((written) => stream.write("", () => written()));
// An open keep-alive connection would delay the end of the program.
process.exit(exitCode);
