import { type Exchange, exchange, respond, respondBare, withBody } from "../exchange.ts";

const xml = '<?xml version="1.0"?><propfind xmlns="DAV:"><allprop/></propfind>';
const multistatus = respond(
  "207 Multi-Status",
  ["Content-Type: application/xml", "DAV: 1, 2"],
  "<multistatus xmlns='DAV:'/>",
);
const described = respond("200 OK", ["Allow: GET, HEAD", "Content-Type: text/plain", 'ETag: "1"']);

/** Methods of RFC 9110, of WebDAV and its relatives, and others. */
export const methodExchanges: readonly Exchange[] = [
  exchange("GET", "GET /page"),
  exchange(
    "HEAD, with the length of the body that a GET has",
    "HEAD /page",
    {},
    {
      parts: ["HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12345\r\n\r\n"],
      ending: "keep",
    },
  ),
  exchange("HEAD, without a length", "HEAD /page", {}, respondBare("200 OK", ["Content-Type: text/plain"])),
  exchange(
    "HEAD, with the transfer coding that a GET has",
    "HEAD /page",
    {},
    respondBare("200 OK", ["Transfer-Encoding: chunked"]),
  ),
  exchange(
    "POST of a form",
    "POST /form",
    withBody("a=1&b=%20", ["Content-Type: application/x-www-form-urlencoded"]),
  ),
  exchange(
    "PUT",
    "PUT /file",
    withBody("content", ["Content-Type: text/plain"]),
    respond("201 Created", ["Location: /file"]),
  ),
  exchange(
    "PATCH",
    "PATCH /file",
    withBody('[{"op":"test"}]', ["Content-Type: application/json-patch+json"]),
  ),
  exchange("DELETE", "DELETE /file", {}, respondBare("204 No Content")),
  exchange(
    "DELETE with a body",
    "DELETE /file",
    withBody('{"confirm":true}', ["Content-Type: application/json"]),
  ),
  exchange("OPTIONS", "OPTIONS /file", {}, described),
  exchange(
    "a preflight of CORS",
    "OPTIONS /api",
    {
      lines: [
        "Origin: https://app.example",
        "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: x-a, x-b",
      ],
    },
    respondBare("204 No Content", [
      "Access-Control-Allow-Origin: https://app.example",
      "Access-Control-Allow-Methods: PUT",
      "Access-Control-Max-Age: 600",
      "Vary: Origin",
    ]),
  ),
  exchange(
    "PROPFIND with Depth",
    "PROPFIND /dav/",
    withBody(xml, ["Depth: 1", "Content-Type: application/xml"]),
    multistatus,
  ),
  exchange(
    "PROPPATCH",
    "PROPPATCH /dav/a",
    withBody("<propertyupdate xmlns='DAV:'/>", ["Content-Type: text/xml"]),
    multistatus,
  ),
  exchange("MKCOL", "MKCOL /dav/new/", {}, respond("201 Created")),
  exchange("MKCALENDAR", "MKCALENDAR /dav/cal/", withBody("<x/>"), respond("201 Created")),
  exchange("REPORT", "REPORT /dav/cal/", withBody("<calendar-query/>", ["Depth: 1"]), multistatus),
  exchange("SEARCH", "SEARCH /dav/", withBody("<searchrequest/>"), multistatus),
  exchange(
    "LOCK",
    "LOCK /dav/a",
    withBody("<lockinfo/>", ["Timeout: Infinite, Second-4100000000", "Depth: infinity"]),
    respond("200 OK", ["Lock-Token: <opaquelocktoken:e71d4fae>"], "<prop/>"),
  ),
  exchange(
    "UNLOCK",
    "UNLOCK /dav/a",
    { lines: ["Lock-Token: <opaquelocktoken:e71d4fae>"] },
    respondBare("204 No Content"),
  ),
  exchange(
    "COPY with the path of its destination",
    "COPY /dav/a",
    { lines: ["Destination: /dav/b%20c", "Overwrite: F"] },
    respond("201 Created"),
  ),
  exchange(
    "MOVE with the URL of its destination",
    "MOVE /dav/a",
    {
      lines: [
        "Destination: http://site.example/dav/b",
        "Overwrite: T",
        "If: <http://site.example/dav/b> (<opaquelocktoken:e71d4fae>)",
      ],
    },
    respond("201 Created", ["Location: http://site.example/dav/b"]),
  ),
  exchange("PURGE", "PURGE /cached"),
  exchange(
    "QUERY",
    "QUERY /contacts",
    withBody("select=surname&limit=10", [
      "Content-Type: application/x-www-form-urlencoded",
      "Accept: application/json",
    ]),
  ),
  exchange("LINK", "LINK /a", { lines: ['Link: </b>; rel="next"'] }),
  exchange("NOTIFY", "NOTIFY /event", withBody("x", ["NT: upnp:event"])),
  exchange("SUBSCRIBE", "SUBSCRIBE /event", {
    lines: ["CALLBACK: <http://192.0.2.1/>", "TIMEOUT: Second-1800"],
  }),
  exchange("VERSION-CONTROL", "VERSION-CONTROL /dav/a"),
  exchange("UNSUBSCRIBE", "UNSUBSCRIBE /event", { lines: ["SID: uuid:1"] }),
  exchange("M-SEARCH", "M-SEARCH /", { lines: ['MAN: "ssdp:discover"', "MX: 1"] }),
  exchange("ACL", "ACL /dav/a", withBody("<acl/>")),
  exchange("MERGE", "MERGE /svn/", withBody("<merge/>")),
  exchange("CHECKOUT", "CHECKOUT /svn/a"),
  exchange("MKACTIVITY", "MKACTIVITY /svn/act/1"),
  exchange("BAN", "BAN /cached"),
  exchange("REBIND", "REBIND /dav/", withBody("<rebind/>")),
  exchange("a method that no standard has", "FROBNICATE /thing", withBody("x")),
  exchange("a method with every other character of a token", "A!#$%&'*+.^_|~9- /thing"),
];
