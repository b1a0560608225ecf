import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import type { OriginResponse } from "./exchange.ts";
import { closeOpcode, decodeFrames, encodeFrame, type Frame } from "./frames.ts";
import { type Message, readHead, readMessage, valuesOf } from "./message.ts";

/** The header that names the exchange. Its value is the same on each way to the origin. */
export const exchangeHeader = "X-Exchange";

/** What has arrived at the origin for one exchange. */
export interface Arrivals {
  readonly requests: Message[];
  readonly frames: Frame[];
}

/** An origin over bare sockets: it keeps each request as it arrived, and writes exactly the bytes that it is told. */
export interface RecordingOrigin {
  readonly port: number;
  /** Sets the response to requests with this value of {@link exchangeHeader}, and returns what arrives with it from now on. */
  expect(key: string, response: OriginResponse): Arrivals;
  stop(): Promise<void>;
}

interface Expectation {
  readonly response: OriginResponse;
  readonly arrivals: Arrivals;
}

export async function startRecordingOrigin(): Promise<RecordingOrigin> {
  const expectations = new Map<string, Expectation>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    serve(socket, (key) => expectations.get(key));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    expect(key, response) {
      const arrivals: Arrivals = { requests: [], frames: [] };
      expectations.set(key, { response, arrivals });
      return arrivals;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Serves the requests of a connection one after another. */
function serve(socket: Socket, find: (key: string) => Expectation | undefined): void {
  let bytes = "";
  let hasContinued = false;
  let receiveFrames: ((bytes: string) => void) | null = null;
  const readAll = () => {
    for (;;) {
      const head = readHead(bytes, 0);
      if (head === null) return;
      const expectation = find(valuesOf(head.fields, exchangeHeader)[0] ?? "");
      if (expectation === undefined) return socket.destroy();
      const isExpecting = valuesOf(head.fields, "Expect").length > 0;
      if (isExpecting && expectation.response.continues && !hasContinued) {
        socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        hasContinued = true;
      }
      const read = readMessage(bytes, 0, { kind: "request", hasEnded: false });
      if (read === null) return;
      bytes = bytes.slice(read.end);
      hasContinued = false;
      expectation.arrivals.requests.push(read.message);
      receiveFrames = respond(socket, read.message, expectation);
      if (receiveFrames !== null) return receiveFrames(bytes);
    }
  };
  socket.on("data", (data) => {
    if (receiveFrames !== null) return receiveFrames(data.toString("latin1"));
    bytes += data.toString("latin1");
    readAll();
  });
}

/** Writes the response. After a switch of protocols, returns what takes the bytes that follow. */
function respond(socket: Socket, request: Message, { response, arrivals }: Expectation) {
  const { parts, upgraded, ending } = response;
  if (upgraded !== undefined && valuesOf(request.fields, "Upgrade").length > 0) {
    const key = valuesOf(request.fields, "Sec-WebSocket-Key")[0] ?? "";
    socket.write(upgraded.replace("{accept}", acceptKey(key)), "latin1");
    return returnFrames(socket, arrivals.frames);
  }
  for (const part of parts)
    socket.write(part.replaceAll("{origin}", `127.0.0.1:${socket.localPort}`), "latin1");
  if (ending === "close") socket.end();
  // What was written has to leave first.
  if (ending === "reset") setTimeout(() => socket.resetAndDestroy(), 50);
  return null;
}

/** RFC 6455 4.2.2. */
const acceptKey = (key: string) =>
  createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

function returnFrames(socket: Socket, arrived: Frame[]): (bytes: string) => void {
  let rest = "";
  return (bytes) => {
    const decoded = decodeFrames(rest + bytes);
    rest = decoded.rest;
    for (const frame of decoded.frames) {
      arrived.push(frame);
      socket.write(encodeFrame(frame, "server"), "latin1");
      if (frame.opcode === closeOpcode) socket.end();
    }
  };
}
