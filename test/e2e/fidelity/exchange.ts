import type { Frame } from "./frames.ts";

/** A request and the response to it, as data. All texts have a character for each byte. */
export interface Exchange {
  /** A noun phrase for the title of the test. */
  readonly name: string;
  readonly method: string;
  /** The request target, as it is in the request line. */
  readonly target: string;
  /** Header lines without `Host`: `Name: value`. */
  readonly lines: readonly string[];
  /** The bytes behind the head of the request. */
  readonly body: string;
  /** Where the session cookie goes. `own line` also when the request has no cookies. */
  readonly session: SessionPlace;
  readonly response: OriginResponse;
  /** After a 101, the frames of the client's WebSocket. The origin returns each. A group is sent when the one before has returned. */
  readonly frames: readonly (readonly Frame[])[];
}

export type SessionPlace = "before" | "after" | "own line" | "bearer";

/** What the origin is told to write. */
export interface OriginResponse {
  /** The bytes, in the parts in which they are written. `{origin}` becomes the host and port of the origin. */
  readonly parts: readonly string[];
  /** In place of `parts`, when the request that arrives has `Upgrade`. `{accept}` becomes the key of a WebSocket's handshake. */
  readonly upgraded?: string;
  /** What the origin does with the connection then. `reset` and `close` may be in the middle of a body. */
  readonly ending: "keep" | "close" | "reset";
  /** True: `100 Continue` is written before the body of the request is read, when it has `Expect`. */
  readonly continues?: boolean;
}

type RequestParts = Partial<Omit<Exchange, "name" | "response" | "method" | "target">>;

/** An exchange from a request line without version, `GET /path`. The response is a short 200 unless it is given. */
export function exchange(
  name: string,
  requestLine: string,
  parts: RequestParts = {},
  response: OriginResponse = ok,
): Exchange {
  const space = requestLine.indexOf(" ");
  const [method, target] = [requestLine.slice(0, space), requestLine.slice(space + 1)];
  return { name, method, target, lines: [], body: "", session: "before", frames: [], ...parts, response };
}

/** A body with `Content-Length`, beside other header lines. */
export const withBody = (body: string, lines: readonly string[] = []) => ({
  lines: [...lines, `Content-Length: ${body.length}`],
  body,
});

const chunks = (parts: readonly string[], trailers: readonly string[]) =>
  [
    ...parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`),
    "0\r\n",
    ...trailers.map((line) => `${line}\r\n`),
    "\r\n",
  ].join("");

/** A chunked body, beside other header lines. */
export const withChunks = (
  parts: readonly string[],
  lines: readonly string[] = [],
  trailers: readonly string[] = [],
) => ({
  lines: [...lines, "Transfer-Encoding: chunked"],
  body: chunks(parts, trailers),
});

const head = (status: string, lines: readonly string[]) =>
  [`HTTP/1.1 ${status}`, ...lines, "", ""].join("\r\n");

/** The header lines that the origin's responses begin with. */
const usual = ["Date: Sat, 03 Oct 2026 10:00:00 GMT", "Server: origin"];

/** A response with `Content-Length`. `status` is code and reason. */
export const respond = (status: string, lines: readonly string[] = [], body = ""): OriginResponse => ({
  parts: [head(status, [...usual, ...lines, `Content-Length: ${body.length}`]) + body],
  ending: "keep",
});

/** A response without a header line for the length of a body, and without a body. */
export const respondBare = (status: string, lines: readonly string[] = []): OriginResponse => ({
  parts: [head(status, [...usual, ...lines])],
  ending: "keep",
});

/** A chunked response. */
export const respondChunked = (
  parts: readonly string[],
  lines: readonly string[] = [],
  trailers: readonly string[] = [],
  status = "200 OK",
): OriginResponse => ({
  parts: [head(status, [...usual, ...lines, "Transfer-Encoding: chunked"]), chunks(parts, trailers)],
  ending: "keep",
});

/** A response that ends with its connection. */
export const respondUntilClose = (body: string, lines: readonly string[] = []): OriginResponse => ({
  parts: [head("200 OK", [...usual, ...lines, "Connection: close"]), body],
  ending: "close",
});

/** The same response after interim ones (RFC 9110 15.2). */
export const after = (
  interim: readonly (readonly [status: string, ...lines: string[]])[],
  response: OriginResponse,
): OriginResponse => ({
  ...response,
  parts: [...interim.map(([status, ...lines]) => head(status, lines)), ...response.parts],
});

/** A switch to another protocol when the request asks for one, and otherwise a short 200. */
export const upgradeTo = (lines: readonly string[]): OriginResponse => ({
  ...ok,
  upgraded: head("101 Switching Protocols", [...usual, ...lines]),
});

export const ok: OriginResponse = respond("200 OK", ["Content-Type: text/plain"], "hello");
