import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import {
  type Exchange,
  exchange,
  type OriginResponse,
  respond,
  respondChunked,
  respondUntilClose,
} from "../exchange.ts";
import { everyByte } from "./request-bodies.ts";

const latin1 = (bytes: Buffer) => bytes.toString("latin1");
const text = "<p>hello</p>".repeat(100);
const gzipped = latin1(gzipSync(text));
/** "hello" as `zstd` writes it, with a checksum. */
const zstandard = "\x28\xb5\x2f\xfd\x04\x58\x29\x00\x00hello\xa1\x4c\x0a\x54".replace("\xa1\x4c\x0a\x54", "");
const encoded = (
  name: string,
  encoding: string,
  body: string,
  accepted = "gzip, deflate, br, zstd",
): Exchange =>
  exchange(
    `a body in ${name}`,
    "GET /x",
    { lines: [`Accept-Encoding: ${accepted}`] },
    respond(
      "200 OK",
      ["Content-Type: text/html", `Content-Encoding: ${encoding}`, "Vary: Accept-Encoding"],
      body,
    ),
  );
const body = (name: string, response: OriginResponse): Exchange => exchange(name, "GET /x", {}, response);

export const responseBodyExchanges: readonly Exchange[] = [
  encoded("gzip", "gzip", gzipped),
  encoded("br", "br", latin1(brotliCompressSync(text))),
  encoded("deflate", "deflate", latin1(deflateSync(text))),
  encoded("zstd", "zstd", zstandard),
  encoded("identity", "identity", text),
  encoded("two codings", "gzip, gzip", latin1(gzipSync(gzipSync(text)))),
  encoded("an encoding that nothing knows", "x-own", "own"),
  encoded("an encoding that it does not have", "gzip", "this is no gzip"),
  encoded("gzip in upper case", "GZIP", gzipped),
  encoded("x-gzip", "x-gzip", gzipped),
  encoded("gzip, for a client that did not ask for it", "gzip", gzipped, "identity"),
  exchange(
    "a body in gzip, for a client without Accept-Encoding",
    "GET /x",
    {},
    respond("200 OK", ["Content-Encoding: gzip"], gzipped),
  ),
  exchange(
    "a body in br, for a client without Accept-Encoding",
    "GET /x",
    {},
    respond("200 OK", ["Content-Encoding: br"], latin1(brotliCompressSync(text))),
  ),
  exchange(
    "a chunked body in gzip",
    "GET /x",
    { lines: ["Accept-Encoding: gzip"] },
    respondChunked([gzipped.slice(0, 20), gzipped.slice(20)], ["Content-Encoding: gzip"]),
  ),
  exchange(
    "a HEAD for a body in gzip",
    "HEAD /x",
    { lines: ["Accept-Encoding: gzip"] },
    { parts: ["HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 500\r\n\r\n"], ending: "keep" },
  ),
  exchange(
    "a 404 in gzip",
    "GET /x",
    { lines: ["Accept-Encoding: gzip"] },
    respond("404 Not Found", ["Content-Encoding: gzip"], gzipped),
  ),
  exchange(
    "a range of a body in gzip",
    "GET /x",
    { lines: ["Accept-Encoding: gzip", "Range: bytes=0-9"] },
    respond(
      "206 Partial Content",
      ["Content-Encoding: gzip", `Content-Range: bytes 0-9/${gzipped.length}`],
      gzipped.slice(0, 10),
    ),
  ),
  body("a body of every byte", respond("200 OK", ["Content-Type: application/octet-stream"], everyByte)),
  body("an empty body", respond("200 OK")),
  body("a body of 300,000 bytes", respond("200 OK", [], "0123456789".repeat(30_000))),
  body("a chunked body", respondChunked(["hello ", "world"])),
  body("a chunked body of no bytes", respondChunked([])),
  body(
    "a chunked body of 200,000 bytes",
    respondChunked(Array.from({ length: 20 }, () => "x".repeat(10_000))),
  ),
  body(
    "a chunked body with trailers",
    respondChunked(
      ["data"],
      ["Trailer: X-Checksum, Server-Timing"],
      ["X-Checksum: abc", "Server-Timing: db;dur=1"],
    ),
  ),
  body("a body that ends with the connection", respondUntilClose("until the end")),
  body(
    "a stream of events",
    respondChunked(
      ["data: 1\n\n", "data: 2\n\n"],
      ["Content-Type: text/event-stream", "Cache-Control: no-store"],
    ),
  ),
  body(
    "gRPC-web",
    respondChunked(
      ["\x00\x00\x00\x00\x02\x08\x01\x80\x00\x00\x00\x0fgrpc-status: 0\r\n"],
      ["Content-Type: application/grpc-web+proto"],
    ),
  ),
  body("a body that stops before its length", {
    parts: ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"],
    ending: "close",
  }),
  body("a chunked body that stops before its end", {
    parts: ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n"],
    ending: "close",
  }),
  body(
    "HTML that a proxy could rewrite",
    respond(
      "200 OK",
      ["Content-Type: text/html"],
      '<a href="http://site.example/x">mail: ada@example.com</a><!-- x -->',
    ),
  ),
  body("an origin that closes the connection without a response", { parts: [], ending: "close" }),
  body("an origin whose response is not HTTP", { parts: ["hello\r\n\r\n"], ending: "close" }),
];
