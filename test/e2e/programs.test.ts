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
import { describeRadicale } from "./programs/radicale.ts";
import { describeSyncthing } from "./programs/syncthing.ts";
import { describeVerdaccio } from "./programs/verdaccio.ts";
import { launchBrowser } from "./support/browser.ts";
import { type Gate, type GateInput, startGates } from "./support/gates.ts";
import { findFreePorts } from "./support/processes.ts";

const starters = {
  jupyter: startJupyter,
  radicale: startRadicale,
  nginxDav: startNginxDav,
  verdaccio: startVerdaccio,
  nodeRed: startNodeRed,
  flood: startFlood,
  syncthing: startSyncthing,
};
type Name = keyof typeof starters;
type Running = { [N in Name]: Awaited<ReturnType<(typeof starters)[N]>> };
const names = Object.keys(starters) as Name[];

let browser: Browser;
let running: Running;
let gates: ReadonlyMap<string, Gate>;
let folder: string;
const stops: Array<() => unknown> = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-programs-"));
  browser = await launchBrowser();
  stops.push(() => browser.close());
  const ports = await findFreePorts(names.length);
  const started = await Promise.allSettled(
    names.map(async (name, index) => {
      const program = await startProgram(name, ports[index] ?? 0);
      stops.push(program.stop);
      return [name, program] as const;
    }),
  );
  running = Object.fromEntries(started.map(valueOrThrow)) as Running;

  const { gates: served, stop } = await startGates(names.flatMap(gatesOf));
  stops.push(stop);
  gates = served;
});
after(async () => {
  for (const stop of stops.toReversed()) await stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe("Jupyter Notebook", () => describeJupyter(castOf("jupyter")));
describe("Radicale", () => describeRadicale(castOf("radicale")));
describe("nginx with WebDAV", () => describeNginxDav(castOf("nginxDav")));
describe("Verdaccio", () => describeVerdaccio(castOf("verdaccio")));
describe("Node-RED", () => describeNodeRed(castOf("nodeRed")));
describe("Flood", () => describeFlood(castOf("flood")));
describe("Syncthing", () => describeSyncthing(castOf("syncthing")));

function startProgram(name: Name, port: number): Promise<Program> {
  const stateDir = join(folder, name);
  mkdirSync(stateDir);
  return (starters[name] as (options: ProgramOptions) => Promise<Program>)({ port, stateDir });
}

function valueOrThrow<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

/** One for each first factor that the program can be used with. */
function gatesOf(name: Name): GateInput[] {
  const { url, vars = {}, originVars }: Program = running[name];
  const common = { ORIGIN_URL: url, ...vars };
  const modes: GateInput[] = [{ name: `${name}-password`, vars: () => common }];
  if (originVars !== undefined)
    modes.push({
      name: `${name}-origin`,
      vars: (publicUrl) => ({ ...common, FIRST_FACTOR: "origin", ...originVars(publicUrl) }),
    });
  return modes;
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
