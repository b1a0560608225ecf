import * as z from "zod/mini";
import { read } from "./answers.ts";
import type { Api } from "./api.ts";
import { mayPass, ServerRefusal, Unreachable } from "./failure.ts";
import { type Chunk, encodeChunk, linesTooLong } from "./import-chunks.ts";
import { countOf, readableCount } from "./text.ts";
import { waitFor } from "./waiting.ts";

const importReport = z.object({
  lines: z.int(),
  created: z.int(),
  unchanged: z.int(),
  failed: z.int(),
  next_line: z.int(),
  errors: z.array(z.object({ line: z.int(), code: z.string(), detail: z.string() })),
  /** Accounts whose password hash is only kept. An older server does not count them. */
  reset_required: z._default(z.int(), 0),
});

/** The service API's report about the lines of a request. */
export type ImportReport = z.output<typeof importReport>;

/** The sum of the reports about a file. */
export class Tally {
  report: ImportReport;
  /** The number of failed lines that the server did not describe. */
  undescribed = 0;
  readonly #startedAt = performance.now();
  readonly #unit: string;

  /** @param unit what the numbers count: lines, or entries of a file in another format */
  constructor(fromLine: number, unit: "line" | "entry" = "line") {
    this.#unit = unit;
    this.report = {
      lines: 0,
      created: 0,
      unchanged: 0,
      failed: 0,
      next_line: fromLine,
      errors: [],
      reset_required: 0,
    };
  }

  add({ lines, created, unchanged, failed, next_line, errors, reset_required }: ImportReport): void {
    const sum = this.report;
    this.report = {
      lines: sum.lines + lines,
      created: sum.created + created,
      unchanged: sum.unchanged + unchanged,
      failed: sum.failed + failed,
      next_line,
      errors: [...sum.errors, ...errors],
      reset_required: sum.reset_required + reset_required,
    };
    this.undescribed += failed - errors.length;
  }

  /** Adds lines that were not sent. */
  addTooLong(lines: readonly number[]): void {
    const detail = "The line is longer than 16 KiB.";
    const errors = lines.map((line) => ({ line, code: "malformed_request", detail }));
    this.report.failed += lines.length;
    this.report.errors = [...this.report.errors, ...errors].sort((a, b) => a.line - b.line);
  }

  /** The text of the progress bar. */
  get words(): string {
    const { next_line: next, created, failed } = this.report;
    return `${this.#unit} ${readableCount(next - 1)}: ${readableCount(created)} created, ${readableCount(failed)} failed`;
  }

  get summary(): string {
    const { lines, created, unchanged, failed } = this.report;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const [new_, same, not] = [created, unchanged, failed].map(readableCount);
    const rate = readableCount(Math.round(lines / Math.max(seconds, 0.001)));
    return `${countOf(lines, this.#unit)}: ${new_} created, ${same} unchanged, ${not} failed (${seconds.toFixed(1)} s, ${rate} a second).`;
  }
}

/** A chunk may have to wait for a busy database. */
const chunkWithinSeconds = 120;
const maxFailures = 5;
const maxWaitSeconds = 60;
/** The duration of a block by the limit of imports (docs/throttling.md). */
const maxLimitSeconds = 15 * 60;

/**
 * Sends a chunk. When the server stops in the middle, sends the remaining lines. Retries temporary failures: importing the same
 * line again changes nothing.
 *
 * @throws ServerRefusal, Unreachable after {@link maxFailures} failures in a row, or when no line was imported before
 */
export async function sendChunk(
  api: Api,
  chunk: Chunk,
  tally: Tally,
  { pause, signal, dryRun = false }: { pause: (why: string) => void; signal: AbortSignal; dryRun?: boolean },
): Promise<void> {
  let rest = chunk;
  for (let failures = 0; ; ) {
    const answer = await post(api, rest, dryRun);
    if (answer.report !== null) {
      tally.add(answer.report);
      const settled = answer.report.next_line - rest.firstLine;
      const done = { ...rest, lines: rest.lines.slice(0, settled) };
      tally.addTooLong(linesTooLong(done));
      rest = { ...rest, firstLine: answer.report.next_line, lines: rest.lines.slice(settled) };
      if (settled > 0) failures = 0;
      if (rest.lines.length === 0) return;
      if (settled > 0 && !mayPass(answer.error)) continue;
    }
    failures += 1;
    if (answer.error === null) throw new Unreachable("The server accepted no line and gave no reason.");
    if (!mayPass(answer.error) || failures > maxFailures || tally.report.lines === 0) throw answer.error;
    const problem = answer.error instanceof ServerRefusal ? answer.error.problem : null;
    const longest = problem?.status === 429 ? maxLimitSeconds : maxWaitSeconds;
    const seconds = Math.min(problem?.retryAfterSeconds ?? 2 ** failures, longest);
    pause(`${answer.error.lines[0]} Retrying in ${countOf(seconds, "second")}.`);
    await waitFor(seconds, signal);
  }
}

/** Sends lines. The report is null when there is none; the error is null when all lines were processed. */
async function post(
  api: Api,
  chunk: Chunk,
  dryRun: boolean,
): Promise<{ report: ImportReport | null; error: unknown }> {
  try {
    const answer = await api.call({
      method: "POST",
      path: "/v1/import",
      query: { first_line: chunk.firstLine, ...(dryRun ? { dry_run: "true" } : {}) },
      lines: encodeChunk(chunk),
      withinSeconds: chunkWithinSeconds,
      // Only a line about an account of ADMIN_USERS needs it. Without the key that line fails, and there is no prompt.
      exportKey: "may_be_needed",
    });
    return { report: read(importReport, answer), error: null };
  } catch (error) {
    const told = error instanceof ServerRefusal ? importReport.safeParse(error.problem.members) : null;
    return { report: told?.success === true ? told.data : null, error };
  }
}
