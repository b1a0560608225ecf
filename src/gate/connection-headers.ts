/**
 * Headers that describe one connection and not the request (RFC 9110 7.6.1). The gate has another connection to the origin. `HTTP2-Settings` belongs to the upgrade to h2c (RFC 7540 3.2.1).
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

/** True for a WebSocket handshake: no other upgrade is forwarded (INC-33). */
export const isWebSocketUpgrade = (headers: Headers): boolean =>
  headers.get("Upgrade")?.trim().toLowerCase() === "websocket";

/**
 * Copies the headers without those that describe the client's connection and those that `Connection` names. Only
 * `Upgrade: websocket` is kept: another protocol would be a tunnel to the origin, in which no policy is applied (INC-33).
 *
 * The request with another upgrade is not rejected, but forwarded without it: a server may ignore the header (RFC 9110 7.8), and
 * clients such as `curl --http2` send it with every request.
 */
export function copyWithoutConnectionHeaders(received: Headers): Headers {
  const headers = new Headers(received);
  const isWebSocket = isWebSocketUpgrade(received);
  const named = (received.get("Connection") ?? "").split(",").map((name) => name.trim());
  for (const name of [...connectionHeaders, ...named]) if (isHeaderName(name)) headers.delete(name);
  if (isWebSocket) headers.set("Upgrade", "websocket");
  return headers;
}

/** `Headers.delete` throws for any other text. */
const isHeaderName = (name: string) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
