import { type Exchange, exchange, respond } from "../exchange.ts";

const headers = (name: string, lines: readonly string[]): Exchange =>
  exchange(`a response with ${name}`, "GET /x", {}, respond("200 OK", lines, "x"));

export const responseHeaderExchanges: readonly Exchange[] = [
  headers("names in odd cases", ["x-LOWER-upper: 1", "X-b: 2", 'etag: "x"', "X-A: 3"]),
  headers("an empty value", ["X-Empty:", "X-Blank:   "]),
  headers("a repeated name", ["X-Many: 1", "X-Other: x", "X-Many: 2", "x-many:"]),
  headers("a value in UTF-8", ["X-Text: \xc3\xa4\xe2\x82\xac"]),
  headers("a value in Latin-1", ["X-Text: \xe4\xff"]),
  headers("a value of 7,000 bytes", [`X-Long: ${"v".repeat(7000)}`]),
  headers(
    "sixty headers",
    Array.from({ length: 60 }, (_, i) => `X-Number-${i}: ${i}`),
  ),
  headers("names with an underscore and other characters", ["X_Under: 1", "X.Dot: 2", "X~: 3"]),
  headers("Cache-Control", [
    "Cache-Control: public, max-age=31536000, immutable",
    "Expires: Sun, 03 Oct 2027 10:00:00 GMT",
    "Age: 5",
  ]),
  headers("Cache-Control on two lines", ["Cache-Control: public", "Cache-Control: max-age=60"]),
  headers("headers for caches of a CDN", [
    "CDN-Cache-Control: max-age=60",
    "Surrogate-Control: max-age=60",
    "Surrogate-Key: a b",
    "Cloudflare-CDN-Cache-Control: max-age=1",
  ]),
  headers("no Cache-Control", []),
  headers("Vary", ["Vary: Accept, Cookie", "Vary: Origin"]),
  headers("Link", [
    'Link: </a>; rel="next"; title="x, y", <http://site.example/b>; rel=prev',
    "Link: </c>; rel=preload",
  ]),
  headers("Alt-Svc", ['Alt-Svc: h3=":443"; ma=86400, h2="alt.example:443"']),
  headers("Content-Location", ["Content-Location: http://site.example/x.en"]),
  headers("Refresh", ["Refresh: 5; url=http://site.example/y"]),
  headers("CORS", [
    "Access-Control-Allow-Origin: *",
    "Access-Control-Expose-Headers: X-A, X-B",
    "Access-Control-Allow-Credentials: true",
    "Timing-Allow-Origin: *",
  ]),
  headers("a security policy", [
    "Content-Security-Policy: default-src 'self'; script-src 'nonce-abc'",
    "Content-Security-Policy: img-src *",
    "Strict-Transport-Security: max-age=1",
    "X-Frame-Options: DENY",
    "X-Content-Type-Options: nosniff",
    "Permissions-Policy: geolocation=()",
    "Cross-Origin-Opener-Policy: same-origin",
    "Referrer-Policy: no-referrer",
  ]),
  headers("no content type", []),
  headers("an odd content type", ['Content-Type: TEXT/html;charset=ISO-8859-1 ;x="y"']),
  headers("Content-Disposition", [
    "Content-Disposition: attachment; filename=\"\xc3\xa4.txt\"; filename*=UTF-8''%C3%A4.txt",
  ]),
  headers("Server, X-Powered-By and Via", ["X-Powered-By: Express", "Via: 1.1 inner"]),
  headers("Connection and Keep-Alive", ["Connection: keep-alive", "Keep-Alive: timeout=5, max=100"]),
  headers("names that Connection lists", ["Connection: X-Hop", "X-Hop: 1", "X-Stays: 2"]),
  headers("Upgrade that is only announced", ["Upgrade: h2c", "Connection: Upgrade"]),
  headers("SourceMap and Server-Timing", [
    "SourceMap: /x.map",
    'Server-Timing: db;dur=53, app;dur=47.2;desc="x, y"',
  ]),
  headers("Clear-Site-Data", ['Clear-Site-Data: "cache"']),
  headers("X-Accel-Redirect", ["X-Accel-Redirect: /internal/file"]),
  headers("other X-Accel headers", [
    "X-Accel-Buffering: no",
    "X-Accel-Expires: 10",
    "X-Accel-Charset: utf-8",
    "X-Accel-Limit-Rate: 100000",
  ]),
  headers("X-Sendfile", ["X-Sendfile: /etc/hostname"]),
  headers("names of Sallyport's", ["X-Sallyport-Assertion: x", "Remote-User: x"]),
  headers("Digest", ["Repr-Digest: sha-256=:AAAA:", "Content-MD5: AAAA"]),
  headers("headers of the platform", ["CF-Ray: 1-FRA", "CF-Cache-Status: HIT"]),
  headers("its own address in Location", ["Location: http://{origin}/a?b=http://{origin}/#c"]),
  headers("its own address in other headers", [
    "Content-Location: http://{origin}/x.en",
    'Link: <http://{origin}/a>; rel="next", <https://other.example/>; rel="prev"',
    "Refresh: 5; url=http://{origin}/y",
    "Access-Control-Allow-Origin: http://{origin}",
    "Set-Cookie: a=1; Domain=127.0.0.1; Path=/",
  ]),
];
