import { splitStreamIntoByteLines } from "../../src/core/parsing/lines.ts";
import { usageError } from "./failure.ts";

/** The limit of the service API for one line. */
const maxLineBytes = 16 * 1024;
/** Below the limit of the service API for one request. */
const chunkBytes = 1024 * 1024;

/** Lines of a file that are sent together. */
export interface Chunk {
  /** The number of the first line, from 1. */
  readonly firstLine: number;
  /** Without newlines. Null for a line that is too long to be sent. */
  readonly lines: readonly (Uint8Array | null)[];
  /** The number of bytes of the file up to the end of this chunk. */
  readonly bytesSoFar: number;
}

/**
 * Splits a file into chunks, with one chunk in memory at a time.
 *
 * @param fromLine earlier lines are skipped
 * @throws AdminError when the file ends before `fromLine`
 */
export async function* readChunks(
  file: AsyncIterable<Uint8Array>,
  { fromLine, maxLines }: { fromLine: number; maxLines: number },
): AsyncGenerator<Chunk, void, undefined> {
  let [line, bytes, bytesSoFar] = [0, 0, 0];
  let lines: (Uint8Array | null)[] = [];
  for await (const text of splitStreamIntoByteLines(file, maxLineBytes)) {
    line += 1;
    bytesSoFar += (text?.length ?? 0) + 1;
    if (line < fromLine) continue;
    lines.push(text);
    bytes += text?.length ?? 0;
    if (lines.length < maxLines && bytes < chunkBytes) continue;
    yield { firstLine: line - lines.length + 1, lines, bytesSoFar };
    [lines, bytes] = [[], 0];
  }
  if (lines.length > 0) yield { firstLine: line - lines.length + 1, lines, bytesSoFar };
  if (line < fromLine - 1) throw usageError(`The file has no line ${fromLine}, only ${line} lines.`);
}

/** The body of a request. A line that is too long is sent as an empty one, so that all others keep their numbers. */
export function encodeChunk({ lines }: Chunk): Uint8Array<ArrayBuffer> {
  const newline = Uint8Array.of(0x0a);
  return Buffer.concat(lines.flatMap((text) => (text === null ? [newline] : [text, newline])));
}

/** The lines of a chunk that are too long to be sent. */
export const linesTooLong = ({ firstLine, lines }: Chunk): number[] =>
  lines.flatMap((text, index) => (text === null ? [firstLine + index] : []));
