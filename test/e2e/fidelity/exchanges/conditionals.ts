import { type Exchange, exchange, respond, respondBare, withBody } from "../exchange.ts";

const notModified = respondBare("304 Not Modified", [
  'ETag: "abc"',
  "Cache-Control: max-age=60",
  "Vary: Accept-Encoding",
]);
const byteranges =
  "--sep\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--sep\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-6/10\r\n\r\n56\r\n--sep--\r\n";
const part = respond(
  "206 Partial Content",
  ["Content-Type: text/plain", "Content-Range: bytes 2-5/10", "Accept-Ranges: bytes", 'ETag: "abc"'],
  "2345",
);

export const conditionalExchanges: readonly Exchange[] = [
  exchange("If-None-Match that matches", "GET /x", { lines: ['If-None-Match: "abc"'] }, notModified),
  exchange(
    "If-None-Match with weak and several tags",
    "GET /x",
    { lines: ['If-None-Match: W/"abc", "d,e", ""'] },
    notModified,
  ),
  exchange(
    "If-None-Match on two lines",
    "GET /x",
    { lines: ['If-None-Match: "a"', 'If-None-Match: "b"'] },
    notModified,
  ),
  exchange(
    "If-None-Match: *",
    "PUT /x",
    withBody("new", ["If-None-Match: *"]),
    respond("412 Precondition Failed", [], "exists"),
  ),
  exchange(
    "If-Modified-Since",
    "GET /x",
    { lines: ["If-Modified-Since: Sat, 03 Oct 2026 10:00:00 GMT"] },
    respondBare("304 Not Modified", ["Last-Modified: Sat, 03 Oct 2026 10:00:00 GMT"]),
  ),
  exchange(
    "If-Modified-Since in an old form of a date",
    "GET /x",
    { lines: ["If-Modified-Since: Saturday, 03-Oct-26 10:00:00 GMT"] },
    notModified,
  ),
  exchange("If-None-Match in a HEAD", "HEAD /x", { lines: ['If-None-Match: "abc"'] }, notModified),
  exchange(
    "If-Match that does not match",
    "PUT /x",
    withBody("x", ['If-Match: "old"']),
    respond("412 Precondition Failed", ['ETag: "new"'], "changed"),
  ),
  exchange(
    "If-Unmodified-Since",
    "DELETE /x",
    { lines: ["If-Unmodified-Since: Sat, 03 Oct 2026 10:00:00 GMT"] },
    respond("412 Precondition Failed"),
  ),
  exchange(
    "a 304 with the length of the body",
    "GET /x",
    { lines: ['If-None-Match: "abc"'] },
    respondBare("304 Not Modified", ['ETag: "abc"', "Content-Length: 1234", "Content-Type: text/html"]),
  ),
  exchange(
    "a response with a strong tag",
    "GET /x",
    {},
    respond("200 OK", ['ETag: "abc"', "Last-Modified: Sat, 03 Oct 2026 10:00:00 GMT"], "x"),
  ),
  exchange("a response with a weak tag", "GET /x", {}, respond("200 OK", ['ETag: W/"abc"'], "x")),
  exchange("a response with a tag without quotes", "GET /x", {}, respond("200 OK", ["ETag: abc"], "x")),
  exchange("a range", "GET /x", { lines: ["Range: bytes=2-5"] }, part),
  exchange("a range of the last bytes", "GET /x", { lines: ["Range: bytes=-4"] }, part),
  exchange(
    "a range in HEAD",
    "HEAD /x",
    { lines: ["Range: bytes=2-5"] },
    respondBare("206 Partial Content", ["Content-Range: bytes 2-5/10", "Content-Length: 4"]),
  ),
  exchange(
    "several ranges",
    "GET /x",
    { lines: ["Range: bytes=0-1, 5-6"] },
    respond("206 Partial Content", ["Content-Type: multipart/byteranges; boundary=sep"], byteranges),
  ),
  exchange(
    "a range that can't be satisfied",
    "GET /x",
    { lines: ["Range: bytes=100-"] },
    respond("416 Range Not Satisfiable", ["Content-Range: bytes */10"]),
  ),
  exchange(
    "a range in another unit",
    "GET /x",
    { lines: ["Range: items=0-9"] },
    respond("206 Partial Content", ["Content-Range: items 0-9/100"], "[]"),
  ),
  exchange(
    "a range that the origin ignores",
    "GET /x",
    { lines: ["Range: bytes=2-5"] },
    respond("200 OK", ["Accept-Ranges: none"], "0123456789"),
  ),
  exchange("If-Range with a tag", "GET /x", { lines: ["Range: bytes=2-5", 'If-Range: "abc"'] }, part),
  exchange(
    "If-Range with a date",
    "GET /x",
    { lines: ["Range: bytes=2-5", "If-Range: Sat, 03 Oct 2026 10:00:00 GMT"] },
    part,
  ),
];
