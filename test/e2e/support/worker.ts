import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Child, Children } from "../../../scripts/start/children.ts";
import { quietWrangler, wranglerArgs } from "../../../scripts/start/wrangler.ts";
import { findFreePorts } from "./processes.ts";

const readyWithinMilliseconds = 120_000;

export type Worker = {
  readonly baseUrl: string;
  readonly port: number;
  readonly adminKey: string;
  readonly exportKey: string;
  readonly proxyKey: string;
  readonly stop: () => Promise<void>;
};

/** Starts the Worker without a site behind it, with these variables and with stores of its own. */
export async function startWorker(vars: Record<string, string>, chosenPort?: number): Promise<Worker> {
  const port = chosenPort ?? (await findFreePorts(1))[0] ?? 0;
  const stateDir = mkdtempSync(join(tmpdir(), "sallyport-worker-"));
  const adminKey = randomBytes(32).toString("base64url");
  const exportKey = randomBytes(32).toString("base64url");
  const proxyKey = randomBytes(32).toString("base64url");
  const secretsPath = join(stateDir, "secrets.env");
  const keyring = `k1:${randomBytes(32).toString("base64")}`;
  writeFileSync(secretsPath, `KEYRING="${keyring}"\nADMIN_KEY="${adminKey}"\n`, { mode: 0o600 });
  // wrangler takes from the file only what `wrangler.toml` requires, and these two keys are optional.
  const allVars = { ORIGIN_URL: "", PROXY_KEY: proxyKey, EXPORT_KEY: exportKey, ...vars };

  const children = new Children();
  const stop = async () => {
    await children.end();
    rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const migrate = ["d1", "migrations", "apply", "DB", "--local", "--persist-to", stateDir];
    const migration = children.start(wranglerArgs(...migrate), quietWrangler);
    if ((await migration.ended) !== "exit code 0") throw failure(migration, "The migrations failed");

    const serve = ["dev", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
    serve.push("--persist-to", stateDir, "--env-file", secretsPath, "--show-interactive-dev-session=false");
    for (const [name, value] of Object.entries(allVars)) serve.push("--var", `${name}:${value}`);
    const env = { ...quietWrangler, WRANGLER_REGISTRY_PATH: join(stateDir, "registry") };
    const worker = children.start(wranglerArgs(...serve), env);
    const baseUrl = `http://127.0.0.1:${port}`;
    if (!(await answers(`${baseUrl}/api/auth/health`))) throw failure(worker, "The Worker does not answer");
    return { baseUrl, port, adminKey, exportKey, proxyKey, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function failure(child: Child, message: string): Error {
  child.replayOutput();
  return new Error(message);
}

async function answers(url: string): Promise<boolean> {
  const deadline = Date.now() + readyWithinMilliseconds;
  while (Date.now() < deadline) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return true;
    await sleep(100);
  }
  return false;
}
