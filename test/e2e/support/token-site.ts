import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A single-page application that keeps its token in `localStorage`, and sends it with `fetch` and `XMLHttpRequest` only. */
export interface TokenSite {
  readonly url: string;
  stop(): Promise<void>;
}

const page = `<!doctype html><title>Notes</title>
<script src="/api/auth/assets/site.js"></script>
<h1>Notes</h1>
<button id="sign-in">Sign in</button>
<button id="by-fetch">Load by fetch</button>
<button id="by-request">Load by XMLHttpRequest</button>
<p role="status"></p>
<script>
const show = (text) => { document.querySelector("[role=status]").textContent = text; };
const authorization = () => "Bearer " + localStorage.getItem("token");
document.getElementById("sign-in").onclick = async () => {
  const { token } = await (await fetch("/token", { method: "POST" })).json();
  localStorage.setItem("token", token);
  show("signed in");
};
document.getElementById("by-fetch").onclick = async () => {
  const response = await fetch("/data?by=fetch", { headers: { Authorization: authorization() } });
  show(response.status + " " + await response.text());
};
document.getElementById("by-request").onclick = () => {
  const request = new XMLHttpRequest();
  request.open("GET", "/data?by=request");
  request.setRequestHeader("Authorization", authorization());
  request.onreadystatechange = () => { if (request.readyState === 4) show(request.status + " " + request.responseText); };
  request.onerror = () => show("error");
  request.send();
};
</script>`;

/** Starts it on this port of the loopback. Each press of its button gets a token of the same account. */
export async function startTokenSite(port: number): Promise<TokenSite> {
  const tokens = new Set<string>();
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? "/", "http://site.test");
    const isKnown = tokens.has((request.headers.authorization ?? "").replace("Bearer ", ""));
    if (pathname === "/token") {
      const token = crypto.randomUUID();
      tokens.add(token);
      response.setHeader("Content-Type", "application/json").end(JSON.stringify({ token }));
    } else if (pathname === "/me") {
      response.writeHead(isKnown ? 200 : 401, { "Content-Type": "application/json" });
      response.end(JSON.stringify(isKnown ? { name: "alice" } : {}));
    } else if (pathname === "/data") {
      response
        .writeHead(isKnown ? 200 : 401)
        .end(isKnown ? `hello ${request.headers["remote-user"]}` : "who?");
    } else response.setHeader("Content-Type", "text/html").end(page);
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
