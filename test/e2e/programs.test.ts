/**
 * Programs that nobody here wrote, unchanged, with their own clients, behind the gate with `FIRST_FACTOR=password`, and with
 * `origin` where they have a login: each does what it is for.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import type { Browser } from "playwright-core";
import { startFlood } from "./apps/flood.ts";
import { startJupyter } from "./apps/jupyter.ts";
import { startNginxDav } from "./apps/nginx-dav.ts";
import { startNodeRed } from "./apps/node-red.ts";
import type { Program, ProgramOptions } from "./apps/program.ts";
import { startRadicale } from "./apps/radicale.ts";
import { startSyncthing } from "./apps/syncthing.ts";
import { startVerdaccio } from "./apps/verdaccio.ts";
import type { Cast } from "./programs/cast.ts";
import { describeFlood } from "./programs/flood.ts";
import { describeJupyter } from "./programs/jupyter.ts";
import { describeNginxDav } from "./programs/nginx-dav.ts";
import { describeNodeRed } from "./programs/node-red.ts";
import { describeRadicale, describeTrustingRadicale } from "./programs/radicale.ts";
import { describeSyncthing } from "./programs/syncthing.ts";
import { describeVerdaccio, describeVerdaccioLogin } from "./programs/verdaccio.ts";
import { launchBrowser } from "./support/browser.ts";
import { type Gate, type GateInput, gateUrl, startGates } from "./support/gates.ts";
import { findFreePorts } from "./support/processes.ts";

const starters = {
  jupyter: startJupyter,
  radicale: (options: ProgramOptions) => startRadicale(options),
  trustingRadicale: (options: ProgramOptions) => startRadicale(options, "http_x_remote_user"),
  nginxDav: startNginxDav,
  verdaccio: (options: ProgramOptions) => startVerdaccio(options, "password"),
  verdaccioOrigin: (options: ProgramOptions) => startVerdaccio(options, "origin"),
  nodeRed: startNodeRed,
  flood: startFlood,
  syncthing: startSyncthing,
};
type Name = keyof typeof starters;
type Running = { [N in Name]: Awaited<ReturnType<(typeof starters)[N]>> };
const names = Object.keys(starters) as Name[];

interface Planned {
  readonly name: Name;
  readonly port: number;
  readonly gatePorts: { readonly password: number; readonly origin: number };
}

let browser: Browser;
let running: Running;
let gates: ReadonlyMap<string, Gate>;
let folder: string;
const stops: Array<() => unknown> = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-programs-"));
  browser = await launchBrowser();
  stops.push(() => browser.close());
  const ports = await findFreePorts(3 * names.length);
  const planned = names.map((name, index): Planned => {
    const [port = 0, password = 0, origin = 0] = ports.slice(3 * index);
    return { name, port, gatePorts: { password, origin } };
  });
  const started = await Promise.allSettled(planned.map(startProgram));
  running = Object.fromEntries(started.map(valueOrThrow)) as Running;
  const served = await startGates(planned.flatMap(gatesOf));
  stops.push(served.stop);
  gates = served.gates;
});
after(async () => {
  for (const stop of stops.toReversed()) await stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe("Jupyter Notebook", () => describeJupyter(castOf("jupyter")));
describe("Radicale", () => {
  describeRadicale(castOf("radicale"));
  describeTrustingRadicale(castOf("trustingRadicale"));
});
describe("nginx with WebDAV", () => describeNginxDav(castOf("nginxDav")));
describe("Verdaccio", () => {
  describeVerdaccio(castOf("verdaccio"));
  describeVerdaccioLogin(castOf("verdaccioOrigin"));
});
describe("Node-RED", () => describeNodeRed(castOf("nodeRed")));
describe("Flood", () => describeFlood(castOf("flood")));
describe("Syncthing", () => describeSyncthing(castOf("syncthing")));

async function startProgram({ name, port, gatePorts }: Planned): Promise<[Name, Program]> {
  const stateDir = join(folder, name);
  mkdirSync(stateDir);
  const publicUrls = { password: gateUrl(gatePorts.password), origin: gateUrl(gatePorts.origin) };
  const start: (options: ProgramOptions) => Promise<Program> = starters[name];
  const program = await start({ port, stateDir, publicUrls });
  stops.push(program.stop);
  return [name, program];
}

function valueOrThrow<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

/** One for each first factor that the program can be used with. */
function gatesOf({ name, gatePorts }: Planned): GateInput[] {
  const { url, vars = {}, originVars }: Program = running[name];
  const common = { ORIGIN_URL: url, ...vars };
  const password = { name: `${name}-password`, port: gatePorts.password, vars: common };
  if (originVars === undefined) return [password];
  const origin = { ...common, FIRST_FACTOR: "origin", ...originVars };
  return [password, { name: `${name}-origin`, port: gatePorts.origin, vars: origin }];
}

function castOf<N extends Name>(name: N): () => Cast<Running[N]> {
  return () => ({
    program: running[name],
    browser,
    password: gates.get(`${name}-password`) as Gate,
    origin: gates.get(`${name}-origin`) as Gate,
    scratchDir: scratchOf(name),
  });
}

function scratchOf(name: Name): string {
  const scratchDir = join(folder, `${name}-client`);
  mkdirSync(scratchDir, { recursive: true });
  return scratchDir;
}
