const bodies = new Map<number, Uint8Array>();

function bodyOf(bytes: number): Uint8Array {
  const body = bodies.get(bytes) ?? new Uint8Array(bytes).fill(0x61);
  bodies.set(bytes, body);
  return body;
}

/** A site behind a gate: `/bytes/N` answers with so many, `/echo` sends every message of a WebSocket back. */
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/echo") return echo();
    return new Response(bodyOf(Number(pathname.split("/")[2] ?? 0)), {
      headers: { "Content-Type": "application/octet-stream" },
    });
  },
} satisfies ExportedHandler;

function echo(): Response {
  const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  return new Response(null, { status: 101, webSocket: client });
}
