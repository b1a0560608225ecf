/** A header or trailer line. The value is as it was on the wire, a character for each byte, without the white space around it. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** How the end of a body is marked (RFC 9112 6). */
export type Framing = "none" | "length" | "chunked" | "close";

/** An HTTP/1.1 message as it was on the wire. Texts have a character for each byte. */
export interface Message {
  readonly startLine: string;
  readonly fields: readonly Field[];
  readonly framing: Framing;
  readonly body: string;
  readonly trailers: readonly Field[];
  /** False: the connection ended in the middle of the body. */
  readonly isWhole: boolean;
}

/** What {@link readMessage} has read, and the position of the byte behind it. */
export interface ReadMessage {
  readonly message: Message;
  readonly end: number;
}

/** Which message {@link readMessage} is to expect. */
export interface Expected {
  readonly kind: "request" | "response";
  /** The method that a response is for: a response for HEAD has no body. */
  readonly method?: string;
  /** True: the connection has ended, so nothing more comes. */
  readonly hasEnded: boolean;
}

/** Reads the message at this position. Null: more bytes are needed. Nothing is normalised. */
export function readMessage(bytes: string, start: number, expected: Expected): ReadMessage | null {
  const head = readHead(bytes, start);
  if (head === null) return null;
  const framing = framingOf(head, expected);
  const read = bodyReaders[framing](bytes, head.end, head);
  if (read === null && !expected.hasEnded) return null;
  if (framing === "close" && !expected.hasEnded) return null;
  const { body, trailers, end } = read ?? { body: bytes.slice(head.end), trailers: [], end: bytes.length };
  const { startLine, fields } = head;
  return { message: { startLine, fields, framing, body, trailers, isWhole: read !== null }, end };
}

/** The values of all header lines with this name, in their order. */
export const valuesOf = (fields: readonly Field[], name: string): readonly string[] =>
  fields.filter((field) => field.name.toLowerCase() === name.toLowerCase()).map(({ value }) => value);

/** The status of a response, or 0. */
export const statusOf = (startLine: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(startLine)?.[1] ?? 0);

export interface Head {
  readonly startLine: string;
  readonly fields: readonly Field[];
  readonly end: number;
}

/** Reads start line and header lines. Null: more bytes are needed. */
export function readHead(bytes: string, start: number): Head | null {
  const end = bytes.indexOf("\r\n\r\n", start);
  if (end === -1) return null;
  const [startLine = "", ...lines] = bytes.slice(start, end).split("\r\n");
  return { startLine, fields: lines.map(readField), end: end + 4 };
}

function readField(line: string): Field {
  const colon = line.indexOf(":");
  return { name: line.slice(0, colon), value: line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "") };
}

function framingOf({ startLine, fields }: Head, { kind, method }: Expected): Framing {
  if (kind === "response") {
    const status = statusOf(startLine);
    if (method === "HEAD" || status < 200 || status === 204 || status === 304) return "none";
  }
  if (valuesOf(fields, "Transfer-Encoding").length > 0) return "chunked";
  if (valuesOf(fields, "Content-Length").length > 0) return "length";
  return kind === "request" ? "none" : "close";
}

interface ReadBody {
  readonly body: string;
  readonly trailers: readonly Field[];
  readonly end: number;
}

const bodyReaders: Record<Framing, (bytes: string, start: number, head: Head) => ReadBody | null> = {
  none: (_, start) => ({ body: "", trailers: [], end: start }),
  close: (bytes, start) => ({ body: bytes.slice(start), trailers: [], end: bytes.length }),
  length(bytes, start, { fields }) {
    const end = start + Number(valuesOf(fields, "Content-Length")[0]);
    return bytes.length < end ? null : { body: bytes.slice(start, end), trailers: [], end };
  },
  chunked: readChunks,
};

function readChunks(bytes: string, start: number): ReadBody | null {
  let body = "";
  for (let position = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", position);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(bytes.slice(position, lineEnd), 16);
    if (size === 0) return readTrailers(bytes, lineEnd, body);
    const chunkEnd = lineEnd + 2 + size;
    if (bytes.length < chunkEnd + 2) return null;
    body += bytes.slice(lineEnd + 2, chunkEnd);
    position = chunkEnd + 2;
  }
}

function readTrailers(bytes: string, lineEnd: number, body: string): ReadBody | null {
  const end = bytes.indexOf("\r\n\r\n", lineEnd);
  if (end === -1) return null;
  const lines = bytes.slice(lineEnd + 2, end).split("\r\n");
  return { body, trailers: end === lineEnd ? [] : lines.map(readField), end: end + 4 };
}
