import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findFreePorts } from "../support/processes.ts";
import { runServer } from "./app.ts";
import { credentials, type Program, type ProgramOptions } from "./program.ts";

const directory = fileURLToPath(new URL("./flood/", import.meta.url));
const program = join(directory, "node_modules/flood/dist/index.js");

/** Flood, and the program that it watches. */
export interface Flood extends Program {
  /** Gives the BitTorrent client a file with this name to look for, behind Flood's back. */
  addTorrent(name: string): Promise<void>;
}

/**
 * Flood, a web page for a BitTorrent client (npm: `npm ci` in `flood/`; Debian: `transmission-daemon`). Its page shows what
 * server-sent events say. Its own addresses begin with `/api/auth`, so that `BASE_PATH` must be another one.
 */
export async function startFlood({ port, stateDir }: ProgramOptions): Promise<Flood> {
  if (!existsSync(program)) throw new Error(`Flood is not installed: npm ci --prefix ${directory}`);
  const url = `http://127.0.0.1:${port}`;
  const transmission = await startTransmission(join(stateDir, "transmission"));
  const stopFlood = await runServer({
    command: process.execPath,
    args: [program, "--host", "127.0.0.1", "--port", String(port), "--rundir", join(stateDir, "flood")],
    cwd: stateDir,
    readyUrl: `${url}/api/auth/verify`,
  });
  const stop = async () => {
    await stopFlood();
    await transmission.stop();
  };
  try {
    await register(url, transmission.url);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...credentials,
    url,
    vars: { BASE_PATH: "/sallyport", SESSION_RECHECK: "2" },
    originVars: {
      WHOAMI_URL: "/api/auth/verify",
      WHOAMI_USER: "json:/username",
      ORIGIN_COOKIES: "jwt",
    },
    addTorrent: (name) => addTorrent(transmission.url, name),
    stop,
  };
}

/** The first account, as Flood's own page creates it. */
async function register(url: string, transmissionUrl: string): Promise<void> {
  const client = { client: "Transmission", type: "rpc", version: 1, url: transmissionUrl };
  const response = await fetch(`${url}/api/auth/register`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...credentials, level: 10, client: { ...client, username: "-", password: "-" } }),
  });
  if (!response.ok) throw new Error(`POST /api/auth/register: ${response.status} ${await response.text()}`);
}

/** Without peers: it announces nothing, and asks no other host. */
async function startTransmission(stateDir: string) {
  const [rpcPort = 0, peerPort = 0] = await findFreePorts(2);
  mkdirSync(stateDir);
  const url = `http://127.0.0.1:${rpcPort}/transmission/rpc`;
  const listen = ["--rpc-bind-address", "127.0.0.1", "--port", String(rpcPort), "--no-auth"];
  const peers = ["--bind-address-ipv4", "127.0.0.1", "--peerport", String(peerPort)];
  const quiet = ["--no-dht", "--no-lpd", "--no-utp", "--no-portmap"];
  const stop = await runServer({
    command: "transmission-daemon",
    args: [
      "--foreground",
      "--config-dir",
      stateDir,
      "--download-dir",
      stateDir,
      ...listen,
      ...peers,
      ...quiet,
    ],
    cwd: stateDir,
    readyUrl: url,
    // Until the client has shown the id that this response contains.
    readyStatus: 409,
  });
  return { url, stop };
}

async function addTorrent(url: string, name: string): Promise<void> {
  const info = `d6:lengthi1e4:name${name.length}:${name}12:piece lengthi16384e6:pieces20:${"x".repeat(20)}e`;
  const session = (await fetch(url)).headers.get("X-Transmission-Session-Id") ?? "";
  const response = await fetch(url, {
    method: "POST",
    headers: { "X-Transmission-Session-Id": session },
    body: JSON.stringify({
      method: "torrent-add",
      arguments: { metainfo: Buffer.from(`d4:info${info}e`).toString("base64"), paused: true },
    }),
  });
  const { result } = (await response.json()) as { result: string };
  if (result !== "success") throw new Error(`torrent-add: ${result}`);
}
