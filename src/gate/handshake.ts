import { isWebSocketUpgrade } from "./connection-headers.ts";

/**
 * True when another site's page opens a WebSocket as the visitor (WB-12, INC-32). CORS does not hold for WebSockets: any
 * page may open one, with the cookies that a same-site page has.
 *
 * A proxy that asks about a request leaves `Upgrade` out, because it belongs to the connection. So a handshake is also known
 * by the headers that every browser sends with one and that no script can set (RFC 6455 4.1, the Fetch Standard's
 * forbidden request-headers). A request without `Origin` comes from no browser.
 *
 * @param host the host that the visitor asked for
 */
export function isForeignHandshake(headers: Headers, host: string): boolean {
  const origin = headers.get("Origin");
  return origin !== null && isHandshake(headers) && URL.parse(origin)?.host !== host;
}

const isHandshake = (headers: Headers): boolean =>
  isWebSocketUpgrade(headers) ||
  headers.has("Sec-WebSocket-Key") ||
  headers.has("Sec-WebSocket-Version") ||
  headers.get("Sec-Fetch-Mode") === "websocket";
