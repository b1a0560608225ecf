import type { ImportEntry } from "./import-formats/entry.ts";
import type { FormatContext, ImportFormat } from "./import-formats/format.ts";
import type { ImportFile } from "./import-formats/import-file.ts";
import { Judge, type JudgeOptions, type LeftOutReason, type Verdict, withoutSecret } from "./import-judge.ts";

/** An entry with its number in the file, from 1, and what becomes of it. */
export interface JudgedEntry {
  readonly number: number;
  readonly entry: ImportEntry;
  readonly verdict: Verdict;
}

/** An entry that is not imported, as the report names it. */
export interface LeftOut {
  readonly entry: number;
  readonly place: string;
  readonly username: string | null;
  readonly issuer: string | null;
  readonly reason: LeftOutReason;
  readonly detail: string;
}

/** What an import of a whole file does. */
export interface Plan {
  readonly entries: number;
  readonly imported: number;
  readonly leftOut: readonly LeftOut[];
  /** Entries of other issuers, which `--issuer` excludes. They are not in {@link leftOut}. */
  readonly ofOtherIssuers: number;
}

/** Reads a file and judges each of its entries. Reading it twice gives the same result. */
export async function* judgeFile(
  file: ImportFile,
  { format, context, options }: { format: ImportFormat; context: FormatContext; options: JudgeOptions },
): AsyncGenerator<JudgedEntry, void, undefined> {
  const judge = new Judge(options);
  let number = 0;
  for await (const entry of format.read(file, context)) {
    number += 1;
    yield { number, entry, verdict: await judge.judge(entry, number) };
  }
}

/**
 * Reads the whole file before anything is sent, so that a file that can't be read to its end imports nothing.
 *
 * @param each is called for each entry
 */
export async function planImport(
  entries: AsyncIterable<JudgedEntry>,
  each: (entry: JudgedEntry) => void,
): Promise<Plan> {
  const counts = { entries: 0, imported: 0, ofOtherIssuers: 0 };
  const leftOut: LeftOut[] = [];
  for await (const judged of entries) {
    counts.entries += 1;
    if (judged.verdict.kind === "imported") counts.imported += 1;
    const one = toLeftOut(judged);
    if (one?.reason === "other_issuer") counts.ofOtherIssuers += 1;
    else if (one !== null) leftOut.push(one);
    each(judged);
  }
  return { ...counts, leftOut };
}

/** The issuer of an entry, for the report. */
export const findIssuer = (entry: ImportEntry): string | null =>
  entry.kind === "account" ? withoutSecret(entry.issuer) : null;

function toLeftOut({ number, entry, verdict }: JudgedEntry): LeftOut | null {
  if (verdict.kind !== "left_out") return null;
  const { username, reason, detail } = verdict;
  const issuer = findIssuer(entry);
  return { entry: number, place: entry.place, username, issuer, reason, detail };
}
