import { open, stat } from "node:fs/promises";
import { splitStreamIntoByteLines } from "../../../src/core/parsing/lines.ts";
import { usageError } from "../failure.ts";
import { describeFileError, openInput } from "../files.ts";
import { decodeChunks, type Encoding, findEncoding } from "./text-encoding.ts";

/** Formats that are one document, and every input that can be read only once, are held in memory. */
const maxDocumentBytes = 64 * 1024 * 1024;
const headBytes = 64 * 1024;
const maxLineBytes = 64 * 1024;

/** A file that is read more than once: to find its format, to check all of it, and to import it. */
export class ImportFile {
  /** The first bytes, by which the format is recognised. */
  readonly head: Uint8Array;
  readonly encoding: Encoding;
  /** The length. Null when it is unknown. */
  readonly bytes: number | null;
  /** The number of bytes that the last reader has read so far. */
  bytesRead = 0;
  readonly #isPipe: boolean;
  #open: () => Promise<AsyncIterable<Uint8Array>>;
  readonly #results = new Map<string, Promise<unknown>>();

  /** @param open starts to read the file from its first byte. A pipe is opened once */
  constructor(
    { head, bytes, isPipe }: { head: Uint8Array; bytes: number | null; isPipe: boolean },
    open: () => Promise<AsyncIterable<Uint8Array>>,
  ) {
    this.head = head;
    this.encoding = findEncoding(head);
    this.bytes = bytes;
    this.#isPipe = isPipe;
    this.#open = open;
  }

  /** The beginning of the text, without white space in front. Bytes that are no text are replaced. */
  get headText(): string {
    return new TextDecoder(this.encoding).decode(this.head).trimStart();
  }

  /** True when the head is the whole file. */
  get isShort(): boolean {
    return this.bytes !== null && this.head.length >= this.bytes;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    this.bytesRead = 0;
    for await (const chunk of await this.#open()) {
      this.bytesRead += chunk.length;
      yield chunk;
    }
  }

  /** The text in pieces, decoded. */
  text(): AsyncGenerator<string, void, undefined> {
    return decodeChunks(this.chunks(), this.encoding);
  }

  /** The text as UTF-8, whatever its encoding is. */
  async *utf8(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.encoding === "utf-8") return yield* this.chunks();
    for await (const text of this.text()) yield Buffer.from(text, "utf8");
  }

  /** The lines without their line ends, from line 1. Null for a line of more than 64 KiB. */
  async *lines(): AsyncGenerator<{ number: number; text: string | null }, void, undefined> {
    async function* encode(texts: AsyncIterable<string>) {
      for await (const text of texts) yield Buffer.from(text, "utf8");
    }
    let number = 0;
    for await (const line of splitStreamIntoByteLines(encode(this.text()), maxLineBytes)) {
      number += 1;
      yield { number, text: line === null ? null : Buffer.from(line).toString("utf8").replace(/\r$/, "") };
    }
  }

  /** The whole file. Throws an AdminError when it is too large to be held in memory. */
  async document(): Promise<Buffer> {
    return this.once("document", async () => {
      const bytes = await gather(this.chunks());
      if (this.#isPipe) this.#open = async () => onlyOne(bytes);
      return bytes;
    });
  }

  /** Makes a pipe readable more than once. Throws an AdminError when it is too large to be held in memory. */
  async hold(): Promise<void> {
    if (this.#isPipe) await this.document();
  }

  /** The whole text. Throws an AdminError when it is too large to be held in memory, or no text. */
  async documentText(): Promise<string> {
    return this.once("text", async () => {
      const parts: string[] = [];
      const bytes = await this.document();
      for await (const part of decodeChunks(onlyOne(bytes), this.encoding)) parts.push(part);
      return parts.join("");
    });
  }

  /** Computes a value that is needed by every reader of the file, such as its decrypted text, once. */
  once<T>(name: string, compute: () => Promise<T>): Promise<T> {
    const known = this.#results.get(name);
    // The name stands for one kind of value.
    if (known !== undefined) return known as Promise<T>;
    const computed = compute();
    this.#results.set(name, computed);
    return computed;
  }
}

async function* onlyOne(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maxDocumentBytes)
      throw usageError(
        "The file is larger than 64 MiB.",
        "Only lines of JSON, lists of otpauth:// URIs and CSV files may be larger, and not from a pipe.",
      );
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/**
 * Opens a file for {@link ImportFile}.
 *
 * @param path `-` for standard input
 * @throws AdminError when it cannot be read
 */
export async function openImportFile(path: string, signal: AbortSignal): Promise<ImportFile> {
  const info = path === "-" ? null : await stat(path).catch(() => null);
  if (info === null || !info.isFile()) return openPipe((await openInput(path, signal)).chunks);
  const head = await readHead(path);
  return new ImportFile(
    { head, bytes: info.size, isPipe: false },
    async () => (await openInput(path, signal)).chunks,
  );
}

async function readHead(path: string): Promise<Uint8Array> {
  try {
    const handle = await open(path);
    const buffer = Buffer.alloc(headBytes);
    const { bytesRead } = await handle.read(buffer, 0, headBytes, 0).finally(() => handle.close());
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw describeFileError(path, error);
  }
}

/** Standard input and other pipes can be read only once. */
async function openPipe(chunks: AsyncIterable<Uint8Array>): Promise<ImportFile> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array();
  let hasEnded = false;
  while (head.length < headBytes && !hasEnded) {
    const next = await iterator.next();
    if (next.done) hasEnded = true;
    else head = Buffer.concat([head, next.value]);
  }
  async function* readAll() {
    yield head;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return new ImportFile({ head, bytes: hasEnded ? head.length : null, isPipe: true }, async () => readAll());
}
