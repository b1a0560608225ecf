import { createHash, randomBytes } from "node:crypto";
import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";

/** RFC 6455 1.3. */
export function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** Text in one frame (RFC 6455 5.2): what fits into 125 bytes. A client masks it, a server does not. */
export function encodeFrame(text: string, from: "client" | "server"): Buffer {
  const payload = Buffer.from(text);
  if (payload.length > 125) throw new Error("Too long for this frame");
  if (from === "server") return Buffer.concat([Buffer.from([0x81, payload.length]), payload]);
  const mask = randomBytes(4);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, masked(payload, mask)]);
}

/** The text of the frame that the bytes begin with, and its length. Null: there is more to come. */
export function decodeFrame(bytes: Buffer): { text: string; length: number } | null {
  if (bytes.length < 2) return null;
  const second = bytes.readUInt8(1);
  const isMasked = (second & 0x80) !== 0;
  const start = isMasked ? 6 : 2;
  const length = start + (second & 0x7f);
  if (bytes.length < length) return null;
  const payload = bytes.subarray(start, length);
  return { text: (isMasked ? masked(payload, bytes.subarray(2, 6)) : payload).toString("utf8"), length };
}

const masked = (payload: Buffer, mask: Buffer) =>
  Buffer.from(payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0)));

export type Handshake =
  | { open: true; socket: Duplex; headers: IncomingMessage["headers"] }
  | { open: false; status: number };

/** Asks for a WebSocket as a browser does. */
export function openWebSocket(url: string, headers: Record<string, string>): Promise<Handshake> {
  const key = randomBytes(16).toString("base64");
  return new Promise((resolve, reject) => {
    const handshake = request(url, {
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Sec-Fetch-Mode": "websocket",
        ...headers,
      },
    });
    handshake.once("upgrade", (response, socket) => {
      if (response.headers["sec-websocket-accept"] === acceptKey(key))
        resolve({ open: true, socket, headers: response.headers });
      else reject(new Error("The handshake was answered by somebody else"));
    });
    handshake.once("response", (response) => {
      response.resume();
      resolve({ open: false, status: response.statusCode ?? 0 });
    });
    handshake.once("error", reject);
    handshake.end();
  });
}

/** Sends text, and resolves with the text that comes back. */
export function exchange(socket: Duplex, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const frame = decodeFrame(received);
      if (frame === null) return;
      socket.off("data", onData);
      resolve(frame.text);
    };
    socket.on("data", onData);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The WebSocket was closed")));
    socket.write(encodeFrame(text, "client"));
  });
}
