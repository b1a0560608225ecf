import { type Exchange, exchange, upgradeTo } from "../exchange.ts";
import { binaryOpcode, closeOpcode, type Frame, textOpcode } from "../frames.ts";

const handshake = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
const accepted = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: {accept}"];
const messages: readonly Frame[] = [
  { opcode: textOpcode, payload: "hello" },
  { opcode: textOpcode, payload: "\xc3\xa4\xe2\x82\xac" },
  { opcode: binaryOpcode, payload: "\x00\xff\x80binary" },
  { opcode: textOpcode, payload: "" },
  { opcode: textOpcode, payload: "x".repeat(20_000) },
];
const close = (payload: string): readonly Frame[] => [{ opcode: closeOpcode, payload }];

export const upgradeExchanges: readonly Exchange[] = [
  exchange(
    "a WebSocket",
    "GET /socket",
    { lines: handshake, frames: [messages, close("\x03\xe8bye")] },
    upgradeTo(accepted),
  ),
  exchange(
    "a WebSocket whose client closes it while the origin still sends",
    "GET /socket",
    { lines: handshake, frames: [[...messages, ...close("\x03\xe8bye")]] },
    upgradeTo(accepted),
  ),
  exchange(
    "a WebSocket that is closed with a code of the application",
    "GET /socket",
    { lines: handshake, frames: [close("\x0f\xa0own reason")] },
    upgradeTo(accepted),
  ),
  exchange(
    "a WebSocket that is closed without a code",
    "GET /socket",
    { lines: handshake, frames: [close("")] },
    upgradeTo(accepted),
  ),
  exchange(
    "a WebSocket with a protocol",
    "GET /socket",
    {
      lines: [...handshake, "Sec-WebSocket-Protocol: graphql-ws, other", "Origin: http://site.example"],
      frames: [close("\x03\xe8")],
    },
    upgradeTo([...accepted, "Sec-WebSocket-Protocol: graphql-ws", "Set-Cookie: a=1"]),
  ),
  exchange(
    "a WebSocket with an extension",
    "GET /socket",
    {
      lines: [...handshake, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"],
      frames: [close("\x03\xe8")],
    },
    upgradeTo(accepted),
  ),
  exchange(
    "a WebSocket that the origin refuses",
    "GET /socket",
    { lines: handshake },
    { parts: ["HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"], ending: "keep" },
  ),
  exchange(
    "an upgrade to h2c",
    "GET /x",
    { lines: ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"] },
    upgradeTo(["Connection: Upgrade", "Upgrade: h2c"]),
  ),
  exchange(
    "an upgrade to a protocol of its own",
    "GET /x",
    { lines: ["Connection: Upgrade", "Upgrade: own/1.0"] },
    upgradeTo(["Connection: Upgrade", "Upgrade: own/1.0"]),
  ),
];
