import { once } from "node:events";
import { readFileSync } from "node:fs";
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { RunningProxy, Surroundings } from "./proxies.ts";
import { judgeAsTraefik, type Passed, type TraefikFile } from "./traefik-rules.ts";
import { parseYamlSubset } from "./yaml-subset.ts";

const example = fileURLToPath(new URL("../../../examples/traefik/dynamic.yml", import.meta.url));

/** Plays Traefik on the file in `examples/`, in this process, because Debian has no Traefik. */
export async function playTraefik({ workerPort, sitePort, proxyKey }: Surroundings): Promise<RunningProxy> {
  const file = readExample({
    SALLYPORT_URL: `http://127.0.0.1:${workerPort}`,
    SALLYPORT_PROXY_KEY: proxyKey,
    SITE_URL: `http://127.0.0.1:${sitePort}`,
    SITE_NAME: "127.0.0.1",
  });
  const sockets = new Set<Duplex>();
  const server = createServer((asked, response) => {
    answer(file, asked, response).catch(() => response.writeHead(500).end());
  });
  server.on("upgrade", (asked, socket) => {
    sockets.add(socket);
    tunnel(file, asked, socket).catch(() => refuseSocket(socket, 500));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  // Traefik asks under the name in the address, whatever the visitor's is.
  const seenByWorker = `http://127.0.0.1:${workerPort}`;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    port,
    seenByWorker,
    hidesCookies: false,
    marksRenewalsPrivate: false,
    clearsFamilies: false,
    heedsConnection: true,
    stop,
  };
}

/** The file provider's templates, as far as the file uses them. */
function readExample(env: Record<string, string>): TraefikFile {
  const source = readFileSync(example, "utf8").replace(/\{\{ env "(\w+)" \}\}/g, (written, name: string) => {
    const value = env[name];
    if (value === undefined) throw new Error(`No value for ${written}`);
    return value;
  });
  return (parseYamlSubset(source) as { http: TraefikFile }).http;
}

async function answer(file: TraefikFile, asked: IncomingMessage, response: ServerResponse): Promise<void> {
  const judged = await judgeAsTraefik(file, asked);
  if (!judged.passed) {
    response.writeHead(judged.status, judged.headers).end(judged.body);
    return;
  }
  const onward = forward(asked, judged);
  onward.once("response", (answered) => {
    const { statusCode = 502, statusMessage } = answered;
    response.writeHead(statusCode, statusMessage, judged.answerHeaders(answered.rawHeaders));
    // Not `pipeline`: what is written must leave at once.
    answered.pipe(response);
  });
  onward.once("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  asked.pipe(onward);
}

async function tunnel(file: TraefikFile, asked: IncomingMessage, socket: Duplex): Promise<void> {
  socket.on("error", () => {});
  const judged = await judgeAsTraefik(file, asked);
  if (!judged.passed) return refuseSocket(socket, judged.status);
  const onward = forward(asked, judged);
  onward.once("upgrade", ({ rawHeaders }, siteSocket) => {
    const lines = pairs(rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
    siteSocket.on("error", () => socket.destroy());
    socket.once("close", () => siteSocket.destroy());
    siteSocket.pipe(socket).pipe(siteSocket);
  });
  onward.once("response", ({ statusCode = 502 }) => refuseSocket(socket, statusCode));
  onward.once("error", () => refuseSocket(socket, 502));
  onward.end();
}

function forward({ method }: IncomingMessage, { server, path, headers }: Passed): ClientRequest {
  return request(server, { method, path, headers: headers.flat(), agent: false });
}

function refuseSocket(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

function pairs(rawHeaders: string[]): Array<[string, string]> {
  return rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ""]] : []));
}
