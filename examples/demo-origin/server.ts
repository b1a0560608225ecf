/**
 * A small site that works without Sallyport: what stands behind the gate in `npm start` and in the end-to-end tests.
 * It shows what an origin gets to see, and how an origin checks the assertion.
 *
 * From the environment: ORIGIN_PORT (8788), SALLYPORT_JWKS_URL (whose keys are believed), SALLYPORT_AUDIENCE (this site as
 * the gate calls it: its ORIGIN_URL), SALLYPORT_ISSUERS (Sallyport's base addresses, with commas), SITE_HOSTS (the site's
 * host names, with commas), SALLYPORT_BASE_PATH (for links to Sallyport's pages).
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createRemoteJWKSet, type JWTPayload } from "jose";
import { checkAssertion } from "./assertion.ts";
import { contentSecurityPolicy, escapeHtml, renderFacts, renderPage } from "./page.ts";

const port = Number(process.env.ORIGIN_PORT || "8788");
const basePath = process.env.SALLYPORT_BASE_PATH || "/api/auth";
const jwksUrl = new URL(
  process.env.SALLYPORT_JWKS_URL || `http://127.0.0.1:8787${basePath}/.well-known/jwks.json`,
);
const audience = process.env.SALLYPORT_AUDIENCE || `http://127.0.0.1:${port}`;
const issuers = (process.env.SALLYPORT_ISSUERS || audience + basePath).split(",");
const hosts = (process.env.SITE_HOSTS || issuers.map((issuer) => new URL(issuer).host).join()).split(",");

const keys = createRemoteJWKSet(jwksUrl);

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

const routes: Record<string, Handler> = {
  "/": showVisitor,
  "/headers": showHeaders,
  "/echo": echo,
  "/stream": streamEvents,
  "/set-cookie": setCookies,
  "/redirect": (_request, response) => void response.writeHead(302, { Location: "/elsewhere" }).end(),
  "/elsewhere": page("Elsewhere", "<p>This is where <code>/redirect</code> leads.</p>"),
  "/download": download,
  "/public/": page("Public", "<p>Nothing here is worth a password.</p>"),
  "/admin/": page("Admin", "<p>Whoever reads this should have shown a second factor a moment ago.</p>"),
};

async function showVisitor(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const user = header(request, "remote-user");
  const token = header(request, "x-sallyport-assertion");
  const expected = { issuers, audience, hosts };
  const asked = { method: request.method ?? "", path: "/", level: "second_factor" } as const;
  const assertion = await checkAssertion(token, keys, expected, asked);
  const greeting = user ? `Hello, ${user}` : "Hello, whoever you are";
  const facts = renderFacts([
    ["Remote-User", user || "not sent"],
    ["Remote-Email", header(request, "remote-email") || "not sent"],
    [
      "Verified assertion",
      {
        html: assertion.ok
          ? '<span class="yes">yes</span>'
          : `<span class="no">no</span> (${escapeHtml(assertion.reason)})`,
      },
    ],
    ...(assertion.ok ? describeClaims(assertion.claims) : []),
  ]);
  sendPage(response, 200, greeting, `<p>This is the demo origin, the site behind the gate.</p>${facts}`);
}

function describeClaims(claims: JWTPayload): Array<[string, string]> {
  const { amr, auth_time: authTime } = claims;
  return [
    ["Subject", claims.sub ?? ""],
    ["Name", String(claims.preferred_username ?? "")],
    ["Shown (acr)", String(claims.acr)],
    ["Judged for", `${claims.host}, path ${claims.path}`],
    ["Signed in with (amr)", Array.isArray(amr) ? amr.join(", ") : ""],
    ["Signed in at", typeof authTime === "number" ? new Date(authTime * 1000).toISOString() : ""],
  ];
}

function showHeaders(request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers, rawHeaders } = request;
  const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : []));
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(`${JSON.stringify({ method, url, headers, rawHeaders: pairs }, null, 2)}\n`);
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "POST") {
    response.writeHead(405, { Allow: "POST" }).end();
    return;
  }
  response.writeHead(200, { "Content-Type": request.headers["content-type"] ?? "application/octet-stream" });
  response.flushHeaders();
  await pipeline(request, response);
}

async function streamEvents(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  for (let count = 1; count <= 5 && !response.destroyed; count++) {
    response.write(`id: ${count}\ndata: ${JSON.stringify({ count, at: new Date().toISOString() })}\n\n`);
    await sleep(100);
  }
  response.end();
}

/** The second cookie is what a hostile or careless origin might try: the gate must not let it through. */
function setCookies(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("Set-Cookie", [
    "origin=1; Path=/; HttpOnly; SameSite=Lax",
    "__Host-sallyport=evil; Path=/; Secure; HttpOnly; SameSite=Lax",
  ]);
  sendPage(response, 200, "Cookies", "<p>This page has set a cookie named <code>origin</code>.</p>");
}

const maxDownloadBytes = 2 ** 30;

/** Byte n of every download is n modulo 251, so that a part can be told from any other part. */
async function download(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const size = Number(url.searchParams.get("bytes") ?? 1024);
  if (!Number.isInteger(size) || size < 0 || size > maxDownloadBytes) {
    response.writeHead(400, { "Content-Type": "text/plain" }).end("bytes must be 0 to 1073741824\n");
    return;
  }
  const range = parseRange(request.headers.range, size);
  if (range === "unsatisfiable") {
    response.writeHead(416, { "Content-Range": `bytes */${size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: size };
  response.writeHead(range ? 206 : 200, {
    "Content-Type": "application/octet-stream",
    "Accept-Ranges": "bytes",
    "Content-Length": end - start,
    ...(range ? { "Content-Range": `bytes ${start}-${end - 1}/${size}` } : {}),
  });
  if (request.method === "HEAD") response.end();
  else await pipeline(Readable.from(countingBytes(start, end)), response);
}

/** One `bytes=` range (RFC 9110 14.1.2), its end exclusive. Null: there is none, or one that may be ignored. */
function parseRange(
  range: string | undefined,
  size: number,
): { start: number; end: number } | "unsatisfiable" | null {
  const [, first, last] = range?.match(/^bytes=(\d*)-(\d*)$/) ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return null;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (first !== "" && last !== "" && Number(last) < start) return null;
  return start < end ? { start, end } : "unsatisfiable";
}

function* countingBytes(start: number, end: number): Generator<Uint8Array> {
  const chunkBytes = 64 * 1024;
  for (let at = start; at < end; at += chunkBytes) {
    yield Buffer.alloc(Math.min(chunkBytes, end - at)).map((_, i) => (at + i) % 251);
  }
}

function page(title: string, main: string): Handler {
  return (_request, response) => sendPage(response, 200, title, main);
}

function sendPage(response: ServerResponse, status: number, title: string, main: string): void {
  response.writeHead(status, {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": contentSecurityPolicy,
    "Cache-Control": "no-store",
  });
  response.end(renderPage(title, main, basePath));
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value.join(", ") : value) ?? "";
}

let requests = 0;

const server = createServer(async (request, response) => {
  requests += 1;
  response.setHeader("X-Origin-Requests", requests);
  try {
    const url = new URL(request.url ?? "/", "http://origin");
    const handler = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
    if (handler) await handler(request, response, url);
    else sendPage(response, 404, "Not found", "<p>The demo origin has no such page.</p>");
  } catch (error) {
    // Mostly a visitor who went away in the middle of a stream.
    if (!response.headersSent) sendPage(response, 500, "Something broke", "<p>The demo origin failed.</p>");
    else response.destroy();
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") console.error(error);
  }
});
server.on("error", (error) => {
  console.error(`The demo origin can't listen on port ${port}: ${error.message}`);
  process.exit(1);
});
server.listen(port, "127.0.0.1");
