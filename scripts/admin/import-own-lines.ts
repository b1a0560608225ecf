import type { Api } from "./api.ts";
import type { Session } from "./command.ts";
import { readChunks } from "./import-chunks.ts";
import { concludeImport } from "./import-conclusion.ts";
import { sendChunk, Tally } from "./import-report.ts";
import { createProgress } from "./progress.ts";

/** Lines of JSON for the service API, which are sent as they are. */
export interface OwnLines {
  readonly lines: AsyncIterable<Uint8Array>;
  /** The length of the file. Null when it is unknown. */
  readonly bytes: number | null;
  /** The number of bytes of the file that were read, when the lines have another length than the file. */
  readonly bytesRead: (() => number) | null;
}

/** Sends the lines of a file in Sallyport's own format, and reports the result. */
export async function importOwnLines(
  { output, signal }: Session,
  api: Api,
  { lines, bytes, bytesRead }: OwnLines,
  { fromLine, maxLines, dryRun }: { fromLine: number; maxLines: number; dryRun: boolean },
): Promise<void> {
  const tally = new Tally(fromLine);
  const progress = createProgress(output, bytes);
  let ended: unknown = null;
  try {
    for await (const chunk of readChunks(lines, { fromLine, maxLines })) {
      await sendChunk(api, chunk, tally, { pause: progress.pause, signal, dryRun });
      progress.update(bytesRead?.() ?? chunk.bytesSoFar, tally.words);
    }
  } catch (error) {
    ended = signal.aborted ? signal.reason : error;
  } finally {
    progress.end();
  }
  if (dryRun)
    output.note("This is a dry run: nothing is written. The counts are of what an import would do.");
  concludeImport(output, tally, {
    thrown: ended,
    unit: "line",
    describe: (line) => `line ${line}`,
    plan: null,
  });
}
