import { type AccessWatch, accessEndedMessage } from "./access-watch.ts";

/** RFC 6455 7.4.1. */
const policyViolation = 1008;

/** RFC 6455 7.4.1: codes that are reported locally, for a close without a code or a lost connection, and never sent. */
const unsendable = [1005, 1006, 1015];

/**
 * Relays messages between a visitor and the origin, and closes both sockets when the access ends. After the `Close` of one side, messages
 * of the other side are still relayed until it sends its own `Close`.
 *
 * @param origin the socket from the origin's response to the handshake
 * @returns the socket for the visitor's response
 */
export function relayWebSocket(origin: WebSocket, watch: AccessWatch): WebSocket {
  const { 0: visitor, 1: gate } = new WebSocketPair();
  for (const socket of [gate, origin]) {
    socket.binaryType = "arraybuffer";
    // Otherwise the runtime replies to a `Close` at once, and messages that the other side has not sent yet are lost.
    socket.accept({ allowHalfOpen: true });
  }
  watch.signal.addEventListener("abort", () => {
    for (const socket of [gate, origin]) close(socket, policyViolation, accessEndedMessage);
  });
  const closing: Closing = { hasBegun: false };
  pass(gate, origin, watch, closing);
  pass(origin, gate, watch, closing);
  return visitor;
}

interface Closing {
  /** True when one side has sent its `Close`, or has lost its connection. */
  hasBegun: boolean;
}

function pass(from: WebSocket, to: WebSocket, watch: AccessWatch, closing: Closing): void {
  from.addEventListener("message", ({ data }) => {
    // An origin that never closes must not prolong the session of a visitor that has left.
    if (!closing.hasBegun) watch.noteUse();
    send(to, data as string | ArrayBuffer);
  });
  from.addEventListener("close", ({ code, reason }) => {
    // The access is checked until both sides have closed.
    if (closing.hasBegun) watch.stop();
    closing.hasBegun = true;
    close(to, code, reason);
  });
  from.addEventListener("error", () => {
    watch.stop();
    close(to, 1011, "The other end has failed");
  });
}

/** Sends a message, if this end has not closed the socket. A `Close` from the other end does not prevent it. */
function send(socket: WebSocket, data: string | ArrayBuffer): void {
  try {
    socket.send(data);
  } catch {
    // This end has closed the socket in the meantime.
  }
}

function close(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === WebSocket.READY_STATE_CLOSED) return;
  try {
    if (unsendable.includes(code)) socket.close();
    else socket.close(code, reason);
  } catch {
    // The other side has closed the socket in the meantime.
  }
}
