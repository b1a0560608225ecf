import type { AccessWatch } from "./access-watch.ts";

/** Bytes of one piece. Smaller pieces cost more CPU time for each megabyte. */
const pieceBytes = 262_144;

/** A body that passes through the Worker. */
export interface RelayedBody {
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves when nothing more will pass. Never rejects. */
  readonly ended: Promise<void>;
  /** True when the sender has broken the body off. False when the reader has, or when the access has ended. */
  hasSourceFailed(): boolean;
}

/**
 * Passes a body on while the access of its connection lasts. When the access ends, the body fails, so that its reader does not
 * take a part for the whole (INC-38). A body that its reader cancels is cancelled at its source. At most one piece is in memory.
 *
 * Without a relay the runtime passes a response on by itself, and drops the Worker's timers when it has sent the headers.
 *
 * @param length bytes of the body. Null: unknown, so the body is sent in chunks
 * @param watch null: the access does not end
 */
export function relayBody(
  source: ReadableStream<Uint8Array>,
  length: number | null,
  watch: AccessWatch | null,
): RelayedBody {
  const { readable, writable } =
    length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  const bufferBytes = Math.min(length ?? pieceBytes, pieceBytes);
  let sourceFailed = false;
  const onSourceFailure = () => {
    // The end of the access makes the source fail, too.
    sourceFailed = watch?.signal.aborted !== true;
  };
  const ended = passOn(source, writable, bufferBytes, watch, onSourceFailure);
  return { body: readable, ended, hasSourceFailed: () => sourceFailed };
}

async function passOn(
  source: ReadableStream<Uint8Array>,
  target: WritableStream<Uint8Array>,
  bufferBytes: number,
  watch: AccessWatch | null,
  onSourceFailure: () => void,
): Promise<void> {
  const reader = source.getReader({ mode: "byob" });
  const writer = target.getWriter();
  watch?.signal.addEventListener("abort", () => void abandon(reader, writer, watch.signal.reason));
  let buffer = new ArrayBuffer(bufferBytes);
  try {
    for (;;) {
      const piece = await reader.read(new Uint8Array(buffer)).catch((error: unknown) => {
        onSourceFailure();
        throw error;
      });
      if (piece.done) break;
      watch?.noteUse();
      await writer.write(piece.value);
      buffer = piece.value.buffer as ArrayBuffer;
    }
    await writer.close();
  } catch (error) {
    await abandon(reader, writer, error);
  }
}

/** Makes both ends of a relay fail. One of them may have failed before. */
async function abandon(
  reader: ReadableStreamBYOBReader,
  writer: WritableStreamDefaultWriter,
  reason: unknown,
): Promise<void> {
  // The writer first: the end of the reader would close it, and the body would look complete.
  await Promise.allSettled([writer.abort(reason), reader.cancel(reason)]);
}

/** The length that a message states for its body. Null: it states none, or sends the body in chunks (RFC 9112 6.3). */
export function statedBodyLength(headers: Headers): number | null {
  const length = headers.get("Content-Length");
  if (length === null || headers.has("Transfer-Encoding") || !/^\d+$/.test(length)) return null;
  return Number(length);
}
