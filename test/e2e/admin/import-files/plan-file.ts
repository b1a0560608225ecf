import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AdminError } from "../../../../scripts/admin/failure.ts";
import {
  detectFormat,
  findNamedFormat,
  ownFormat,
} from "../../../../scripts/admin/import-formats/format-list.ts";
import { openImportFile } from "../../../../scripts/admin/import-formats/import-file.ts";
import type { JudgeOptions } from "../../../../scripts/admin/import-judge.ts";
import { type JudgedEntry, judgeFile, type Plan, planImport } from "../../../../scripts/admin/import-plan.ts";

/** What became of a file: its plan, or the error that refused all of it. */
export type Planned =
  | {
      readonly format: string;
      readonly plan: Plan;
      readonly entries: readonly JudgedEntry[];
      readonly notes: readonly string[];
    }
  | { readonly refusal: string };

/** Plans the import of a file in this process. Errors that are no refusal are thrown on: they are faults. */
export async function planFile(
  content: string | Buffer,
  {
    format: name,
    password = "correct horse",
    ...options
  }: { format?: string; password?: string } & Partial<JudgeOptions> = {},
): Promise<Planned> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-plan-"));
  const path = join(folder, "file");
  writeFileSync(path, content);
  try {
    const file = await openImportFile(path, new AbortController().signal);
    const format = name === undefined ? await detectFormat(file) : findNamedFormat(name);
    if (format === ownFormat) return { refusal: "own format" };
    const notes: string[] = [];
    const context = { readPassword: async () => password, note: (text: string) => void notes.push(text) };
    const judgeOptions = { username: undefined, issuer: undefined, allowWeak: false, ...options };
    const entries: JudgedEntry[] = [];
    const judged = judgeFile(file, { format, context, options: judgeOptions });
    const plan = await planImport(judged, (one) => void entries.push(one));
    return { format: format.name, plan, entries, notes };
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    return { refusal: error.lines.join(" ") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The text of all that is shown about a file. */
export const shownText = (planned: Planned): string =>
  "refusal" in planned ? planned.refusal : JSON.stringify([planned.plan, planned.notes]);
