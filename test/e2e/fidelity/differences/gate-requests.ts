import type { Difference } from "../difference.ts";
import { valuesOf } from "../message.ts";
import { addField, inFields, inRequest, mapField, refusal, removeFields, setField } from "../seen.ts";

/** Methods that the Workers runtime passes to a Worker. */
const runtimeMethods =
  "GET HEAD POST PUT PATCH DELETE OPTIONS QUERY PURGE PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT ACL CHECKOUT MERGE MKACTIVITY NOTIFY SUBSCRIBE UNSUBSCRIBE BAN";

const hopByHop = [
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "http2-settings",
  "proxy-authorization",
];

/** Repeated headers that the runtime joins. It keeps the lines of the others apart. */
export const joinedNames = ["accept", "if-none-match", "vary", "link", "cache-control", "www-authenticate"];

/** Joins the lines of a header to one, at the place of the first. */
export const joinFields = (names: readonly string[], separator: string) =>
  inFields((fields) => {
    const joined = new Map<string, string>();
    for (const { name, value } of fields) {
      const key = name.toLowerCase();
      const before = joined.get(key);
      joined.set(key, before === undefined ? value : before + separator + value);
    }
    const seen = new Set<string>();
    return fields.flatMap((field) => {
      const key = field.name.toLowerCase();
      if (!names.includes(key)) return [field];
      if (seen.has(key)) return [];
      seen.add(key);
      return [{ name: field.name, value: joined.get(key) ?? "" }];
    });
  });

/** What the URL parser of the WHATWG makes of a target. */
function normalised(target: string): string {
  const [, path = "", query = ""] = /^(?:http:\/\/[^/?]*)?([^?]*)(\?.*)?$/.exec(target) ?? [];
  const { pathname } = new URL(`http://x${path.startsWith("/") ? path : `/${path}`}`);
  return pathname.replaceAll("^", "%5E") + query.replaceAll("'", "%27");
}

/** What the runtime makes of bytes: the bytes of the text that they are in UTF-8. */
const inUtf8 = (bytes: string) =>
  Buffer.from(new TextDecoder().decode(Buffer.from(bytes, "latin1"))).toString("latin1");

const inTarget = (change: (target: string) => string) =>
  inRequest((request) => ({
    ...request,
    startLine: request.startLine.replace(/^(\S+) (.*) (HTTP\/1\.1)$/, (_, method, target, version) =>
      [method, change(target), version].join(" "),
    ),
  }));

/** Differences of the request at the gate that the platform makes. */
export const gateRequestDifferences: readonly Difference[] = [
  {
    id: "methods",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: `Methods outside of the runtime's list are 501. The list: ${runtimeMethods
      .split(" ")
      .map((method) => `\`${method}\``)
      .join(", ")}.`,
    why: "The Workers runtime refuses the request before the Worker starts.",
    refuses: ({ exchange }) =>
      runtimeMethods.split(" ").includes(exchange.method)
        ? null
        : refusal("501 Not Implemented", "ERROR: Unrecognized request method."),
  },
  {
    id: "raw-characters",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: 'A target with a raw `"`, `<` or `>`, or a path with a raw `{`, `}` or `` ` ``, is 400. Browsers encode these characters.',
    why: "The Workers runtime refuses the request before the Worker starts. RFC 9112 (3.2) does not allow these characters.",
    refuses: ({ exchange }) =>
      /["<>]|^[^?]*[{}`]/.test(exchange.target) ? refusal("400 Bad Request", "invalid URI") : null,
  },
  {
    id: "targets",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "A path arrives with its dot segments resolved, `/` in place of `\\`, and `^` as `%5E`. In a query `'` arrives as `%27`. Scheme and host of a target in absolute form are left out. Everything else arrives as it came: `%2F`, `//`, `;`, `+`, `|`, `[`, upper and lower case of escapes.",
    why: "`fetch` takes a URL, and parses it as browsers do (WHATWG URL Standard).",
    changes: () => inTarget(normalised),
  },
  {
    id: "host",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "`Host` is the host of `ORIGIN_URL`. With `ORIGIN_URL=route` it is the visitor's.",
    why: "`fetch` takes it from the URL ([`ORIGIN_HOST`](configuration.md#the-sites-host-origin_host)).",
    changes: ({ originHost }) => inRequest(setField("Host", originHost)),
  },
  {
    id: "addresses-to-the-site",
    at: ["gate"],
    of: "request",
    cause: "host",
    what: "The visitor's address of the site becomes that of `ORIGIN_URL` in `Origin`, `Referer`, `Destination` and `If`. Addresses of other sites stay, except those at the host of `ORIGIN_URL`: such an `Origin` becomes `null`, and such a `Referer` is removed.",
    why: "The site compares them with `Host`. With `ORIGIN_HOST=forward` they stay as they came ([`ORIGIN_HOST`](configuration.md#the-sites-host-origin_host)).",
    changes: ({ originHost }) =>
      inRequest((request) =>
        ["origin", "referer", "destination", "if"].reduce(
          (message, name) =>
            mapField(name, (value) =>
              value.replace(/(^|<)http:\/\/site\.example(?=\/|$)/g, `$1http://${originHost}`),
            )(message),
          request,
        ),
      ),
  },
  {
    id: "connection-headers",
    at: ["gate"],
    of: "request",
    cause: "protection",
    what: "`Connection` and the headers that it names, `Keep-Alive`, `Proxy-Connection`, `Proxy-Authorization`, `TE`, `Trailer`, `HTTP2-Settings`, and `Upgrade` to anything but `websocket` are removed.",
    why: "They describe the connection to the gate (RFC 9110 7.6.1). In another protocol a client could send requests that no policy judges ([INC-33](security-requirements.md#inc-33)).",
    changes: () =>
      inRequest((request) => {
        const named = valuesOf(request.fields, "Connection").flatMap((value) =>
          value.toLowerCase().split(/, */),
        );
        const isWebSocket = valuesOf(request.fields, "Upgrade")[0] === "websocket";
        const isKept = (name: string) => isWebSocket && (name === "connection" || name === "upgrade");
        return removeFields((name) => (hopByHop.includes(name) || named.includes(name)) && !isKept(name))(
          request,
        );
      }),
  },
  {
    id: "platform-headers",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "`CF-Worker` is set. `CF-Connecting-IP` of the client is removed.",
    why: "The Workers runtime adds the one to each request of a Worker, and Cloudflare sets the other.",
    changes: () =>
      inRequest((request) =>
        setField(
          "CF-Worker",
          "sallyport.example.com",
        )(removeFields((name) => name === "cf-connecting-ip")(request)),
      ),
  },
  {
    id: "chunked-get",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "A GET or HEAD with a body in chunks is 411 `length_required`. With `Content-Length` its body arrives as it came.",
    why: "The Workers runtime drops the body of such a request.",
    refuses: ({ exchange }) =>
      ["GET", "HEAD"].includes(exchange.method) && exchange.lines.includes("Transfer-Encoding: chunked")
        ? refusal("411 Length Required", "length_required")
        : null,
  },
  {
    id: "empty-bodies",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "A request without a body and without `Content-Length` arrives with `Content-Length: 0`, unless it is a GET or HEAD. Those arrive without a `Content-Length: 0`.",
    why: "The Workers runtime sends it. It has the same meaning (RFC 9112 6.3).",
    changes: ({ exchange: { method } }) =>
      inRequest((request) => {
        if (method === "GET" || method === "HEAD")
          return request.framing !== "length" || request.body !== ""
            ? request
            : { ...removeFields((name) => name === "content-length")(request), framing: "none" };
        if (request.framing !== "none") return request;
        return { ...addField("Content-Length", "0")(request), framing: "length" };
      }),
  },
  {
    id: "joined-headers",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "Several lines of a header that the runtime knows, such as `Accept` or `If-None-Match`, arrive as one line with commas. Other headers keep their lines.",
    why: "The Workers runtime joins them. It has the same meaning (RFC 9110 5.3).",
    changes: () => inRequest(joinFields(joinedNames, ", ")),
  },
  {
    id: "cookie-lines",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "Several `Cookie` lines of an HTTP/1.1 client arrive as one line with commas, so a site can take the second line for a part of the last cookie in the first. Browsers send one line.",
    why: "The Workers runtime joins them, and does not say where a line ended ([cookies](configuration.md#cookies)).",
    changes: () => inRequest(joinFields(["cookie"], ", ")),
  },
  {
    id: "cookie-bytes",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "Bytes of cookies that are not UTF-8 become U+FFFD when a cookie of Sallyport is taken out of the same header. Other headers keep such bytes.",
    why: "The Workers runtime writes a changed header in UTF-8 ([cookies](configuration.md#cookies)).",
    changes: () => inRequest(mapField("cookie", inUtf8)),
  },
  {
    id: "request-trailers",
    at: ["gate", "nginx"],
    of: "request",
    cause: "platform",
    what: "Trailers are lost.",
    why: "Neither `fetch` nor nginx can send them. A proxy may discard them (RFC 9110 6.5.1).",
    changes: () => inRequest((request) => ({ ...request, trailers: [] })),
  },
  {
    id: "websocket-handshake",
    at: ["gate"],
    of: "WebSocket",
    cause: "platform",
    what: "The origin gets another `Sec-WebSocket-Key`, and an offer of compression with `client_max_window_bits=15`.",
    why: "The Workers runtime makes a handshake of its own with the origin.",
    ignores: inRequest(
      mapField("sec-websocket-key", (value) => (/^[\w+/]{22}==$/.test(value) ? "<key>" : value)),
    ),
    changes: () =>
      inRequest(mapField("sec-websocket-extensions", (value) => value.replace(/_bits$/, "_bits=15"))),
  },
];
