/** The most bytes of one piece. Smaller pieces cost more CPU time for each megabyte. */
const maxPieceBytes = 262_144;

/** The least bytes of a buffer, unless the body is shorter: a stream of events that waits for the next one keeps no more memory than this. */
const minBufferBytes = 4096;

/** What happens while a body is relayed. */
export interface RelayEvents {
  /** Called for each piece. */
  readonly onPiece: (() => void) | null;
  /** Called when the sender has broken the body off, before its reader learns of it. */
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
 * Passes a body on piece by piece. A body that is cut fails at its reader, so that no part is taken for the whole (INC-38). A
 * body that its reader cancels is cancelled at its source. At most one piece is in memory. The buffer for the next one grows and shrinks
 * with the pieces: an isolate has 128 MB for all its connections, and most of those that stay open are silent.
 *
 * Without a relay the runtime passes a response on by itself, and drops the Worker's timers when it has sent the headers.
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
  return {
    body: readable,
    ended: passOn(source, writable, Math.min(length ?? minBufferBytes, minBufferBytes), events),
  };
}

async function passOn(
  source: ReadableStream<Uint8Array>,
  target: WritableStream<Uint8Array>,
  firstBufferBytes: number,
  { onPiece, onSourceFailure, cutSignal }: RelayEvents,
): Promise<void> {
  const reader = source.getReader({ mode: "byob" });
  const writer = target.getWriter();
  cutSignal?.addEventListener("abort", () => void abandon(reader, writer, cutSignal.reason));
  let buffer = new ArrayBuffer(firstBufferBytes);
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

/** Returns the buffer of the last piece, or one of another size when the piece has filled it, or less than an eighth of it. */
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
  // The writer first: the end of the reader would close it, and the body would look complete.
  await Promise.allSettled([writer.abort(reason), reader.cancel(reason)]);
}

/** The length that a message states for its body. Null: it states none, or sends the body in chunks (RFC 9112 6.3). */
export function statedBodyLength(headers: Headers): number | null {
  const length = headers.get("Content-Length");
  if (length === null || headers.has("Transfer-Encoding") || !/^\d+$/.test(length)) return null;
  return Number(length);
}
