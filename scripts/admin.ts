/**
 * `npm run admin -- …` and `npx sallyport-admin …`: administers a deployment over its service API.
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

/** Colours of the prompts, too: their library asks the environment. */
if (args.includes("--no-color")) process.env.NO_COLOR = "1";

const cleanUpMilliseconds = 3000;
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interruption.abort(new AdminError(signalExitCodes[signal], "Interrupted."));
    // Whatever does not hear of it has this long to clean up.
    setTimeout(() => process.exit(signalExitCodes[signal]), cleanUpMilliseconds).unref();
  });
}
// Whoever read the output has gone, as `head` does when it has seen enough.
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
    const told = ended.toJson();
    if (told !== null) output.data(told);
    output.error(ended.lines);
    return ended.exitCode;
  }
}

/** A fault of this program. What the error says can be a server's words: it goes out as all other text does. */
function reportBug(error: unknown): number {
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  output.error(["This is a fault of the program. Please report it:", ...text.split("\n")]);
  return exitCodes.refused;
}

/** Commander has written what there is to say. */
const isHelp = ({ code }: CommanderError) =>
  code === "commander.helpDisplayed" || code === "commander.version";

const exitCode = await run();
// What is written to a pipe is on its way until it says so.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>((written) => stream.write("", () => written()));
// A connection that is kept open would keep the program, too.
process.exit(exitCode);
