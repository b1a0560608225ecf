const newline = 0x0a;

/**
 * Splits a stream of bytes into lines, with at most one line in memory. Yields each line without its `\n`, and the bytes
 * after the last `\n` as a line. Yields null for a line of more than `maxLineBytes`, whose bytes are dropped.
 */
export async function* splitStreamIntoByteLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<Uint8Array | null, void, undefined> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  const hold = (part: Uint8Array) => {
    bytes += part.length;
    if (bytes > maxLineBytes) held = [];
    else held.push(part);
  };
  const take = () => {
    const line = bytes > maxLineBytes ? null : join(held, bytes);
    held = [];
    bytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      hold(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < chunk.length) hold(chunk.slice(start));
  }
  if (bytes > 0) yield take();
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
