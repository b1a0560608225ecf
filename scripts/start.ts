/**
 * `npm start`: runs Sallyport in front of the demo origin, on this machine only.
 *
 * Environment variables, with their defaults: PORT (8787), ORIGIN_PORT (8788), STATE_DIR (.wrangler/state, for local D1 and KV),
 * BASE_PATH (/api/auth). Secrets are generated once and stored in `.dev.vars`. Ctrl-C stops everything.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Child, Children } from "./start/children.ts";
import { ensureDemoAccount } from "./start/demo-account.ts";
import { ensureDevVars, secretNames } from "./start/dev-vars.ts";
import { localConfig, writeLocalConfig } from "./start/local-config.ts";
import { parseSettings, requireFreePort, type Settings, StartError } from "./start/settings.ts";
import { projectRoot, quietWrangler, wranglerArgs } from "./start/wrangler.ts";

const listeningWithinMilliseconds = 90_000;
/** A server that responds with another status than 200 most likely has an invalid configuration, so the wait is short. */
const readyAfterFirstResponseMilliseconds = 10_000;
const slowAfterMilliseconds = 15_000;
/** Log lines of the Worker about `POLICY` (docs/configuration.md, "Warnings"). */
const policyWarnings = /"event":"policy\./;

let children: Children | undefined;
let ending = false;

async function start(): Promise<void> {
  const settings = parseSettings(process.env);
  await requireFreePort("PORT", settings.port);
  await requireFreePort("ORIGIN_PORT", settings.originPort);
  process.chdir(projectRoot);

  const { secrets, generated, warning } = ensureDevVars(".dev.vars");
  if (warning !== null) say(warning);
  if (generated.length > 0) say(`Generated local secrets in .dev.vars: ${generated.join(", ")}`);

  writeLocalConfig(secretNames);

  children = new Children();
  say(`Applying migrations to the database in ${settings.stateDir}`);
  await applyMigrations(children, settings);

  say(`Starting the demo origin on port ${settings.originPort}`);
  const origin = children.start(
    [fileURLToPath(new URL("../examples/demo-origin/server.ts", import.meta.url))],
    {
      ORIGIN_PORT: String(settings.originPort),
      SALLYPORT_BASE_PATH: settings.basePath,
      SALLYPORT_JWKS_URL: `${apiOf(settings)}/.well-known/jwks.json`,
      SALLYPORT_AUDIENCE: originUrlOf(settings),
      // The addresses under which a visitor reaches this machine.
      SALLYPORT_ISSUERS: ["localhost", "127.0.0.1"]
        .map((name) => `http://${name}:${settings.port}${settings.basePath}`)
        .join(),
    },
  );
  endWhenItEnds("The demo origin", origin);
  await waitUntilReady(`${originUrlOf(settings)}/public/`);
  origin.followOutput();

  say(`Starting the Worker on port ${settings.port}`);
  const worker = startWorker(children, settings);
  endWhenItEnds("The Worker", worker);
  // An error in the source does not end wrangler, which waits for the next edit.
  const slow = setTimeout(() => {
    say("The Worker is not ready yet. Its output:");
    worker.replayOutput();
  }, slowAfterMilliseconds);
  await waitUntilReady(`${apiOf(settings)}/health`)
    .catch((error: unknown) => {
      worker.replayOutput();
      throw error;
    })
    .finally(() => clearTimeout(slow));

  const account = await ensureDemoAccount(
    apiOf(settings),
    secrets.ADMIN_KEY,
    join(settings.stateDir, "demo-account.json"),
    say,
  );
  const address = `http://localhost:${settings.port}/`;
  say(
    "",
    `Sallyport is ready: ${address}`,
    `  user name  ${account.username}`,
    `  password   ${account.password}`,
    `  account    ${address.slice(0, -1)}${settings.basePath}/account`,
    `Every address below ${settings.basePath} is Sallyport's. If your site has some there, set BASE_PATH to another prefix.`,
    "Press Ctrl-C to stop.",
    "",
  );
  // The Worker has logged the warnings with its first request, which was the health check above.
  worker.followOutput(policyWarnings);
}

async function applyMigrations(children: Children, { stateDir }: Settings): Promise<void> {
  const args = wranglerArgs("d1", "migrations", "apply", "DB", "--local", "--persist-to", stateDir);
  const migration = children.start(args, quietWrangler);
  const how = await migration.ended;
  if (how === "exit code 0") return;
  if (!ending) migration.replayOutput();
  throw new StartError(`The migrations could not be applied (${how}).`);
}

function startWorker(children: Children, settings: Settings): Child {
  const args = wranglerArgs("dev", "--config", localConfig, "--ip", "127.0.0.1");
  args.push("--port", String(settings.port));
  // Port 0 takes a free port, because a fixed one would prevent a second copy.
  args.push("--inspector-port", "0", "--show-interactive-dev-session=false");
  args.push("--persist-to", settings.stateDir);
  args.push("--var", `ORIGIN_URL:${originUrlOf(settings)}`, "--var", `BASE_PATH:${settings.basePath}`);
  const env = {
    ...quietWrangler,
    // Workers of the same name must not find each other in a shared registry.
    WRANGLER_REGISTRY_PATH: join(settings.stateDir, "registry"),
    // Wrangler would serve its own pages and traces on the same port, outside the gate.
    X_LOCAL_EXPLORER: "false",
    X_LOCAL_OBSERVABILITY: "false",
  };
  // After a crash wrangler restarts its runtime and reports that it is ready, but does not respond to requests.
  return children.start(args, env, { givingUpWords: "runtime crashed unexpectedly" });
}

function apiOf({ port, basePath }: Settings): string {
  return `http://127.0.0.1:${port}${basePath}`;
}

function originUrlOf({ originPort }: Settings): string {
  return `http://127.0.0.1:${originPort}`;
}

/** Resolves when the address responds with 200. Throws StartError after the time limit. */
async function waitUntilReady(url: string): Promise<void> {
  let deadline = Date.now() + listeningWithinMilliseconds;
  let last: string | undefined;
  while (Date.now() < deadline) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5000), redirect: "manual" });
      if (response.status === 200) return;
      if (last === undefined) deadline = Date.now() + readyAfterFirstResponseMilliseconds;
      last = `${response.status} ${(await response.text()).slice(0, 500)}`;
    } catch {
      // Not listening yet.
    }
    await sleep(100);
  }
  throw new StartError(`${url} did not respond with 200. The last response: ${last ?? "none"}`);
}

function endWhenItEnds(name: string, child: Child): void {
  child.ended.then((how) => {
    if (ending) return;
    child.replayOutput();
    void end(1, `${name} has stopped (${how}).`);
  });
}

async function end(exitCode: 0 | 1, reason: string): Promise<void> {
  if (ending) return;
  ending = true;
  (exitCode === 0 ? console.log : console.error)(reason);
  await children?.end();
  process.exit(exitCode);
}

function say(...lines: string[]): void {
  for (const line of lines) console.log(line);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // The terminal and npm both send the signal of Ctrl-C. The second one has no effect.
  process.on(signal, () => void end(0, "\nStopping Sallyport."));
}
// A signal that is sent to npm ends npm and its shell, but is not passed on to this process.
if (process.env.npm_lifecycle_event !== undefined) {
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid !== shell) void end(0, "\nnpm has ended. Stopping Sallyport.");
  }, 500).unref();
}
// The terminal or the pipe was closed, so no Ctrl-C can follow.
for (const output of [process.stdout, process.stderr]) {
  output.on("error", () => void end(1, ""));
}

start().catch((error: unknown) => end(1, error instanceof StartError ? error.message : String(error)));
