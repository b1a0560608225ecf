import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { acceptKey, decodeFrame, encodeFrame } from "./web-socket.ts";

export type StreamingSite = {
  readonly port: number;
  /** How many requests have come this far, handshakes included. */
  readonly requests: () => number;
  /** How many bytes of request bodies have come this far. */
  readonly received: () => number;
  readonly stop: () => Promise<void>;
};

/** A site, in this process, that echoes over a WebSocket, and that says of every other request how long its body was. */
export async function startStreamingSite(): Promise<StreamingSite> {
  let requests = 0;
  let received = 0;
  const sockets = new Set<Duplex>();
  const server = createServer(async (request, response) => {
    requests += 1;
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      received += chunk.length;
    }
    response.end(JSON.stringify({ bytes }));
  });
  server.on("upgrade", (request, socket) => {
    requests += 1;
    sockets.add(socket);
    echoFrames(request, socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  const { port } = server.address() as AddressInfo;
  return { port, requests: () => requests, received: () => received, stop };
}

function echoFrames(request: IncomingMessage, socket: Duplex): void {
  const accept = acceptKey(request.headers["sec-websocket-key"] ?? "");
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  socket.write(`${[...lines, `Sec-WebSocket-Accept: ${accept}`].join("\r\n")}\r\n\r\n`);
  let received = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (let frame = decodeFrame(received); frame !== null; frame = decodeFrame(received)) {
      received = received.subarray(frame.length);
      socket.write(encodeFrame(frame.text, "server"));
    }
  });
}
