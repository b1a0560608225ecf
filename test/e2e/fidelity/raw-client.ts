import { connect } from "node:net";
import type { Exchange } from "./exchange.ts";
import { closeOpcode, decodeFrames, encodeFrame, type Frame } from "./frames.ts";
import { type Message, readHead, readMessage, statusOf } from "./message.ts";

/** What has arrived at the client for one exchange. */
export interface Received {
  /** Responses before the final one (RFC 9110 15.2). */
  readonly interim: readonly Message[];
  /** Null: there was none. */
  readonly final: Message | null;
  readonly frames: readonly Frame[];
}

/** A response that does not come for longer than this does not come at all. */
const longestMilliseconds = 5000;
/** A client that sends `Expect: 100-continue` sends the body after this time anyway (RFC 9110 10.1.1). */
const longestExpectMilliseconds = 500;

/** Sends the bytes of a request over a connection of its own, and keeps what comes back as it is. */
export function sendExchange(port: number, exchange: Exchange, requestHead: string): Promise<Received> {
  const socket = connect(port, "127.0.0.1");
  const { method, body } = exchange;
  const isExpecting = exchange.lines.some((line) => /^expect:/i.test(line));
  let bytes = "";
  let hasEnded = false;
  let isBodySent = false;
  const sendBody = () => {
    if (!isBodySent) socket.write(body, "latin1");
    isBodySent = true;
  };
  return new Promise((resolve) => {
    const finish = (received: Received) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(received);
    };
    const read = () => {
      const { interim, rest } = readInterim(bytes, exchange);
      if (interim.some(({ startLine }) => statusOf(startLine) === 100)) sendBody();
      const last = readMessage(bytes, rest, { kind: "response", method, hasEnded });
      const final = last?.message ?? null;
      if (final === null) return hasEnded ? finish({ interim, final, frames: [] }) : undefined;
      if (statusOf(final.startLine) !== 101) return finish({ interim, final, frames: [] });
      const { frames } = decodeFrames(bytes.slice(last?.end));
      sendFrames(frames.length);
      const isLast = frames.some(({ opcode }) => opcode === closeOpcode);
      if (isLast || hasEnded || exchange.frames.length === 0) finish({ interim, final, frames });
    };
    const groups = [...exchange.frames];
    let sent = 0;
    const sendFrames = (returned: number) => {
      if (returned < sent) return;
      const group = groups.shift() ?? [];
      sent += group.length;
      socket.write(group.map((frame) => encodeFrame(frame, "client")).join(""), "latin1");
    };
    const end = () => {
      hasEnded = true;
      read();
    };
    const timer = setTimeout(end, longestMilliseconds);
    socket.on("data", (data) => {
      bytes += data.toString("latin1");
      read();
    });
    socket.on("error", () => {}).on("close", end);
    // Head and body in one piece: whether a proxy sees them apart must not depend on time.
    socket.write(isExpecting ? requestHead : requestHead + body, "latin1");
    if (isExpecting) setTimeout(sendBody, longestExpectMilliseconds);
  });
}

/** Reads the responses before the final one. 101 is final: another protocol follows. */
function readInterim(bytes: string, { method }: Exchange): { interim: readonly Message[]; rest: number } {
  const interim: Message[] = [];
  for (let rest = 0; ; ) {
    const status = statusOf(readHead(bytes, rest)?.startLine ?? "");
    if (status === 0 || status === 101 || status >= 200) return { interim, rest };
    const read = readMessage(bytes, rest, { kind: "response", method, hasEnded: false });
    if (read === null) return { interim, rest };
    interim.push(read.message);
    rest = read.end;
  }
}
