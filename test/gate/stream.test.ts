import { exports } from "cloudflare:workers";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import worker from "../../src/index.ts";
import type { Bindings } from "../../src/runtime.ts";
import { gated, mintSessionToken, mockOrigin, originUrl, visit } from "../support/gate.ts";
import { host } from "../support/worker.ts";

// Here requests and answers go through the runtime's HTTP, from the client to the Worker and from the Worker to the
// origin: whether bytes, encodings and sockets survive can't be seen on objects that are handed from one to the other.

type Handler = (request: Request) => Response | Promise<Response>;

const serve = worker.fetch;
const loopback = (exports as unknown as { default: { fetch: typeof fetch } }).default;

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const open = gated([{ path: "/*", require: "none" }]);

/** Puts the origin behind the Worker, both behind the runtime's HTTP, and returns what a client calls. */
function connect(origin: Handler, bindings: Bindings = open): typeof fetch {
  vi.spyOn(worker, "fetch").mockImplementation(async (request, _env, context) =>
    new URL(request.url).origin === originUrl
      ? origin(request as Request)
      : serve(request, bindings, context),
  );
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) =>
    loopback.fetch(new Request(input as RequestInfo, init as RequestInit)),
  );
  return (input, init) => loopback.fetch(new Request(host + String(input), { redirect: "manual", ...init }));
}

/** A body of unknown length, in chunks. */
function streamOf(pieces: Iterable<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.iterator]();
  return new ReadableStream({
    pull(controller) {
      const { done, value } = iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

/** The same bytes every time, and no two pieces alike. */
function* pieces(count: number, length: number): Generator<Uint8Array<ArrayBuffer>> {
  for (let piece = 0; piece < count; piece++)
    yield Uint8Array.from({ length }, (_, at) => (piece * 31 + at * 7 + (at >> 8)) & 0xff);
}

const digest = async (data: ArrayBuffer) =>
  Buffer.from(await crypto.subtle.digest("SHA-256", data)).toString("hex");

const readerOf = ({ body }: Request | Response) =>
  (body as ReadableStream<Uint8Array>).getReader() as ReadableStreamDefaultReader<Uint8Array>;

const readText = async (reader: ReadableStreamDefaultReader<Uint8Array>) =>
  new TextDecoder().decode((await reader.read()).value);

describe("a request on its way to the origin", () => {
  it.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"])(
    "WB-12 keeps its method %s",
    async (method) => {
      const client = connect((request) => new Response(request.method));
      expect(await (await client("/a", { method })).text()).toBe(method);
    },
  );

  it.each(["/", "/a?x=1&x=2&y=%2F..%2F&z=a+b%20c", "/a?%zz&%00", "/a/?/../b", "/a?x=//evil", "/caf%C3%A9?é"])(
    "WB-12 keeps its path and query %j",
    async (path) => {
      const client = connect((request) => new Response(request.url));
      expect(await (await client(path)).text()).toBe(new URL(originUrl + path).href);
    },
  );

  it("WB-12 keeps a body that comes in pieces and without a length", async () => {
    const expected = await digest(await new Response(streamOf(pieces(16, 5000))).arrayBuffer());
    let length: string | null = "";
    const client = connect(async (request) => {
      length = request.headers.get("Content-Length");
      return new Response(await digest(await request.arrayBuffer()));
    });
    const response = await client("/upload", { method: "POST", body: streamOf(pieces(16, 5000)) });
    expect([await response.text(), length]).toEqual([expected, null]);
  });

  it("WB-12 streams a body: the origin reads its beginning before its end is written", async () => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const heard = Promise.withResolvers<string>();
    mockOrigin(async (request) => {
      const reader = readerOf(request);
      heard.resolve(await readText(reader));
      return new Response(await readText(reader));
    });
    const answered = visit(open, "/upload", { method: "PUT", body: readable });
    void writer.write(new TextEncoder().encode("first"));
    expect(await heard.promise).toBe("first");
    void writer.write(new TextEncoder().encode("last"));
    expect(await (await answered).text()).toBe("last");
  });

  it("WB-12 comes back byte for byte: an echo of one megabyte", async () => {
    const sent = await new Response(streamOf(pieces(64, 16_384))).arrayBuffer();
    const client = connect((request) => new Response(request.body, { headers: request.headers }));
    const headers = { "Content-Type": "application/octet-stream" };
    const response = await client("/echo", { method: "POST", body: sent, headers });
    const received = await response.arrayBuffer();
    expect(received.byteLength).toBe(1_048_576);
    expect(await digest(received)).toBe(await digest(sent));
    expect(response.headers.get("Content-Type")).toBe("application/octet-stream");
  });

  it("names a user of another script to the origin in UTF-8", async () => {
    const client = connect((request) => new Response(request.headers.get("Remote-User")), gated());
    const headers = { Cookie: `__Host-sallyport=${await mintSessionToken({ username: "жанна é" })}` };
    expect(await (await client("/a", { headers })).text()).toBe("жанна é");
  });

  it("WB-12 keeps its range, and the answer stays partial", async () => {
    const client = connect((request) => {
      expect(request.headers.get("Range")).toBe("bytes=2-4");
      return new Response("234", { status: 206, headers: { "Content-Range": "bytes 2-4/10" } });
    });
    const response = await client("/file", { headers: { Range: "bytes=2-4" } });
    expect([response.status, response.headers.get("Content-Range"), await response.text()]).toEqual([
      206,
      "bytes 2-4/10",
      "234",
    ]);
  });
});

describe("an answer on its way back", () => {
  it.each([301, 302, 303, 307, 308])(
    "WB-12 keeps a redirect (%d) as it is, and is not followed",
    async (status) => {
      const targets = ["/login", "http://other.test/x", "https://elsewhere.example/y?z=1", "../up"];
      for (const Location of targets) {
        let calls = 0;
        const client = connect(() => {
          calls++;
          return new Response("moved", { status, headers: { Location } });
        });
        const response = await client("/a");
        expect([response.status, response.headers.get("Location"), calls]).toEqual([status, Location, 1]);
        expect(await response.text()).toBe("moved");
        vi.restoreAllMocks();
      }
    },
  );

  it.each([204, 205, 304])("WB-12 keeps %d without a body", async (status) => {
    const client = connect(() => new Response(null, { status, headers: { ETag: '"v1"' } }));
    const response = await client("/a", { headers: { "If-None-Match": '"v1"' } });
    expect([response.status, response.headers.get("ETag"), await response.text()]).toEqual([
      status,
      '"v1"',
      "",
    ]);
  });

  it("WB-12 has no body after HEAD, and the length that it would have", async () => {
    const client = connect((request) => {
      expect(request.method).toBe("HEAD");
      return new Response(null, { headers: { "Content-Length": "1234", ETag: '"v1"' } });
    });
    const response = await client("/a", { method: "HEAD" });
    expect([response.status, response.headers.get("Content-Length"), response.headers.get("ETag")]).toEqual([
      200,
      "1234",
      '"v1"',
    ]);
    expect(await response.text()).toBe("");
  });

  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
  ])("WB-12 that is compressed (%s) can still be read", async (encoding, compress) => {
    const text = "a page of the origin, again and again. ".repeat(100);
    const headers = { "Content-Encoding": encoding };
    const client = connect(() => new Response(compress(text), { headers, encodeBody: "manual" }));
    const response = await client("/a", { headers: { "Accept-Encoding": encoding } });
    expect(response.headers.get("Content-Encoding")).toBe(encoding);
    expect(await response.text()).toBe(text);
  });

  it("WB-12 that is compressed in a way that the runtime doesn't know is the same to the byte", async () => {
    const body = Uint8Array.from({ length: 5000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
    const headers = { "Content-Encoding": "zstd" };
    const client = connect(() => new Response(body, { headers, encodeBody: "manual" }));
    const response = await client("/a", { headers: { "Accept-Encoding": "zstd" } });
    expect(response.headers.get("Content-Encoding")).toBe("zstd");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(body);
  });

  it("WB-12 that claims no encoding is not encoded on the way", async () => {
    const body = new Uint8Array(gzipSync("a file that is a gzip archive"));
    const client = connect(() => new Response(body, { headers: { "Content-Type": "application/gzip" } }));
    const response = await client("/a.gz", { headers: { "Accept-Encoding": "gzip" } });
    expect(response.headers.get("Content-Encoding")).toBeNull();
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(body);
  });

  it("WB-12 streams: the first event arrives before the last one is written", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    mockOrigin(() => new Response(readable, { headers: { "Content-Type": "text/event-stream" } }));
    const response = await visit(open, "/events", { headers: { Accept: "text/event-stream" } });
    expect(response.headers.get("Content-Type")).toBe("text/event-stream");
    const reader = readerOf(response);
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      void writer.write(new TextEncoder().encode(event));
      expect(await readText(reader)).toBe(event);
    }
    void writer.close();
    expect((await reader.read()).done).toBe(true);
  });

  it("keeps its own headers, and gets none of the Worker's", async () => {
    const own = {
      "cache-control": "public, max-age=60",
      "content-security-policy": "default-src *",
      "content-type": "text/html",
      etag: '"v1"',
      server: "demo",
      "x-frame-options": "SAMEORIGIN",
    };
    const client = connect(() => new Response("x", { headers: own }));
    const response = await client("/a");
    expect(Object.fromEntries(response.headers)).toEqual(own);
  });

  it("keeps its cookies apart, and comes with its status text", async () => {
    const cookies = ["a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT", "b=2"];
    const client = connect(() => {
      const headers = cookies.map((cookie): [string, string] => ["Set-Cookie", cookie]);
      return new Response("tea", { status: 418, statusText: "Teapot", headers });
    });
    for (const method of ["GET", "HEAD"]) {
      const response = await client("/a", { method });
      expect([response.status, response.headers.getSetCookie()]).toEqual([418, cookies]);
    }
  });
});

describe("a WebSocket", () => {
  /** An origin that says back what it hears, until it is told to stop. */
  function echo(request: Request): Response {
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    const { 0: theirs, 1: ours } = new WebSocketPair();
    ours.accept();
    ours.addEventListener("message", ({ data }) => {
      if (data === "stop") ours.close(4001, "told to");
      else ours.send(`${request.headers.get("Remote-User")}: ${data}`);
    });
    return new Response(null, {
      status: 101,
      webSocket: theirs,
      headers: { "Sec-WebSocket-Protocol": "chat", "Set-Cookie": "__Host-sallyport=evil" },
    });
  }

  const handshake = (session?: string, more: Record<string, string> = {}) => ({
    headers: {
      Upgrade: "websocket",
      ...(session === undefined ? {} : { Cookie: `__Host-sallyport=${session}` }),
      ...more,
    },
  });

  it("WB-12 goes through to the origin, both ways and to its end", async () => {
    const client = connect(echo, gated());
    const response = await client("/chat", handshake(await mintSessionToken(), { Origin: host }));
    expect([response.status, response.headers.get("Sec-WebSocket-Protocol")]).toEqual([101, "chat"]);
    expect(response.headers.getSetCookie()).toEqual([]);
    const socket = response.webSocket as WebSocket;
    socket.accept();
    const heard = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
    const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve));
    socket.send("hello");
    expect(await heard).toBe("ada: hello");
    socket.send("stop");
    expect(await closed).toMatchObject({ code: 4001, reason: "told to" });
  });

  it("WB-12 is refused without a session, and the origin hears nothing", async () => {
    const origin = vi.fn(echo);
    const client = connect(origin, gated());
    for (const session of [undefined, "garbage"]) {
      const response = await client("/chat", handshake(session));
      expect([response.status, response.webSocket]).toEqual([401, null]);
    }
    expect(origin).not.toHaveBeenCalled();
  });

  it("WB-12 is refused when another site opens it with a visitor's session", async () => {
    const origin = vi.fn(echo);
    const client = connect(origin, gated());
    const session = await mintSessionToken();
    for (const Origin of [
      "https://evil.example",
      "https://evil.site.example",
      "http://site.example:8080",
      "null",
    ])
      expect((await client("/chat", handshake(session, { Origin }))).status, Origin).toBe(403);
    expect(origin).not.toHaveBeenCalled();
  });
});
