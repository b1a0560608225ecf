import { type Exchange, exchange, respond, respondBare, withBody, withChunks } from "../exchange.ts";

/** All byte values. */
export const everyByte = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
const json = ["Content-Type: application/json"];
const multipart =
  '--b\r\nContent-Disposition: form-data; name="f"; filename="\xc3\xa4.bin"\r\nContent-Type: application/octet-stream\r\n\r\n' +
  everyByte +
  "\r\n--b--\r\n";

export const requestBodyExchanges: readonly Exchange[] = [
  exchange(
    "a POST of every byte",
    "POST /x",
    withBody(everyByte, ["Content-Type: application/octet-stream"]),
  ),
  exchange("a POST of 300,000 bytes", "POST /x", withBody("0123456789".repeat(30_000))),
  exchange("a POST of no bytes", "POST /x", withBody("")),
  exchange("a POST without a length", "POST /x"),
  exchange("a PUT without a length", "PUT /x"),
  exchange("a PATCH without a length", "PATCH /x"),
  exchange("a POST without a content type", "POST /x", withBody("text")),
  exchange(
    "a POST with an odd content type",
    "POST /x",
    withBody("text", ['Content-Type: Text/HTML;Charset="UTF-8" ; x']),
  ),
  exchange("a chunked POST", "POST /x", withChunks(["hello ", "world"], json)),
  exchange("a chunked POST of no bytes", "POST /x", withChunks([])),
  exchange(
    "a chunked POST of 200,000 bytes",
    "POST /x",
    withChunks(Array.from({ length: 20 }, () => "x".repeat(10_000))),
  ),
  exchange(
    "a chunked POST with trailers",
    "POST /x",
    withChunks(["data"], ["Trailer: X-Checksum"], ["X-Checksum: abc"]),
  ),
  exchange(
    "a POST that is compressed",
    "POST /x",
    withBody("\x1f\x8b\x08\x00not really\x00\xff", ["Content-Encoding: gzip", ...json]),
  ),
  exchange(
    "an upload of a form with a file",
    "POST /x",
    withBody(multipart, ["Content-Type: multipart/form-data; boundary=b"]),
  ),
  exchange(
    "a PUT of a part",
    "PUT /x",
    withBody("part", ["Content-Range: bytes 0-3/10", "Content-MD5: AAAA", "Digest: sha-256=AAAA"]),
  ),
  exchange("a GET with a body", "GET /_search", withBody('{"q":1}', json)),
  exchange("a GET with an empty body", "GET /_search", withBody("")),
  exchange("a GET with a chunked body", "GET /_search", withChunks(['{"q":', "1}"], json)),
  exchange("a HEAD with a body", "HEAD /_search", withBody('{"q":1}', json)),
  exchange("an OPTIONS with a body", "OPTIONS /x", withBody('{"q":1}', json)),
  exchange(
    "a POST that waits for 100 Continue, from an origin that sends it",
    "POST /x",
    withBody("waited", ["Expect: 100-continue"]),
    { ...respond("200 OK", [], "got it"), continues: true },
  ),
  exchange(
    "a POST that waits for 100 Continue, from an origin that does not send it",
    "POST /x",
    withBody("waited", ["Expect: 100-continue"]),
  ),
  exchange(
    "a POST that is refused with 413",
    "POST /x",
    withBody("x".repeat(1000)),
    respond("413 Content Too Large", ["Connection: close"], "too large"),
  ),
  exchange(
    "a PUT whose response is 204",
    "PUT /x",
    withBody("x"),
    respondBare("204 No Content", ['ETag: "2"']),
  ),
];
