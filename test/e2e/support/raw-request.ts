import { connect } from "node:net";

/** A proxy that says nothing for longer than this has not understood. */
const longestMilliseconds = 10_000;

export interface RawResponse {
  /** 0: there was none. */
  readonly status: number;
  /** The response as it came, a character for each byte. */
  readonly text: string;
}

/** Sends bytes as they are, and reads one response. The connection is closed then, whatever became of it. */
export async function sendRaw(port: number, request: string): Promise<RawResponse> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  const ended = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (isWhole(text)) resolve();
    });
    socket.once("close", () => resolve());
    setTimeout(resolve, longestMilliseconds).unref();
  });
  socket.on("error", () => {});
  socket.write(request, "latin1");
  await ended;
  socket.destroy();
  return { status: Number(/^HTTP\/1\.[01] (\d{3}) /.exec(text)?.[1] ?? 0), text };
}

/** Has the response ended (RFC 9112 6.3)? After a 101 the connection is another protocol's. */
function isWhole(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head === -1) return false;
  if (text.startsWith("HTTP/1.1 101 ")) return true;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, head))?.[1];
  return length === undefined ? text.endsWith("\r\n0\r\n\r\n") : text.length >= head + 4 + Number(length);
}
