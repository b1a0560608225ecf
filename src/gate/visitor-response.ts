import type { AccessWatch } from "./access-watch.ts";
import { relayBody, statedBodyLength } from "./relayed-body.ts";
import { relayWebSocket } from "./web-socket.ts";

/** True for a status with which the Worker can create a `Response`. The origin's response can have others, such as 999. */
export const isConstructibleStatus = (status: number): boolean => status >= 200 && status <= 599;

/**
 * Returns the origin's response for the visitor. Its body or its WebSocket ends when the access ends. A response that needs neither
 * is returned as it is.
 *
 * @param changed the headers for the visitor. Null: those of the origin's response
 * @param watch stopped when the body or the WebSocket ends, or at once if there is nothing to end. Null: the access does not end
 * @throws RangeError when the headers of a response with a status over 599 have to change: the runtime can't create it
 */
export function toVisitorResponse(
  response: Response,
  changed: Headers | null,
  watch: AccessWatch | null,
): Response {
  const { status, statusText, webSocket } = response;
  const headers = changed ?? response.headers;
  if (webSocket !== null) {
    const relayed = watch === null ? webSocket : relayWebSocket(webSocket, watch);
    return new Response(null, { status, statusText, headers, webSocket: relayed });
  }
  const body = relayDownload(response, watch);
  if (body === response.body && changed === null) return response;
  return new Response(body, { status, statusText, headers, encodeBody: "manual" });
}

function relayDownload({ status, body, headers }: Response, watch: AccessWatch | null): Response["body"] {
  if (watch === null) return body;
  if (body === null || !isConstructibleStatus(status)) {
    watch.stop();
    return body;
  }
  const relayed = relayBody(body, statedBodyLength(headers), {
    onPiece: () => watch.noteUse(),
    cutSignal: watch.signal,
  });
  void relayed.ended.then(() => watch.stop());
  return relayed.body;
}
