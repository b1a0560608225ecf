import { isWebSocketUpgrade } from "./connection-headers.ts";

/**
 * True when a page of another site opens a WebSocket with the visitor's cookies (WB-12, INC-32). CORS does not cover WebSockets:
 * any page can open one, and the browser sends the cookies.
 *
 * A proxy leaves `Upgrade` out of its forward-auth requests, because it describes the connection. So a handshake is also
 * recognised by the headers that every browser sends with it and that no script can set (RFC 6455 4.1; "forbidden request-header"
 * in the Fetch Standard). Browsers send `Origin` with every handshake, so a request without it does not come from a browser.
 *
 * @param host the host that the visitor requested
 */
export function isWebSocketHandshakeWithOtherOrigin(headers: Headers, host: string): boolean {
  const origin = headers.get("Origin");
  return origin !== null && isHandshake(headers) && URL.parse(origin)?.host !== host;
}

const isHandshake = (headers: Headers): boolean =>
  isWebSocketUpgrade(headers) ||
  headers.has("Sec-WebSocket-Key") ||
  headers.has("Sec-WebSocket-Version") ||
  headers.get("Sec-Fetch-Mode") === "websocket";
