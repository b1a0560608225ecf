import { type AccessWatch, accessEndedMessage } from "./access-watch.ts";

/** RFC 6455 7.4.1. */
const policyViolation = 1008;

/** RFC 6455 7.4.1: codes that are reported locally, for a close without a code or a lost connection, and never sent. */
const unsendable = [1005, 1006, 1015];

/**
 * Relays messages between a visitor and the origin, and closes both sockets when the access ends.
 *
 * @param origin the socket from the origin's response to the handshake
 * @returns the socket for the visitor's response
 */
export function relayWebSocket(origin: WebSocket, watch: AccessWatch): WebSocket {
  const { 0: visitor, 1: gate } = new WebSocketPair();
  for (const socket of [gate, origin]) {
    socket.binaryType = "arraybuffer";
    socket.accept();
  }
  watch.signal.addEventListener("abort", () => {
    for (const socket of [gate, origin]) close(socket, policyViolation, accessEndedMessage);
  });
  pass(gate, origin, watch);
  pass(origin, gate, watch);
  return visitor;
}

function pass(from: WebSocket, to: WebSocket, watch: AccessWatch): void {
  from.addEventListener("message", ({ data }) => {
    watch.noteUse();
    if (to.readyState === WebSocket.READY_STATE_OPEN) to.send(data as string | ArrayBuffer);
  });
  from.addEventListener("close", ({ code, reason }) => {
    watch.stop();
    close(to, code, reason);
    close(from, code, reason);
  });
  from.addEventListener("error", () => {
    watch.stop();
    close(to, 1011, "The other end has failed");
  });
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
