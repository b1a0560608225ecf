import { type Difference, inNginxResponse } from "../difference.ts";
import { statusOf, valuesOf } from "../message.ts";
import {
  addField,
  inAllResponses,
  inRequest,
  inResponse,
  mapField,
  refusal,
  removeFields,
  setField,
} from "../seen.ts";
import { joinFields } from "./gate-requests.ts";

const at = ["nginx"] as const;

const passedAccel = ["x-accel-mapping"];

/** What nginx does with the configuration in examples/nginx, most of it also without Sallyport. */
export const nginxDifferences: readonly Difference[] = [
  {
    id: "nginx-refusals",
    at,
    of: "request",
    cause: "nginx",
    what: "nginx refuses a method with other characters than capital letters, `-` and `_`, and two lines of `If-None-Match`, with 400.",
    why: "The parser of nginx does not take them.",
    refuses: ({ exchange }) =>
      !/^[A-Z_-]+$/.test(exchange.method) ||
      exchange.lines.filter((line) => /^if-none-match/i.test(line)).length > 1
        ? refusal("400 Bad Request", "nginx")
        : null,
  },
  {
    id: "nginx-absolute-targets",
    at,
    of: "request",
    cause: "nginx",
    what: "Scheme and host of a target in absolute form are left out. All other targets arrive as they came.",
    why: "nginx sends the origin form (RFC 9112 3.2.1).",
    changes: () =>
      inRequest((request) => ({
        ...request,
        startLine: request.startLine.replace(/ http:\/\/[^/ ]+(\S*)/, (_, path) => ` ${path || "/"}`),
      })),
  },
  {
    id: "nginx-connection-headers",
    at,
    of: "request",
    cause: "nginx",
    what: "`Connection`, `Keep-Alive`, `TE`, `Expect`, `HTTP2-Settings`, and `Upgrade` to anything but `websocket` are removed. Headers that `Connection` names pass.",
    why: "They describe the connection to nginx. In another protocol a client could send requests that nginx does not see ([INC-33](security-requirements.md#inc-33)).",
    changes: () =>
      inRequest((request) => {
        const isWebSocket = valuesOf(request.fields, "Upgrade")[0] === "websocket";
        const removed = ["keep-alive", "te", "expect", "http2-settings"];
        if (isWebSocket)
          return setField("Connection", "upgrade")(removeFields((name) => removed.includes(name))(request));
        return removeFields((name) => [...removed, "connection", "upgrade"].includes(name))(request);
      }),
  },
  {
    id: "nginx-cookie-lines",
    at,
    of: "request",
    cause: "nginx",
    what: "Several `Cookie` lines arrive as one line.",
    why: "nginx joins them. It has the same meaning (RFC 9113 8.2.3).",
    changes: () => inRequest(joinFields(["cookie"], "; ")),
  },
  {
    id: "nginx-chunks",
    at,
    of: "request",
    cause: "nginx",
    what: "A short chunked body arrives with `Content-Length`.",
    why: "nginx knows the length of a body that it has read before it asks the origin.",
    changes: ({ exchange }) =>
      inRequest((request) =>
        request.framing === "chunked" && exchange.body.length < 1000 && request.trailers.length === 0
          ? {
              ...addField(
                "Content-Length",
                String(request.body.length),
              )(removeFields((name) => name === "transfer-encoding")(request)),
              framing: "length",
            }
          : request,
      ),
  },
  {
    id: "nginx-long-headers",
    at,
    of: "response",
    cause: "nginx",
    what: "A response whose head is longer than 4 KiB is a 502.",
    why: "That is the size of `proxy_buffer_size`, unless you set another one.",
    refuses: ({ exchange }) =>
      exchange.response.parts.join("").indexOf("\r\n\r\n") > 4000
        ? refusal("502 Bad Gateway", "nginx")
        : null,
  },
  {
    id: "nginx-server",
    at,
    of: "response",
    cause: "nginx",
    what: "`Server`, `Date` and `Connection` are those of nginx, and `Keep-Alive` is removed. An interim response, such as 103, passes: nginx sets its headers and a renewed session cookie on it, and the final response passes unchanged.",
    why: "`proxy_pass_header Server` and `proxy_pass_header Date` keep those of the site. nginx 1.22 takes an interim response for the final one.",
    ignores: inAllResponses((response) =>
      mapField("server", () => "nginx")(mapField("date", () => "now")(response)),
    ),
    changes: (passage) =>
      inNginxResponse(passage, (response) => {
        const { exchange } = passage;
        const rest = removeFields((name) => name === "keep-alive")(response);
        const isUpgrade = statusOf(response.startLine) === 101;
        const isClosed = exchange.lines.includes("Connection: close");
        const connection = isUpgrade ? "upgrade" : isClosed ? "close" : "keep-alive";
        return setField("Connection", connection)(setField("Server", "nginx")(setField("Date", "now")(rest)));
      }),
  },
  {
    id: "nginx-redirects",
    at,
    of: "response",
    cause: "nginx",
    what: "In `Location` and `Refresh` the address of `proxy_pass` becomes the visitor's address, with the port on which nginx listens.",
    why: "`proxy_redirect` does this unless you set it to `off`.",
    changes: ({ originHost, nginxHost }) =>
      inResponse((response) =>
        mapField("refresh", (value) => value.replace(`url=http://${originHost}/`, "url=/"))(
          mapField("location", (value) =>
            value.startsWith(`http://${originHost}/`) ? value.replace(originHost, nginxHost) : value,
          )(response),
        ),
      ),
  },
  {
    id: "nginx-accel",
    at,
    of: "response",
    cause: "protection",
    what: "`X-Accel-Redirect` has no effect, and it and other `X-Accel-` headers are removed. `X-Accel-Buffering` and the like have their effect.",
    why: "A response must not open another location than the one that was judged ([nginx](proxies/nginx.md#common-mistakes)).",
    changes: () =>
      inResponse(removeFields((name) => name.startsWith("x-accel-") && !passedAccel.includes(name))),
  },
];
