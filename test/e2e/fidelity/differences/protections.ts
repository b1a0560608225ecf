import { type Difference, inNginxResponse, type Passage } from "../difference.ts";
import { type Message, readMessage, valuesOf } from "../message.ts";
import {
  addField,
  inFields,
  inRequest,
  inResponse,
  mapField,
  refusal,
  removeFields,
  setField,
} from "../seen.ts";
import { visitedHost, visitorAddress } from "../surroundings.ts";

const both = ["gate", "nginx"] as const;

/** Names of the table that only a proxy may set. Written out here, so that a name that is removed by mistake is found. */
const removedNames = [
  "remote-groups",
  "x-remote-user",
  "x-webauth-user",
  "x-auth-request-user",
  "x-authentik-username",
  "x-forwarded-user",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "forwarded",
  "x-original-url",
  "x-rewrite-url",
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  "proxy",
];

/** The cookies of a header line without those of Sallyport. Written without the parser that the gate has. */
const withoutOwnCookies = (value: string) =>
  value.replace(/(^|; *)__Host-sallyport(-[a-z]+)?=[^;]*/g, "").replace(/^; */, "");

/** What the origin serves when the path has such an escape differs from server to server. */
const isUnreadablePath = (target: string) => {
  const path = target.split("?", 1)[0] ?? "";
  if (/%[01][0-9a-f]|%7f/i.test(path)) return true;
  try {
    decodeURIComponent(path);
    return false;
  } catch {
    return true;
  }
};

const responseTo = (parts: readonly string[]) =>
  readMessage(parts.join(""), 0, { kind: "response", hasEnded: false })?.message ?? null;

/** Differences that a security requirement or the visitor's identity makes. */
export const protectiveDifferences: readonly Difference[] = [
  {
    id: "own-cookies",
    at: both,
    of: "request",
    cause: "protection",
    what: "The cookies of Sallyport are taken out of `Cookie`. The other cookies stay as they came. A header that has no other cookie is removed.",
    why: "A site that has them could act as the visitor ([INC-32](security-requirements.md#inc-32)).",
    changes: () =>
      inRequest((request) => {
        const mapped = mapField("cookie", withoutOwnCookies)(request);
        return inFields((fields) =>
          fields.filter(({ name, value }) => value !== "" || name.toLowerCase() !== "cookie"),
        )(mapped);
      }),
  },
  {
    id: "own-tokens",
    at: both,
    of: "request",
    cause: "protection",
    what: "`Authorization` is removed when it has a token of Sallyport. Credentials of the site pass.",
    why: "A site that has the token could act as the visitor ([INC-32](security-requirements.md#inc-32)).",
    changes: () =>
      inRequest((request) =>
        valuesOf(request.fields, "Authorization")[0] === "Bearer <token>"
          ? removeFields((name) => name === "authorization")(request)
          : request,
      ),
  },
  {
    id: "cleared-headers",
    at: both,
    of: "request",
    cause: "protection",
    what: "Headers that only a proxy may set are removed: an identity, `Forwarded` and `X-Forwarded-*`, another path or method. [The list](proxies/cleared-headers.md) is the same at the gate and in the proxies' files.",
    why: "The site would trust what a visitor has made up ([WB-05](security-requirements.md#wb-05), [INC-04](security-requirements.md#inc-04), [INC-31](security-requirements.md#inc-31), [INC-35](security-requirements.md#inc-35)).",
    changes: () => inRequest(removeFields((name) => removedNames.includes(name))),
  },
  {
    id: "odd-names",
    at: both,
    of: "request",
    cause: "protection",
    what: "Headers are removed whose names have another character than letters, digits and `-`.",
    why: "Many servers read `Remote_User` and `Remote.User` as `Remote-User` ([INC-26](security-requirements.md#inc-26), [decision 23](decisions/0023-one-list-of-cleared-headers.md)).",
    changes: () => inRequest(removeFields((name) => !/^[a-z0-9-]+$/.test(name))),
  },
  {
    id: "identity",
    at: both,
    of: "request",
    cause: "identity",
    what: "`Remote-User`, `Remote-Email` and `X-Sallyport-Assertion` are set, whatever the client sent there.",
    why: "They tell the site which visitor has signed in.",
    changes: ({ visitor }) =>
      inRequest((request) =>
        setField(
          "X-Sallyport-Assertion",
          "<token>",
        )(setField("Remote-Email", visitor.email)(setField("Remote-User", visitor.username)(request))),
      ),
  },
  {
    id: "forwarded",
    at: both,
    of: "request",
    cause: "identity",
    what: "`X-Forwarded-For`, `X-Forwarded-Host` and `X-Forwarded-Proto` are set, whatever the client sent there.",
    why: "They tell the site the address of the client, and the host and the scheme that the visitor sees.",
    changes: () =>
      inRequest((request) =>
        setField(
          "X-Forwarded-Proto",
          "http",
        )(setField("X-Forwarded-Host", visitedHost)(setField("X-Forwarded-For", visitorAddress)(request))),
      ),
  },
  {
    id: "unreadable-paths",
    at: both,
    of: "request",
    cause: "protection",
    what: "A path is refused that has `%00` or another encoded control character, a `%` without two hexadecimal digits, or encoded bytes that are not UTF-8: 400, and behind nginx 400 or 403. A query may have all of these.",
    why: "Servers read such a path in different ways, so the policy cannot judge it ([INC-01](security-requirements.md#inc-01), [INC-36](security-requirements.md#inc-36)).",
    refuses: ({ exchange, way }) => {
      if (!isUnreadablePath(exchange.target)) return null;
      if (way.through === "gate") return refusal("400 Bad Request", "malformed_request");
      // nginx itself refuses the first two.
      const byNginx = /%00|%(?![0-9a-f]{2})/i.test(exchange.target);
      return refusal(byNginx ? "400 Bad Request" : "403 Forbidden", "nginx");
    },
  },
  {
    id: "own-set-cookies",
    at: ["gate"],
    of: "response",
    cause: "protection",
    what: "`Set-Cookie` is removed where the site sets a cookie under a name of Sallyport's.",
    why: "The cookie would replace the visitor's session.",
    changes: () =>
      inResponse(
        inFields((fields) =>
          fields.filter(
            ({ name, value }) => name.toLowerCase() !== "set-cookie" || !/^__host-sallyport/i.test(value),
          ),
        ),
      ),
  },
  {
    id: "other-upgrades",
    at: ["gate", "nginx"],
    of: "response",
    cause: "protection",
    what: "An upgrade to another protocol than `websocket` is not passed on. The origin serves the request as if it had not asked for one.",
    why: "In another protocol, such as `h2c`, a client could send requests that no policy judges ([INC-33](security-requirements.md#inc-33)).",
    changes:
      ({ exchange }) =>
      (outcome) => {
        const { upgraded, parts } = exchange.response;
        if (upgraded === undefined || /\nUpgrade: websocket/i.test(upgraded)) return outcome;
        return { ...outcome, received: { ...outcome.received, final: responseTo(parts) } };
      },
  },
  {
    id: "renewed-session",
    at: both,
    of: "response",
    cause: "identity",
    what: "Once in each `SESSION_RECHECK` the response has the `Set-Cookie` of the renewed session, and `private` in `Cache-Control`. The gate then removes `CDN-Cache-Control`, `Cloudflare-CDN-Cache-Control` and `Surrogate-Control`. A client with a bearer token, a WebSocket at the gate, and a response of the gate with a status over 599 get no cookie.",
    why: "A cache must not give the cookie to another visitor ([INC-37](security-requirements.md#inc-37)).",
    changes: (passage) => {
      const change = (response: Message) =>
        isRenewed(passage, response.startLine) ? renew(passage)(response) : response;
      return passage.way.through === "nginx" ? inNginxResponse(passage, change) : inResponse(change);
    },
  },
];

/** The attributes of the session's cookie are those of docs/contract.md#sessions. */
const renewedCookie = "__Host-sallyport=<token>; Max-Age=<seconds>; Path=/; HttpOnly; Secure; SameSite=Lax";
const endedPendingCookie = "__Host-sallyport-pending=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax";
const cdnNames = ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"];

const isRenewed = ({ way, exchange }: Passage, startLine: string) =>
  way.renewing &&
  exchange.session !== "bearer" &&
  !(way.through === "gate" && /^HTTP\/1\.1 (101|[6-9]\d\d) /.test(startLine));

const renew =
  ({ way, exchange }: Passage) =>
  (response: Message) => {
    const withCookie = addField("Set-Cookie", renewedCookie)(addField("Cache-Control", "private")(response));
    if (way.through === "nginx") return withCookie;
    const isPending = exchange.lines.some((line) => line.includes("__Host-sallyport-pending="));
    const cleared = isPending ? addField("Set-Cookie", endedPendingCookie)(withCookie) : withCookie;
    return removeFields((name) => cdnNames.includes(name))(cleared);
  };
