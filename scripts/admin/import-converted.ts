import type { Session } from "./command.ts";
import { exitCodes, PartlyDone, usageError } from "./failure.ts";
import type { Chunk } from "./import-chunks.ts";
import { concludeImport, describeEntry, noteLeftOut } from "./import-conclusion.ts";
import type { FormatContext, ImportFormat } from "./import-formats/format.ts";
import type { ImportFile } from "./import-formats/import-file.ts";
import type { JudgeOptions } from "./import-judge.ts";
import { findIssuer, type JudgedEntry, judgeFile, type Plan, planImport } from "./import-plan.ts";
import { sendChunk, Tally } from "./import-report.ts";
import type { Output } from "./output.ts";
import { createProgress } from "./progress.ts";
import type { Prompts } from "./prompts.ts";
import { countOf, readableCount } from "./text.ts";

/** A file in the format of another program, and how to import it. */
export interface ConvertedImport {
  readonly path: string;
  readonly file: ImportFile;
  readonly format: ImportFormat;
  readonly options: JudgeOptions;
  readonly dryRun: boolean;
  readonly fromEntry: number;
  readonly maxLines: number;
}

const passwordVariable = "SALLYPORT_IMPORT_PASSWORD";

/**
 * Imports a file of another program. It reads the file twice: all of it before anything is sent, and once more to send it, so
 * that only the converted lines of one request are in memory.
 */
export async function importConverted(session: Session, job: ConvertedImport): Promise<void> {
  const { output } = session;
  const { file, format, dryRun } = job;
  await file.hold();
  const context = createContext(job.path, session);
  output.note(`The file is ${format.title}.`);
  const read = () => judgeFile(file, { format, context, options: job.options });
  const listed: object[] = [];
  const plan = await planWithProgress(output, file, read(), (judged) => {
    if (!dryRun) return;
    const one = describeJudged(judged);
    if (one === null) return;
    if (output.json) listed.push(one.data);
    output.line(one.text, judged.verdict.kind === "imported" ? undefined : "yellow");
  });
  if (dryRun) return concludeDryRun(output, { format, plan, listed });
  noteLeftOut(output, plan);
  await sendEntries(session, job, { plan, entries: read() });
}

function createContext(path: string, { output, prompts }: Session): FormatContext {
  const shown = new Set<string>();
  let password: Promise<string> | null = null;
  return {
    readPassword: (what) => {
      password ??= findPassword(`${what} of ${path}`, prompts);
      return password;
    },
    note: (text) => {
      if (!shown.has(text)) output.note(text, "yellow");
      shown.add(text);
    },
  };
}

async function findPassword(message: string, prompts: Prompts): Promise<string> {
  const given = process.env[passwordVariable];
  if (given) return given;
  if (prompts.canAsk) return prompts.secret(message);
  throw usageError(
    "The file is encrypted.",
    `Set ${passwordVariable} in the environment, or run the command in a terminal.`,
  );
}

/** The number of entries after which progress is shown. */
const progressStep = 1000;

async function planWithProgress(
  output: Output,
  file: ImportFile,
  entries: AsyncIterable<JudgedEntry>,
  each: (entry: JudgedEntry) => void,
): Promise<Plan> {
  const progress = createProgress(output, file.bytes);
  try {
    return await planImport(entries, (judged) => {
      if (judged.number % progressStep === 0)
        progress.update(file.bytesRead, `checked ${readableCount(judged.number)} entries`);
      each(judged);
    });
  } finally {
    progress.end();
  }
}

/** What a dry run says about an entry. Null for entries without an account. */
function describeJudged({ number, entry, verdict }: JudgedEntry): { text: string; data: object } | null {
  if (verdict.kind === "irrelevant") return null;
  const issuer = findIssuer(entry);
  const of = { entry: number, place: entry.place, username: verdict.username, issuer };
  const isImported = verdict.kind === "imported";
  const hasFactor = entry.kind === "account" && entry.authenticator !== null;
  const words = isImported ? `comes in${hasFactor ? "" : ", without a second factor"}` : verdict.detail;
  const result = isImported
    ? { result: "imported", second_factor: hasFactor }
    : { result: "left_out", reason: verdict.reason, detail: verdict.detail };
  return { text: `${describeEntry(of)}: ${words}`, data: { ...of, ...result } };
}

function concludeDryRun(
  output: Output,
  { format, plan, listed }: { format: ImportFormat; plan: Plan; listed: readonly object[] },
): void {
  const { entries, imported, leftOut, ofOtherIssuers } = plan;
  output.data({
    format: format.name,
    entries,
    importable: imported,
    left_out: leftOut.length,
    of_other_issuers: ofOtherIssuers,
    list: listed,
  });
  output.line(
    `${countOf(entries, "entry")}: ${readableCount(imported)} would come in, ${readableCount(leftOut.length)} would not.`,
  );
  output.line("Nothing was sent. The server can still refuse an account that exists with other data.");
  if (leftOut.length > 0)
    throw new PartlyDone(exitCodes.refused, `${countOf(leftOut.length, "entry")} would not come in.`);
}

async function sendEntries(
  { output, signal, connect }: Session,
  job: ConvertedImport,
  { plan, entries }: { plan: Plan; entries: AsyncIterable<JudgedEntry> },
): Promise<void> {
  if (job.fromEntry > plan.entries + 1)
    throw usageError(`The file has no entry ${job.fromEntry}, only ${countOf(plan.entries, "entry")}.`);
  const api = await connect();
  const tally = new Tally(job.fromEntry, "entry");
  const progress = createProgress(output, plan.entries);
  const failed = new Map<number, string>();
  let ended: unknown = null;
  try {
    for await (const batch of batchEntries(entries, job)) {
      const before = tally.report.errors.length;
      await sendBatch(batch, tally, (chunk) =>
        sendChunk(api, chunk, tally, { pause: progress.pause, signal }),
      );
      for (const { line } of tally.report.errors.slice(before)) failed.set(line, describeSent(batch, line));
      progress.update(tally.report.next_line - 1, tally.words);
    }
  } catch (error) {
    ended = signal.aborted ? signal.reason : error;
  } finally {
    progress.end();
  }
  const describe = (line: number) => failed.get(line) ?? `entry ${line}`;
  concludeImport(output, tally, { thrown: ended, unit: "entry", describe, plan });
}

async function* batchEntries(
  entries: AsyncIterable<JudgedEntry>,
  { fromEntry, maxLines }: ConvertedImport,
): AsyncGenerator<readonly JudgedEntry[], void, undefined> {
  let batch: JudgedEntry[] = [];
  let characters = 0;
  for await (const judged of entries) {
    if (judged.number < fromEntry) continue;
    batch.push(judged);
    characters += judged.verdict.kind === "imported" ? judged.verdict.line.length : 0;
    if (batch.length < maxLines && characters < maxBatchCharacters) continue;
    yield batch;
    [batch, characters] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** Below the limit of the service API for one request, also when each character has three bytes. */
const maxBatchCharacters = 1024 * 1024;

/** Sends a batch. An entry that is left out is an empty line, so that every line has the number of its entry. */
async function sendBatch(
  batch: readonly JudgedEntry[],
  tally: Tally,
  send: (chunk: Chunk) => Promise<void>,
): Promise<void> {
  const firstLine = batch[0]?.number ?? 1;
  const lines = batch.map(({ verdict }) => Buffer.from(verdict.kind === "imported" ? verdict.line : ""));
  if (lines.some((line) => line.length > 0)) return send({ firstLine, lines, bytesSoFar: 0 });
  const next_line = firstLine + batch.length;
  tally.add({
    lines: batch.length,
    created: 0,
    unchanged: 0,
    failed: 0,
    next_line,
    errors: [],
    reset_required: 0,
  });
}

function describeSent(batch: readonly JudgedEntry[], number: number): string {
  const judged = batch.find((one) => one.number === number);
  if (judged === undefined) return `entry ${number}`;
  const { entry, verdict } = judged;
  const issuer = findIssuer(entry);
  const username = verdict.kind === "irrelevant" ? null : verdict.username;
  return describeEntry({ entry: number, place: entry.place, username, issuer });
}
