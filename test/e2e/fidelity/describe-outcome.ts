import { createHash } from "node:crypto";
import type { Frame } from "./frames.ts";
import type { Message } from "./message.ts";
import type { Outcome } from "./surroundings.ts";

/** Writes an outcome as lines of text, so that a failing test shows the lines that differ. */
export function describeOutcome({ requests, frames, received }: Outcome): readonly string[] {
  return [
    ...requests.flatMap((request) => describeMessage("request", request)),
    ...frames.map((frame) => describeFrame("to the origin", frame)),
    ...received.interim.flatMap((interim) => describeMessage("interim response", interim)),
    ...(received.final === null ? ["no response"] : describeMessage("response", received.final)),
    ...received.frames.map((frame) => describeFrame("to the client", frame)),
  ];
}

function describeMessage(kind: string, message: Message): readonly string[] {
  const { startLine, fields, framing, body, trailers, isWhole } = message;
  return [
    `${kind}: ${startLine}`,
    ...fields.map(({ name, value }) => `${kind} header: ${name}: ${shorten(value)}`),
    `${kind} body (${framing}${isWhole ? "" : ", cut off"}): ${shorten(body)}`,
    ...trailers.map(({ name, value }) => `${kind} trailer: ${name}: ${value}`),
  ];
}

const describeFrame = (direction: string, { opcode, payload }: Frame) =>
  `frame ${direction}: ${opcode} ${shorten(payload)}`;

/** A long text becomes its beginning, its length and its hash. */
function shorten(text: string): string {
  const visible = JSON.stringify(text.slice(0, 100));
  if (text.length <= 100) return visible;
  const hash = createHash("sha256").update(text, "latin1").digest("hex").slice(0, 16);
  return `${visible}… (${text.length} bytes, ${hash})`;
}
