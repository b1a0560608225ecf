import { StoreUnavailableError } from "../../store/platform/database.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { createMissingUsersOfChunk, type ImportLineOutcome } from "./import-chunk.ts";
import type { ImportedUser, ImportLineFailure } from "./imported-user.ts";
import type { ServiceCall } from "./service-caller.ts";

/** One parsed line of an import file. */
export interface ParsedImportLine {
  /** The line number in the file, from 1. */
  readonly line: number;
  readonly bytes: number;
  /** Null: the line is empty. */
  readonly entry: { readonly ok: true; readonly user: ImportedUser } | ImportLineFailure | null;
}

/** The number of a line that was not imported, and the reason. */
export interface ImportLineError {
  readonly line: number;
  readonly failure: ImportLineFailure;
}

/** A line whose account was created and needs a new password. */
export interface ImportPasswordReset {
  readonly line: number;
  /** The name of the form of its password hash (`core/crypto/imported-password.ts`). */
  readonly form: string;
}

/** How many lines were imported, and which failed. */
export interface ImportReport {
  /** Lines that were processed, empty ones included. */
  readonly lines: number;
  readonly created: number;
  /** Lines whose account existed already with the same data. */
  readonly unchanged: number;
  readonly failed: number;
  /** Created accounts that need a new password. */
  readonly resetRequired: number;
  /** The number of the first line that was not processed. */
  readonly nextLine: number;
  /** The first 100 of the failed lines; in a dry run all of them. */
  readonly errors: readonly ImportLineError[];
  /** The first 100 of the accounts that need a new password; in a dry run all of them. */
  readonly resets: readonly ImportPasswordReset[];
  /** True: nothing was written. */
  readonly dryRun: boolean;
  /** The error that ended the import early. Null: all lines were processed. */
  readonly interrupted: StoreUnavailableError | null;
}

/** Limits of a chunk, which takes one read and one batch. They keep each parameter far below the size that D1 allows. */
const maxChunkUsers = 200;
const maxChunkBytes = 256 * 1024;
const maxChunkLines = 1000;

/** The most entries of each list in the report of an import. A dry run has no limit, because its purpose is these lists. */
const maxListed = 100;

/**
 * Creates the accounts of a file, chunk by chunk and in order. A failed line changes nothing. A line whose account exists
 * changes nothing either, so the same file can be sent again. Memory is bounded by the chunk, not by the file.
 *
 * A dry run reports what an import of the same lines would do, and writes no account. It keeps the accounts that the import would
 * create in memory, because a later line can have the same name.
 *
 * @param lines in the order of the file
 * @param firstLine the number of the first of these lines in the file
 */
export async function importUsers(
  deps: Deps,
  call: ServiceCall,
  lines: AsyncIterable<ParsedImportLine>,
  { firstLine, dryRun }: { readonly firstLine: number; readonly dryRun: boolean },
): Promise<ImportReport> {
  const report = new ReportBuilder(firstLine, dryRun);
  const planned: User[] | null = dryRun ? [] : null;
  let chunk: ParsedImportLine[] = [];
  try {
    for await (const line of lines) {
      chunk.push(line);
      if (!isFull(chunk)) continue;
      await importLines(deps, call, chunk, { report, planned });
      chunk = [];
    }
    await importLines(deps, call, chunk, { report, planned });
    return report.build(null);
  } catch (error) {
    if (error instanceof StoreUnavailableError) return report.build(error);
    throw error;
  }
}

function isFull(chunk: readonly ParsedImportLine[]): boolean {
  const users = chunk.filter(({ entry }) => entry?.ok === true);
  const bytes = chunk.reduce((total, line) => total + line.bytes, 0);
  return users.length >= maxChunkUsers || bytes >= maxChunkBytes || chunk.length >= maxChunkLines;
}

async function importLines(
  deps: Deps,
  call: ServiceCall,
  chunk: readonly ParsedImportLine[],
  { report, planned }: { readonly report: ReportBuilder; readonly planned: User[] | null },
): Promise<void> {
  const users = chunk.flatMap(({ entry }) => (entry?.ok === true ? [entry.user] : []));
  const outcomes = await createMissingUsersOfChunk(deps, call, users, planned);
  for (const { line, entry } of chunk) {
    const outcome = entry?.ok === true ? (outcomes.get(entry.user) ?? null) : entry;
    report.add(line, outcome);
    if (outcome === "created" && entry?.ok === true && entry.user.resetForm !== undefined)
      report.addReset({ line, form: entry.user.resetForm });
  }
}

/** Counts outcomes. The lines of a chunk are added only after its batch has been committed. */
class ReportBuilder {
  readonly #firstLine: number;
  readonly #dryRun: boolean;
  readonly #maxListed: number;
  readonly #errors: ImportLineError[] = [];
  readonly #resets: ImportPasswordReset[] = [];
  readonly #counts = { created: 0, unchanged: 0, failed: 0, resetRequired: 0 };
  #nextLine: number;

  constructor(firstLine: number, dryRun: boolean) {
    this.#dryRun = dryRun;
    this.#maxListed = dryRun ? Number.POSITIVE_INFINITY : maxListed;
    this.#firstLine = firstLine;
    this.#nextLine = firstLine;
  }

  add(line: number, outcome: ImportLineOutcome | null): void {
    this.#nextLine = line + 1;
    if (outcome === null) return;
    this.#counts[typeof outcome === "string" ? outcome : "failed"] += 1;
    if (typeof outcome !== "string" && this.#errors.length < this.#maxListed)
      this.#errors.push({ line, failure: outcome });
  }

  addReset(reset: ImportPasswordReset): void {
    this.#counts.resetRequired += 1;
    if (this.#resets.length < this.#maxListed) this.#resets.push(reset);
  }

  build(interrupted: StoreUnavailableError | null): ImportReport {
    const lines = this.#nextLine - this.#firstLine;
    const lists = { errors: this.#errors, resets: this.#resets };
    return { lines, ...this.#counts, nextLine: this.#nextLine, ...lists, dryRun: this.#dryRun, interrupted };
  }
}
