import { splitLines } from "../../src/core/parsing/lines.ts";
import { usageError } from "./failure.ts";

/** As long as the service API takes a line. */
const longestLineBytes = 16 * 1024;
/** Far from what the service API takes at once, and so much that few requests are needed. */
const chunkBytes = 1024 * 1024;

/** Lines of a file that are sent together. */
export interface Chunk {
  /** Where the first of them stands in the file, from 1 on. */
  readonly firstLine: number;
  /** Without their ends. Null: it is too long to be sent. */
  readonly lines: readonly (Uint8Array | null)[];
  /** How many bytes of the file come before its end. */
  readonly bytesSoFar: number;
}

/**
 * Cuts a file into chunks, and holds one at a time.
 *
 * @param fromLine all before it are passed over
 * @throws AdminError when the file ends before that
 */
export async function* readChunks(
  file: AsyncIterable<Uint8Array>,
  { fromLine, mostLines }: { fromLine: number; mostLines: number },
): AsyncGenerator<Chunk, void, undefined> {
  let [line, bytes, bytesSoFar] = [0, 0, 0];
  let lines: (Uint8Array | null)[] = [];
  for await (const text of splitLines(file, longestLineBytes)) {
    line += 1;
    bytesSoFar += (text?.length ?? 0) + 1;
    if (line < fromLine) continue;
    lines.push(text);
    bytes += text?.length ?? 0;
    if (lines.length < mostLines && bytes < chunkBytes) continue;
    yield { firstLine: line - lines.length + 1, lines, bytesSoFar };
    [lines, bytes] = [[], 0];
  }
  if (lines.length > 0) yield { firstLine: line - lines.length + 1, lines, bytesSoFar };
  if (line < fromLine - 1) throw usageError(`There is no line ${fromLine}: the file has ${line}.`);
}

/** The body of a request. A line that is too long is sent as an empty one, so that all others keep their numbers. */
export function encodeChunk({ lines }: Chunk): Uint8Array<ArrayBuffer> {
  const newline = Uint8Array.of(0x0a);
  return Buffer.concat(lines.flatMap((text) => (text === null ? [newline] : [text, newline])));
}

/** The lines of a chunk that are too long to be sent. */
export const linesTooLong = ({ firstLine, lines }: Chunk): number[] =>
  lines.flatMap((text, index) => (text === null ? [firstLine + index] : []));
