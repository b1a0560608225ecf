import { usageError } from "../failure.ts";

/** The encodings that are recognised, by their labels for `TextDecoder`. */
export type Encoding = "utf-8" | "utf-16le" | "utf-16be";

/**
 * Finds the encoding of a text by its byte order mark. Without one it is UTF-8, or UTF-16 when every second byte of the
 * beginning is zero, as in a text of ASCII characters.
 */
export function findEncoding(head: Uint8Array): Encoding {
  const [first, second] = head;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  const some = head.subarray(0, 64);
  if (some.length < 4) return "utf-8";
  const hasZeros = (from: number) => some.every((byte, index) => index % 2 !== from || byte === 0);
  if (hasZeros(1)) return "utf-16le";
  return hasZeros(0) ? "utf-16be" : "utf-8";
}

/**
 * Decodes a text, without its byte order mark.
 *
 * @throws AdminError that names the line in which the text has other bytes
 */
export async function* decodeChunks(
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let line = 1;
  const decode = (bytes: Uint8Array | undefined) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw usageError(
        `The file is no ${encoding.toUpperCase()} text: it has other bytes from about line ${line} on.`,
        "If a spreadsheet wrote the file, save it as UTF-8. If the file is encrypted, name its format with --format.",
      );
    }
  };
  for await (const chunk of chunks) {
    const text = decode(chunk);
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) line += 1;
    yield text;
  }
  yield decode(undefined);
}
