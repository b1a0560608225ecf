import { StoreUnavailable } from "../../store/platform/database.ts";
import type { Deps } from "../deps.ts";
import { type ImportOutcome, importChunk } from "./import-chunk.ts";
import type { ImportedUser, LineFailure } from "./imported-user.ts";
import type { ServiceCall } from "./service-caller.ts";

/** One line of a file, read. */
export interface ParsedLine {
  /** Where it stands in the file, from 1 on. */
  readonly line: number;
  readonly bytes: number;
  /** Null: the line is empty. */
  readonly entry: { readonly ok: true; readonly user: ImportedUser } | LineFailure | null;
}

export interface LineError {
  readonly line: number;
  readonly failure: LineFailure;
}

/** What has become of the lines. */
export interface ImportReport {
  /** All that were read and settled, the empty ones too. */
  readonly lines: number;
  readonly created: number;
  /** Are there already, with the same data. */
  readonly unchanged: number;
  readonly failed: number;
  /** The first line that is not settled. */
  readonly nextLine: number;
  /** Of those that failed, the first ones. */
  readonly errors: readonly LineError[];
  /** What ended the import before the lines did. */
  readonly interrupted: StoreUnavailable | null;
}

/** One read and one batch take this many accounts. With the bytes it keeps far from D1's limit of a parameter. */
const chunkUsers = 200;
const chunkBytes = 256 * 1024;
const chunkLines = 1000;

const mostErrors = 100;

/**
 * Creates the accounts of a file, a chunk at a time and in order. A line that fails changes nothing, and neither does
 * one whose user is there already: who sends the same lines again changes nothing more. Time and memory grow with the
 * chunk and not with the file.
 *
 * @param lines in the order of the file
 * @param firstLine where the first of them stands
 */
export async function importUsers(
  deps: Deps,
  call: ServiceCall,
  lines: AsyncIterable<ParsedLine>,
  firstLine: number,
): Promise<ImportReport> {
  const tally = new Tally(firstLine);
  let chunk: ParsedLine[] = [];
  try {
    for await (const line of lines) {
      chunk.push(line);
      if (!isFull(chunk)) continue;
      await settle(deps, call, chunk, tally);
      chunk = [];
    }
    await settle(deps, call, chunk, tally);
    return tally.report(null);
  } catch (error) {
    if (error instanceof StoreUnavailable) return tally.report(error);
    throw error;
  }
}

function isFull(chunk: readonly ParsedLine[]): boolean {
  const users = chunk.filter(({ entry }) => entry?.ok === true);
  const bytes = chunk.reduce((total, line) => total + line.bytes, 0);
  return users.length >= chunkUsers || bytes >= chunkBytes || chunk.length >= chunkLines;
}

async function settle(
  deps: Deps,
  call: ServiceCall,
  chunk: readonly ParsedLine[],
  tally: Tally,
): Promise<void> {
  const users = chunk.flatMap(({ entry }) => (entry?.ok === true ? [entry.user] : []));
  const outcomes = await importChunk(deps, call, users);
  for (const { line, entry } of chunk) {
    tally.count(line, entry?.ok === true ? (outcomes.get(entry.user) ?? null) : entry);
  }
}

/** Counts lines; nothing of a chunk that did not go through is in it. */
class Tally {
  readonly #firstLine: number;
  readonly #errors: LineError[] = [];
  readonly #counts = { created: 0, unchanged: 0, failed: 0 };
  #nextLine: number;

  constructor(firstLine: number) {
    this.#firstLine = firstLine;
    this.#nextLine = firstLine;
  }

  count(line: number, outcome: ImportOutcome | null): void {
    this.#nextLine = line + 1;
    if (outcome === null) return;
    this.#counts[typeof outcome === "string" ? outcome : "failed"] += 1;
    if (typeof outcome !== "string" && this.#errors.length < mostErrors)
      this.#errors.push({ line, failure: outcome });
  }

  report(interrupted: StoreUnavailable | null): ImportReport {
    const lines = this.#nextLine - this.#firstLine;
    return { lines, ...this.#counts, nextLine: this.#nextLine, errors: this.#errors, interrupted };
  }
}
