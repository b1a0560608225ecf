/**
 * Programs that nobody here wrote, unchanged, with their own clients, behind the gate with `FIRST_FACTOR=password`, and with
 * `origin` where they have a login: each does what it is for.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import type { Browser } from "playwright-core";
import { startEsbuild } from "./apps/esbuild.ts";
import { startJupyter } from "./apps/jupyter.ts";
import { startNginxDav } from "./apps/nginx-dav.ts";
import { startNodeRed } from "./apps/node-red.ts";
import type { Program, ProgramOptions } from "./apps/program.ts";
import { startRadicale } from "./apps/radicale.ts";
import { startVerdaccio } from "./apps/verdaccio.ts";
import type { Cast } from "./programs/cast.ts";
import { describeEsbuild } from "./programs/esbuild.ts";
import { describeJupyter } from "./programs/jupyter.ts";
import { describeNginxDav } from "./programs/nginx-dav.ts";
import { describeNodeRed } from "./programs/node-red.ts";
import { describeRadicale } from "./programs/radicale.ts";
import { describeVerdaccio } from "./programs/verdaccio.ts";
import { launchBrowser } from "./support/browser.ts";
import { type Gate, planGates, startGates } from "./support/gates.ts";
import { findFreePorts } from "./support/processes.ts";

const starters = {
  jupyter: startJupyter,
  radicale: startRadicale,
  nginxDav: startNginxDav,
  verdaccio: startVerdaccio,
  nodeRed: startNodeRed,
  esbuild: startEsbuild,
};
type Name = keyof typeof starters;
type Running = { [N in Name]: Awaited<ReturnType<(typeof starters)[N]>> };
const names = Object.keys(starters) as Name[];

let browser: Browser;
let running: Running;
let gates: Readonly<Record<string, Gate>>;
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

  const planned = await planGates(names.flatMap((name) => [`${name}-password`, `${name}-origin`]));
  const vars = Object.entries(planned).map(([key, { baseUrl }]) => [key, variables(key, baseUrl)] as const);
  const served = vars.filter(([, values]) => values !== undefined);
  const all = await startGates(
    Object.fromEntries(served.map(([key]) => [key, planned[key] as Gate])),
    Object.fromEntries(served) as Record<string, Record<string, string>>,
  );
  stops.push(all.stop);
  gates = all.gates;
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
describe("esbuild's server", () => describeEsbuild(castOf("esbuild")));

function startProgram(name: Name, port: number): Promise<Program> {
  const stateDir = join(folder, name);
  mkdirSync(stateDir);
  return (starters[name] as (options: ProgramOptions) => Promise<Program>)({ port, stateDir });
}

function valueOrThrow<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

function variables(key: string, publicUrl: string): Record<string, string> | undefined {
  const [name, mode] = key.split("-") as [Name, string];
  const program: Program = running[name];
  if (mode === "password") return { ORIGIN_URL: program.url };
  const own = program.originVars?.(publicUrl);
  return own && { ORIGIN_URL: program.url, FIRST_FACTOR: "origin", ...own };
}

function castOf<N extends Name>(name: N): () => Cast<Running[N]> {
  return () => ({
    program: running[name],
    browser,
    password: gates[`${name}-password`] as Gate,
    origin: gates[`${name}-origin`] as Gate,
    scratchDir: scratchOf(name),
  });
}

function scratchOf(name: Name): string {
  const scratchDir = join(folder, `${name}-client`);
  mkdirSync(scratchDir, { recursive: true });
  return scratchDir;
}
