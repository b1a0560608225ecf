/**
 * `npm start`: Sallyport in front of the demo origin, on this machine only.
 *
 * PORT (8787), ORIGIN_PORT (8788), STATE_DIR (.wrangler/state: local D1 and KV) and BASE_PATH (/api/auth) come from the
 * environment. Secrets are made once and kept in `.dev.vars`. Ctrl-C ends all of it.
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
/** What answers, but not with 200, has most likely found its configuration wrong: waiting longer won't mend it. */
const readyAfterFirstAnswerMilliseconds = 10_000;
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
  if (generated.length > 0) say(`Made local secrets in .dev.vars: ${generated.join(", ")}`);

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
  await answers(`${originUrlOf(settings)}/public/`);
  origin.followOutput();

  say(`Starting the Worker on port ${settings.port}`);
  const worker = startWorker(children, settings);
  endWhenItEnds("The Worker", worker);
  // A mistake in the source does not end wrangler: it waits for the next edit.
  const slow = setTimeout(() => {
    say("The Worker is not ready yet. It has written:");
    worker.replayOutput();
  }, slowAfterMilliseconds);
  await answers(`${apiOf(settings)}/health`)
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
    "Ctrl-C ends it.",
    "",
  );
  // The Worker logs them with its first request, which is the one above that waited for it.
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
  // Port 0: whichever is free, because a fixed one would be in the way of a second copy.
  args.push("--inspector-port", "0", "--show-interactive-dev-session=false");
  args.push("--persist-to", settings.stateDir);
  args.push("--var", `ORIGIN_URL:${originUrlOf(settings)}`, "--var", `BASE_PATH:${settings.basePath}`);
  const env = {
    ...quietWrangler,
    // Every copy has the same name, and they must not find each other.
    WRANGLER_REGISTRY_PATH: join(settings.stateDir, "registry"),
    // These two are wrangler's own pages and traces, on the same port and around the gate.
    X_LOCAL_EXPLORER: "false",
    X_LOCAL_OBSERVABILITY: "false",
  };
  // Wrangler starts its runtime again after a crash, says that it is ready, and answers no request from then on.
  return children.start(args, env, { givingUpWords: "runtime crashed unexpectedly" });
}

function apiOf({ port, basePath }: Settings): string {
  return `http://127.0.0.1:${port}${basePath}`;
}

function originUrlOf({ originPort }: Settings): string {
  return `http://127.0.0.1:${originPort}`;
}

/** Resolves when the address answers 200. */
async function answers(url: string): Promise<void> {
  let deadline = Date.now() + listeningWithinMilliseconds;
  let last: string | undefined;
  while (Date.now() < deadline) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5000), redirect: "manual" });
      if (response.status === 200) return;
      if (last === undefined) deadline = Date.now() + readyAfterFirstAnswerMilliseconds;
      last = `${response.status} ${(await response.text()).slice(0, 500)}`;
    } catch {
      // Not listening yet.
    }
    await sleep(100);
  }
  throw new StartError(`${url} does not answer 200. The last answer was: ${last ?? "none"}`);
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
  // npm passes on the Ctrl-C that the terminal sent here too: the second one means nothing.
  process.on(signal, () => void end(0, "\nEnding Sallyport."));
}
// A signal that is sent to npm ends npm and its shell, and goes no further.
if (process.env.npm_lifecycle_event !== undefined) {
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid !== shell) void end(0, "\nnpm is gone: ending Sallyport.");
  }, 500).unref();
}
// The terminal or the pipe is gone, and with it whoever could press Ctrl-C.
for (const output of [process.stdout, process.stderr]) {
  output.on("error", () => void end(1, ""));
}

start().catch((error: unknown) => end(1, error instanceof StartError ? error.message : String(error)));
