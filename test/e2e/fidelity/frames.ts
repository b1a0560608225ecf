/** A message of a WebSocket: its opcode (RFC 6455 5.2) and its payload, a character for each byte. */
export interface Frame {
  readonly opcode: number;
  readonly payload: string;
}

export const textOpcode = 1;
export const binaryOpcode = 2;
export const closeOpcode = 8;

const mask = [0x11, 0x22, 0x33, 0x44];

const masked = (payload: string, key: readonly number[]) =>
  [...payload].map((char, i) => String.fromCharCode(char.charCodeAt(0) ^ (key[i % 4] ?? 0))).join("");

/** Writes a frame. A client masks it, a server does not. */
export function encodeFrame({ opcode, payload }: Frame, from: "client" | "server"): string {
  const bit = from === "client" ? 0x80 : 0;
  const { length } = payload;
  const size = length < 126 ? [bit | length] : [bit | 126, length >> 8, length & 255];
  const start = String.fromCharCode(0x80 | opcode, ...size);
  return from === "client" ? start + String.fromCharCode(...mask) + masked(payload, mask) : start + payload;
}

/** Reads all frames that are whole, and returns the bytes that are left. */
export function decodeFrames(bytes: string): { frames: readonly Frame[]; rest: string } {
  const frames: Frame[] = [];
  let rest = bytes;
  for (let read = decodeFrame(rest); read !== null; read = decodeFrame(rest)) {
    frames.push(read.frame);
    rest = rest.slice(read.end);
  }
  return { frames, rest };
}

function decodeFrame(bytes: string): { frame: Frame; end: number } | null {
  if (bytes.length < 2) return null;
  const short = bytes.charCodeAt(1) & 0x7f;
  const sizeEnd = short < 126 ? 2 : 4;
  const isMasked = (bytes.charCodeAt(1) & 0x80) !== 0;
  const start = sizeEnd + (isMasked ? 4 : 0);
  const length = short < 126 ? short : (bytes.charCodeAt(2) << 8) | bytes.charCodeAt(3);
  if (bytes.length < start + length) return null;
  const payload = bytes.slice(start, start + length);
  const key = [...bytes.slice(sizeEnd, start)].map((char) => char.charCodeAt(0));
  const frame = { opcode: bytes.charCodeAt(0) & 0x0f, payload: isMasked ? masked(payload, key) : payload };
  return { frame, end: start + length };
}
