/**
 * Headers that are about one connection, and not about the request (RFC 9110 7.6.1). The gate's connection to the origin
 * is another one. `HTTP2-Settings` belongs to the upgrade to h2c (RFC 7540 3.2.1).
 */
const connectionHeaders: readonly string[] = [
  "Connection",
  "Proxy-Connection",
  "Keep-Alive",
  "TE",
  "Trailer",
  "Transfer-Encoding",
  "Upgrade",
  "HTTP2-Settings",
  "Proxy-Authenticate",
  "Proxy-Authorization",
];

/** The one protocol that a connection may be upgraded to (INC-33). */
export const isWebSocketUpgrade = (headers: Headers): boolean =>
  headers.get("Upgrade")?.trim().toLowerCase() === "websocket";

/**
 * The headers without those that are about the client's connection, and without those that `Connection` names. Of
 * upgrades `websocket` alone stays: another protocol is a tunnel to the origin, in which no policy is applied (INC-33).
 *
 * An upgrade to another protocol is not refused: a server may ignore it (RFC 9110 7.8), and clients such as
 * `curl --http2` send one with every request.
 */
export function withoutConnectionHeaders(received: Headers): Headers {
  const headers = new Headers(received);
  const isWebSocket = isWebSocketUpgrade(received);
  const named = (received.get("Connection") ?? "").split(",").map((name) => name.trim());
  for (const name of [...connectionHeaders, ...named]) if (isHeaderName(name)) headers.delete(name);
  if (isWebSocket) headers.set("Upgrade", "websocket");
  return headers;
}

/** `delete` throws for anything else. */
const isHeaderName = (name: string) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
