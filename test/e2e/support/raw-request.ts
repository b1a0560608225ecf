import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** The response's head, or "" when there was none. */
export interface RawResponse {
  readonly status: number;
  readonly text: string;
}

/**
 * Sends bytes as they are, and reads until the other side closes or a response's head and some time have passed: an
 * upgraded connection stays open.
 */
export async function sendRaw(port: number, text: string): Promise<RawResponse> {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  const closed = once(socket, "close");
  socket.write(text, "latin1");
  const upgraded = (async () => {
    while (!/^HTTP\/1\.1 101 /.test(received)) await sleep(20, undefined, { ref: false });
  })();
  await Promise.race([closed, upgraded, sleep(10_000, undefined, { ref: false })]);
  socket.destroy();
  return { status: Number(/^HTTP\/1\.[01] (\d{3}) /.exec(received)?.[1] ?? 0), text: received };
}
