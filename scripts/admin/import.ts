import type { Command } from "commander";
import type { OpenSession, Session } from "./command.ts";
import { AdminError, exitCodes, PartlyDone, ServerRefusal, Unreachable } from "./failure.ts";
import { openInput } from "./files.ts";
import { example } from "./help.ts";
import { readChunks } from "./import-chunks.ts";
import { sendChunk, Tally } from "./import-report.ts";
import type { Output } from "./output.ts";
import { wholeNumber } from "./paging.ts";
import { createProgress } from "./progress.ts";
import { openUsers, readIdentity } from "./sealed-export.ts";
import { countOf } from "./text.ts";

interface ImportOptions {
  readonly fromLine: number;
  readonly identity?: string;
  readonly chunkLines: number;
}

/** The limit of the service API for one request. */
const maxLines = 5000;

/** Adds `import`. */
export function addImportCommand(program: Command, open: OpenSession): void {
  program
    .command("import")
    .argument("<file>", "one user per line as JSON (docs/import-export.md); - for standard input")
    .description("Import users with their authenticators; importing a file again changes nothing")
    .option("--from-line <n>", "start at this line, as printed by an interrupted import", wholeNumber(1), 1)
    .option("-i, --identity <file>", "private key (JWK or PEM), if <file> was written by export")
    .option("--chunk-lines <n>", "number of lines per request", wholeNumber(1, maxLines), 1000)
    .addHelpText(
      "after",
      example(
        "sallyport-admin import users.ndjson --realm shop",
        "sallyport-admin import users.jwe --identity move.private.json",
      ),
    )
    .action(async (file: string, options: ImportOptions, command: Command) =>
      importUsers(open(command), file, options),
    );
}

async function importUsers(session: Session, file: string, options: ImportOptions): Promise<void> {
  const { output, signal, connect } = session;
  const { fromLine, identity, chunkLines: maxLines } = options;
  const opened = identity === undefined ? null : await readIdentity(identity);
  const api = await connect();
  const { chunks, bytes } = await openInput(file, signal);
  const read = { bytes: 0 };
  const counted = countBytes(chunks, read);
  const lines = opened === null ? counted : openUsers(counted, opened);

  const tally = new Tally(fromLine);
  const progress = createProgress(output, bytes);
  let ended: unknown = null;
  try {
    for await (const chunk of readChunks(lines, { fromLine, maxLines })) {
      await sendChunk(api, chunk, tally, { pause: progress.pause, signal });
      // The lines of an encrypted file have another length than the file, so progress counts the bytes that were read.
      progress.update(opened === null ? chunk.bytesSoFar : read.bytes, tally.words);
    }
  } catch (error) {
    ended = signal.aborted ? signal.reason : error;
  } finally {
    progress.end();
  }
  conclude(output, tally, ended);
}

async function* countBytes(
  chunks: AsyncIterable<Uint8Array>,
  read: { bytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    read.bytes += chunk.length;
    yield chunk;
  }
}

/** The number of failed lines that fit on a screen. */
const shownErrors = 20;

function conclude(output: Output, tally: Tally, thrown: unknown): void {
  // An error before the first line was sent, or an internal error, has no summary.
  const ended = thrown instanceof AdminError ? thrown : null;
  if (ended === null ? thrown !== null : ended.exitCode === exitCodes.usage) throw thrown;
  const { report, undescribed } = tally;
  for (const { line, detail, code } of report.errors.slice(0, shownErrors))
    output.note(`line ${line}: ${detail} (${code})`, "yellow");
  const more = report.failed - Math.min(report.errors.length, shownErrors);
  if (more > 0) output.note(`… and ${countOf(more, "line")} more. Use --json to list them.`);
  if (undescribed > 0)
    output.note(
      "The server describes the first 100 failed lines of a request. Use --chunk-lines 100 to see all.",
    );

  output.data({ ...report, ...ended?.toJson() });
  output.line(tally.summary);
  if (ended !== null) {
    const isBroken = !(
      ended instanceof ServerRefusal ||
      ended instanceof Unreachable ||
      ended.exitCode > 100
    );
    const goOn = isBroken || report.lines === 0 ? [] : [`Continue with: ${resumption(report.next_line)}`];
    throw new PartlyDone(ended.exitCode, ...ended.lines, ...goOn);
  }
  if (report.failed > 0)
    throw new PartlyDone(exitCodes.refused, `${countOf(report.failed, "line")} failed and changed nothing.`);
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
