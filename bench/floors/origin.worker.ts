const bodies = new Map<number, Uint8Array>();

function bodyOf(bytes: number): Uint8Array {
  const body = bodies.get(bytes) ?? new Uint8Array(bytes).fill(0x61);
  bodies.set(bytes, body);
  return body;
}

/** An origin behind a gate: `/bytes/N` responds with N bytes, `/echo` returns every message of a WebSocket. */
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
