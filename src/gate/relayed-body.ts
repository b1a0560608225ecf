/** The most bytes that one read returns. Smaller pieces cost more CPU time for each megabyte. */
const maxPieceBytes = 262_144;

/** The smallest buffer. A silent event stream keeps a buffer of this size while it waits for the next event. */
const minBufferBytes = 4096;

/** The most bytes of a short body. */
const shortBodyBytes = 1_048_576;

/** True for a body of a stated length of at most 1 MiB. The runtime relays it for a fraction of the cost, but does not report its pieces. */
export const isShortBody = (length: number | null): boolean => length !== null && length <= shortBodyBytes;

/** What happens while a body is relayed. */
export interface RelayEvents {
  /** Called for each piece of a body that is not short. */
  readonly onPiece: (() => void) | null;
  /** Called when the source fails, before the relayed body fails. */
  readonly onSourceFailure?: () => void;
  /** Cuts the body. */
  readonly cutSignal?: AbortSignal;
}

/** A body that passes through the Worker. */
export interface RelayedBody {
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves when nothing more will pass. Never rejects. */
  readonly ended: Promise<void>;
}

/**
 * Relays a body piece by piece. If the body is cut, the relayed body fails, so that a part is not mistaken for the whole (INC-38). If its
 * reader cancels it, the source is cancelled. At most one piece is in memory. The buffer grows and shrinks with the pieces, because an
 * isolate has 128 MB for all its connections, and most lasting connections are silent.
 *
 * Without a relay the runtime streams a response past the Worker, and ends the Worker's timers once the headers are sent.
 *
 * @param length bytes of the body. Null: unknown, so the body is sent in chunks
 */
export function relayBody(
  source: ReadableStream<Uint8Array>,
  length: number | null,
  events: RelayEvents,
): RelayedBody {
  const { readable, writable } =
    length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  const { cutSignal } = events;
  const ended = isShortBody(length)
    ? source.pipeTo(writable, cutSignal === undefined ? {} : { signal: cutSignal }).catch(() => {})
    : passOn(source, writable, events);
  return { body: readable, ended };
}

async function passOn(
  source: ReadableStream<Uint8Array>,
  target: WritableStream<Uint8Array>,
  { onPiece, onSourceFailure, cutSignal }: RelayEvents,
): Promise<void> {
  const reader = source.getReader({ mode: "byob" });
  const writer = target.getWriter();
  cutSignal?.addEventListener("abort", () => void abandon(reader, writer, cutSignal.reason));
  let buffer = new ArrayBuffer(minBufferBytes);
  try {
    for (;;) {
      const piece = await reader.read(new Uint8Array(buffer)).catch((error: unknown) => {
        onSourceFailure?.();
        throw error;
      });
      if (piece.done) break;
      onPiece?.();
      await writer.write(piece.value);
      buffer = nextBuffer(piece.value);
    }
    await writer.close();
  } catch (error) {
    await abandon(reader, writer, error);
  }
}

/** Returns the buffer of the last piece, a larger one if the piece filled it, or a smaller one if the piece filled less than an eighth. */
function nextBuffer({ buffer, byteLength }: Uint8Array): ArrayBuffer {
  const size = buffer.byteLength;
  if (byteLength === size && size < maxPieceBytes) return new ArrayBuffer(Math.min(size * 4, maxPieceBytes));
  if (byteLength * 8 < size && size > minBufferBytes)
    return new ArrayBuffer(Math.max(size / 4, minBufferBytes));
  return buffer as ArrayBuffer;
}

/** Makes both ends of a relay fail. One of them may have failed before. */
async function abandon(
  reader: ReadableStreamBYOBReader,
  writer: WritableStreamDefaultWriter,
  reason: unknown,
): Promise<void> {
  // Abort the writer first: after `reader.cancel` the pending read ends, and the writer would be closed as if the body were complete.
  await Promise.allSettled([writer.abort(reason), reader.cancel(reason)]);
}

/** The length that a message states for its body. Null: it states none, or sends the body in chunks (RFC 9112 6.3). */
export function statedBodyLength(headers: Headers): number | null {
  const length = headers.get("Content-Length");
  if (length === null || headers.has("Transfer-Encoding") || !/^\d+$/.test(length)) return null;
  return Number(length);
}
