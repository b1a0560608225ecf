import { describe, expect, it, vi } from "vitest";
import { relayBody, statedBodyLength } from "../../src/gate/relayed-body.ts";

/** A relay of a body of the runtime's own, as those of requests and responses are. */
function open(length: number | null = null) {
  const source = new IdentityTransformStream();
  const cut = new AbortController();
  const [onPiece, onSourceFailure] = [vi.fn(), vi.fn()];
  const events = { onPiece, onSourceFailure, cutSignal: cut.signal };
  const relayed = relayBody(source.readable, length, events);
  const reader = relayed.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const endAccess = () => cut.abort(new Error("The session has ended"));
  return { writer: source.writable.getWriter(), relayed, reader, onPiece, onSourceFailure, endAccess };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const readText = async (reader: ReadableStreamDefaultReader<Uint8Array>) => {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
};

describe("a relayed body", () => {
  it("WB-12 passes on byte for byte, at any size of the pieces", async () => {
    const sent = Uint8Array.from({ length: 1_500_000 }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
    const onPiece = vi.fn();
    const source = new Response(sent).body as ReadableStream<Uint8Array>;
    const { body, ended } = relayBody(source, null, { onPiece });
    const received = new Uint8Array(await new Response(body).arrayBuffer());
    await ended;
    expect(Buffer.compare(received, sent)).toBe(0);
    expect(onPiece).toHaveBeenCalled();
  });

  it("keeps a small buffer for a body of small pieces, also after large ones", async () => {
    const sizes: number[] = [];
    let [full, small] = [0, 0];
    const source = new ReadableStream({
      type: "bytes",
      pull(controller) {
        const { byobRequest } = controller as ReadableByteStreamController;
        const size = byobRequest?.view?.byteLength ?? 0;
        sizes.push(size);
        if (full < 6) {
          full++;
          byobRequest?.respond(size);
        } else if (small++ < 6) byobRequest?.respond(1);
        else {
          controller.close();
          byobRequest?.respond(0);
        }
      },
    });
    const { body, ended } = relayBody(source, null, { onPiece: null });
    await new Response(body).arrayBuffer();
    await ended;
    expect(sizes[0]).toBe(4096);
    expect(Math.max(...sizes)).toBe(262_144);
    expect(sizes.at(-1)).toBe(4096);
  });

  it("WB-12 passes a piece on before the next one is written", async () => {
    const { writer, reader } = open();
    for (const text of ["one", "two", "three"]) {
      void writer.write(bytes(text));
      expect(await readText(reader)).toBe(text);
    }
    void writer.close();
    expect((await reader.read()).done).toBe(true);
  });

  it("WB-12 takes the next piece only when the last one was read", async () => {
    const { writer, reader } = open();
    const written: string[] = [];
    for (const text of ["one", "two", "three"]) void writer.write(bytes(text)).then(() => written.push(text));
    await scheduler.wait(50);
    // "one" is in the relay. "two" and "three" wait at the source.
    expect(written).toEqual(["one"]);
    expect(await readText(reader)).toBe("one");
    await scheduler.wait(50);
    expect(written).toEqual(["one", "two"]);
  });

  it("INC-38 fails at the end of the access, so that no reader takes it for complete", async () => {
    const { writer, reader, relayed, endAccess } = open();
    void writer.write(bytes("the first half"));
    expect(await readText(reader)).toBe("the first half");
    const next = reader.read();
    endAccess();
    await expect(next).rejects.toThrow("The session has ended");
    await relayed.ended;
    await expect(writer.write(bytes("the second half"))).rejects.toThrow();
  });

  it("INC-38 fails at the end of the access also while its reader does not read", async () => {
    const { writer, reader, relayed, endAccess } = open();
    void writer.write(bytes("a piece that nobody has read")).catch(() => {});
    await scheduler.wait(10);
    endAccess();
    await relayed.ended;
    await expect(reader.read()).rejects.toThrow();
  });

  it("is cancelled at its source when its reader cancels it", async () => {
    const { writer, reader, relayed, onSourceFailure } = open();
    void writer.write(bytes("one"));
    await readText(reader);
    await reader.cancel("enough");
    // The relay learns of it from its next piece.
    void writer.write(bytes("two")).catch(() => {});
    await relayed.ended;
    await expect(writer.write(bytes("three"))).rejects.toThrow();
    expect(onSourceFailure).not.toHaveBeenCalled();
  });

  it("fails at its reader when its source fails, and says so first", async () => {
    const { writer, reader, relayed, onSourceFailure } = open();
    void writer.write(bytes("one"));
    await readText(reader);
    void writer.abort(new Error("broken off")).catch(() => {});
    await expect(reader.read()).rejects.toThrow();
    await relayed.ended;
    expect(onSourceFailure).toHaveBeenCalledTimes(1);
  });

  it("of a stated length fails when its source ends before that", async () => {
    const { writer, reader, relayed } = open(2_000_000);
    void writer.write(bytes("one"));
    await readText(reader);
    void writer.close();
    await expect(reader.read()).rejects.toThrow();
    await relayed.ended;
  });

  it.each([
    [{ "Content-Length": "0" }, 0],
    [{ "Content-Length": "1234" }, 1234],
    [{}, null],
    [{ "Content-Length": "12, 12" }, null],
    [{ "Content-Length": "-1" }, null],
    [{ "Content-Length": "5", "Transfer-Encoding": "chunked" }, null],
  ])("has the length that %j state: %j", (headers, length) => {
    expect(statedBodyLength(new Headers(headers as Record<string, string>))).toBe(length);
  });
});
