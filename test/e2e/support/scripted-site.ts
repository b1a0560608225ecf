import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";

/** A request as it came to the site. Bytes are characters of Latin-1. */
export interface ReceivedRequest {
  /** All bytes, also those that came after the site's response. */
  readonly text: () => string;
  /** True when the connection is closed. */
  readonly isClosed: () => boolean;
  readonly socket: Socket;
}

export interface ScriptedSite {
  readonly port: number;
  /** What the site sends as soon as it has the head of a request and `complete` is true for the request. */
  respond: (text: string, socket: Socket) => void;
  /** The requests since the last call. */
  takeRequests(): ReceivedRequest[];
  stop(): Promise<void>;
}

/** A site below HTTP: it records the bytes that it gets, and sends the bytes that it is told. One request a connection. */
export async function startScriptedSite(): Promise<ScriptedSite> {
  let received: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let [text, isClosed] = ["", false];
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      isClosed = true;
      sockets.delete(socket);
    });
    socket.on("data", (bytes: Buffer) => {
      if (text === "") received.push({ text: () => text, isClosed: () => isClosed, socket });
      text += bytes.toString("latin1");
      if (isWhole(text)) site.respond(text, socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const site: ScriptedSite = {
    port: (server.address() as AddressInfo).port,
    respond: (_, socket) => socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
    takeRequests() {
      const taken = received;
      received = [];
      return taken;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return site;
}

/** True when the request has all of its body (RFC 9112 6.3). */
function isWhole(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head === -1) return false;
  if (/^transfer-encoding: *chunked/im.test(text.slice(0, head))) return text.endsWith("0\r\n\r\n");
  const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
  return text.length >= head + 4 + length;
}
