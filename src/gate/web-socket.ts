/** RFC 6455 7.4.1: policy violation. */
const sessionEnded = 1008;

/** RFC 6455 7.4.1: these are never sent; they say that there was no code, or no close at all. */
const unsendable = [1005, 1006, 1015];

/**
 * Relays between a visitor and the origin, and closes both ends when the session is over.
 *
 * @param origin the socket of the origin's handshake
 * @param lives asked every `intervalSeconds`; false, or a failure, ends the relay
 * @returns the visitor's end
 */
export function relay(origin: WebSocket, lives: () => Promise<boolean>, intervalSeconds: number): WebSocket {
  const { 0: visitor, 1: gate } = new WebSocketPair();
  for (const socket of [gate, origin]) {
    socket.binaryType = "arraybuffer";
    socket.accept();
  }
  const watch = setInterval(async () => {
    if (await lives().catch(() => false)) return;
    clearInterval(watch);
    for (const socket of [gate, origin]) close(socket, sessionEnded, "The session has ended");
  }, intervalSeconds * 1000);
  pass(gate, origin, watch);
  pass(origin, gate, watch);
  return visitor;
}

function pass(from: WebSocket, to: WebSocket, watch: ReturnType<typeof setInterval>): void {
  from.addEventListener("message", ({ data }) => {
    if (to.readyState === WebSocket.READY_STATE_OPEN) to.send(data as string | ArrayBuffer);
  });
  from.addEventListener("close", ({ code, reason }) => {
    clearInterval(watch);
    close(to, code, reason);
    close(from, code, reason);
  });
  from.addEventListener("error", () => {
    clearInterval(watch);
    close(to, 1011, "The other end has failed");
  });
}

function close(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === WebSocket.READY_STATE_CLOSED) return;
  try {
    if (unsendable.includes(code)) socket.close();
    else socket.close(code, reason);
  } catch {
    // It was closed from the other side in the meantime.
  }
}
