import { type Difference, isExpecting } from "../difference.ts";
import { statusOf } from "../message.ts";
import {
  addField,
  type Change,
  inAllResponses,
  inFields,
  inRequest,
  inResponse,
  mapField,
  refusal,
  removeFields,
} from "../seen.ts";
import { visitedHost } from "../surroundings.ts";
import { joinedNames, joinFields } from "./gate-requests.ts";

const sortFields = inFields((fields) =>
  fields.toSorted((a, b) =>
    a.name.toLowerCase() < b.name.toLowerCase() ? -1 : a.name.toLowerCase() > b.name.toLowerCase() ? 1 : 0,
  ),
);
const lowerFields = inFields((fields) =>
  fields.map(({ name, value }) => ({ name: name.toLowerCase(), value })),
);
const inMessages =
  (change: typeof sortFields): Change =>
  (outcome) =>
    inRequest(change)(inAllResponses(change)(outcome));

/** Headers whose value is an address, or has one. */
const addressHeaders = ["location", "content-location", "link", "refresh", "access-control-allow-origin"];

/** Differences of the response at the gate, and those at both ways that no requirement makes. */
export const gateResponseDifferences: readonly Difference[] = [
  {
    id: "failing-origin",
    at: ["gate", "nginx"],
    of: "response",
    cause: "platform",
    what: "An origin that closes the connection without a response is a 502. At the gate, so is one whose response is not HTTP.",
    why: "The client's connection stays open for further requests. nginx passes bytes that are not HTTP (HTTP/0.9).",
    refuses: ({ way }, { received: { final } }) => {
      if (final !== null && (statusOf(final.startLine) > 0 || way.through === "nginx")) return null;
      return refusal("502 Bad Gateway", way.through === "gate" ? "origin_unavailable" : "nginx");
    },
  },
  {
    id: "addresses-to-the-visitor",
    at: ["gate"],
    of: "response",
    cause: "host",
    what: "The address of `ORIGIN_URL` becomes the visitor's in `Location`, `Content-Location`, `Link`, `Refresh` and `Access-Control-Allow-Origin`, and `Domain` with its host is left out of `Set-Cookie`.",
    why: "The site knows itself by its own `Host`. With `ORIGIN_HOST=forward` they stay as they came ([`ORIGIN_HOST`](configuration.md#the-sites-host-origin_host)).",
    changes: ({ originHost }) =>
      inResponse((response) => {
        const atStart = new RegExp(`(^|<|url=)http://${originHost}(?=[/>]|$)`, "g");
        const named = addressHeaders.reduce(
          (message, name) =>
            mapField(name, (value) => value.replace(atStart, `$1http://${visitedHost}`))(message),
          response,
        );
        return mapField("set-cookie", (value) => value.replace("; Domain=127.0.0.1", ""))(named);
      }),
  },
  {
    id: "interim-responses",
    at: ["gate"],
    of: "response",
    cause: "platform",
    what: "Interim responses, such as 103 Early Hints, are lost.",
    why: "`fetch` does not return them.",
    changes:
      () =>
      ({ received, ...rest }) => ({
        ...rest,
        received: {
          ...received,
          interim: [],
        },
      }),
  },
  {
    id: "continue",
    at: ["gate", "nginx"],
    of: "response",
    cause: "platform",
    what: "A client that sends `Expect: 100-continue` gets `100 Continue` also when the origin does not send it.",
    why: "The runtime and nginx read the body themselves.",
    changes:
      ({ exchange }) =>
      (outcome) => {
        if (!isExpecting(exchange)) return outcome;
        const interim = [refusal("100 Continue", "")];
        return { ...outcome, received: { ...outcome.received, interim } };
      },
  },
  {
    id: "response-connection-headers",
    at: ["gate"],
    of: "response",
    cause: "platform",
    what: "`Connection`, `Keep-Alive`, `Upgrade` and `Trailer` are removed. `Connection: close` of the client is returned.",
    why: "They describe the connection to the origin (RFC 9110 7.6.1).",
    changes: ({ exchange }) =>
      inResponse((response) => {
        if (statusOf(response.startLine) === 101) return response;
        const rest = removeFields((name) =>
          ["connection", "keep-alive", "upgrade", "trailer"].includes(name),
        )(response);
        return exchange.lines.includes("Connection: close") ? addField("Connection", "close")(rest) : rest;
      }),
  },
  {
    id: "ends-of-bodies",
    at: ["gate", "nginx"],
    of: "response",
    cause: "platform",
    what: "A body that ends with its connection arrives chunked. `Transfer-Encoding` in the response to a HEAD is removed.",
    why: "The client's connection stays open. A body that the origin cuts off arrives cut off, too.",
    changes: ({ exchange }) =>
      inResponse((response) => {
        if (exchange.method === "HEAD") return removeFields((name) => name === "transfer-encoding")(response);
        if (response.framing !== "close" || !response.isWhole) return response;
        return { ...addField("Transfer-Encoding", "chunked")(response), framing: "chunked" };
      }),
  },
  {
    id: "response-trailers",
    at: ["gate", "nginx"],
    of: "response",
    cause: "platform",
    what: "Trailers are lost. So gRPC needs gRPC-web, which has them in the body.",
    why: "Neither `fetch` nor nginx (with `proxy_pass`) returns them.",
    changes: () => inResponse((response) => ({ ...response, trailers: [] })),
  },
  {
    id: "bodiless-lengths",
    at: ["gate"],
    of: "response",
    cause: "platform",
    what: "`Content-Length` of a 204 or 304 is removed.",
    why: "The Workers runtime does not send it. RFC 9110 (8.6) does not allow it for a 204.",
    changes: () =>
      inResponse((response) =>
        [204, 304].includes(statusOf(response.startLine))
          ? removeFields((name) => name === "content-length")(response)
          : response,
      ),
  },
  {
    id: "empty-locations",
    at: ["gate"],
    of: "response",
    cause: "platform",
    what: "A `Location` without a value is removed. Other headers without a value pass.",
    why: "The Workers runtime does not send it.",
    changes: () =>
      inResponse(
        inFields((fields) => fields.filter(({ name, value }) => name !== "Location" || value !== "")),
      ),
  },
  {
    id: "reasons",
    at: ["gate"],
    of: "response",
    cause: "platform",
    what: "A reason phrase with characters outside ASCII is left out.",
    why: "The Workers runtime does not pass it. HTTP/2 has no reason phrases.",
    changes: () =>
      inResponse((response) => ({
        ...response,
        startLine: /[^ -~]/.test(response.startLine)
          ? response.startLine.slice(0, 13)
          : response.startLine.replace(/^(HTTP\/1.1 \d{3})$/, "$1 "),
      })),
  },
  {
    id: "websocket-extensions",
    at: ["gate"],
    of: "WebSocket",
    cause: "platform",
    what: "A client that offers compression gets it, also when the origin does not take it. The messages stay the same.",
    why: "The Workers runtime makes the handshake with the client itself.",
    changes: ({ exchange }) =>
      inResponse((response) =>
        statusOf(response.startLine) === 101 &&
        exchange.lines.some((line) => line.startsWith("Sec-WebSocket-Extensions"))
          ? addField("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=15")(response)
          : response,
      ),
  },
  {
    id: "joined-response-headers",
    at: ["gate"],
    of: "response",
    cause: "platform",
    what: "Several lines of a header that the runtime knows, such as `Vary`, `Link`, `Cache-Control` or `WWW-Authenticate`, arrive as one line with commas. `Set-Cookie`, `Content-Security-Policy` and other headers keep their lines.",
    why: "The Workers runtime joins them. It has the same meaning (RFC 9110 5.3).",
    changes: () => inResponse(joinFields(joinedNames, ", ")),
  },
  {
    id: "order",
    at: ["gate", "nginx"],
    of: "request",
    cause: "platform",
    what: "Headers come in another order, in request and response. Lines with the same name keep theirs.",
    why: "The order of headers with different names means nothing (RFC 9110 5.3).",
    ignores: inMessages(sortFields),
  },
  {
    id: "spelling",
    at: ["gate"],
    of: "request",
    cause: "platform",
    what: "Names of headers can have upper and lower case in other places, in request and response: `ETag` for `etag`.",
    why: "The case means nothing (RFC 9110 5.1). The Workers runtime has one spelling for each header that it knows.",
    ignores: inMessages(lowerFields),
  },
];
