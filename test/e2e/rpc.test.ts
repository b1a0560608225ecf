import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Children } from "../../scripts/start/children.ts";
import { projectRoot, quietWrangler, wranglerArgs } from "../../scripts/start/wrangler.ts";
import { Authenticator } from "./support/authenticator.ts";
import { findFreePorts } from "./support/processes.ts";

// Two Workers and a service binding between them, as they would be deployed: `examples/rpc-caller` calls Sallyport.

const stateDir = mkdtempSync(join(tmpdir(), "sallyport-rpc-"));
const children = new Children();
let caller = "";

before(async () => {
  const config = join(stateDir, "wrangler.toml");
  writeFileSync(config, sallyportConfig(), { mode: 0o600 });
  const migrate = ["d1", "migrations", "apply", "DB", "--local", "--persist-to", stateDir, "-c", config];
  const migration = children.start(wranglerArgs(...migrate), quietWrangler);
  assert.equal(await migration.ended, "exit code 0");

  const [port = 0] = await findFreePorts(1);
  caller = `http://127.0.0.1:${port}`;
  const callerConfig = join(projectRoot, "examples/rpc-caller/wrangler.toml");
  const serve = ["dev", "-c", callerConfig, "-c", config, "--ip", "127.0.0.1", "--port", String(port)];
  serve.push("--inspector-port", "0", "--persist-to", stateDir, "--show-interactive-dev-session=false");
  const env = { ...quietWrangler, WRANGLER_REGISTRY_PATH: join(stateDir, "registry") };
  const workers = children.start(wranglerArgs(...serve), env);
  if (!(await answers())) {
    workers.replayOutput();
    assert.fail("The calling Worker does not answer");
  }
});

after(async () => {
  await children.end();
  rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

/** The configuration as it is deployed, with the secrets of this run, and readable from another folder. */
function sallyportConfig(): string {
  const secrets = `KEYRING = "k1:${randomBytes(32).toString("base64")}"\nADMIN_KEY = "${randomBytes(32).toString("base64url")}"`;
  return readFileSync(join(projectRoot, "wrangler.toml"), "utf8")
    .replace(/^main = "/m, `main = "${projectRoot}/`)
    .replace(/^migrations_dir = "/m, `migrations_dir = "${projectRoot}/`)
    .replace(/^\[secrets\]\nrequired = .*$/m, "")
    .replace(/^\[vars\]$/m, `[vars]\n${secrets}`);
}

async function answers(): Promise<boolean> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const response = await fetch(`${caller}/status`).catch(() => null);
    if (response?.status === 405) return true;
    await sleep(200);
  }
  return false;
}

async function ask(path: string, body: object) {
  const response = await fetch(caller + path, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

test("a Worker enrols a customer and takes a payment with a code, once", async () => {
  const user = "customer-42";
  assert.deepEqual((await ask("/status", { user })).json, { ok: false, code: "not_found" });
  const enrolment = (await ask("/enrol", { user })).json;
  assert.equal(enrolment.ok, true);
  const secret = String(enrolment.secret);
  const phone = new Authenticator(secret);
  const confirmed = (await ask("/confirm", { user, code: await phone.soonestCode() })).json;
  assert.equal((confirmed.backupCodes as string[]).length, 10);

  const code = await phone.soonestCode();
  const paid = await ask("/pay", { user, code });
  assert.equal(paid.json.paid, true);
  assert.equal(String(paid.json.receipt).split(".").length, 3);
  assert.deepEqual(await ask("/pay", { user, code }), {
    status: 403,
    json: { paid: false, why: "invalid_code" },
  });
  const status = (await ask("/status", { user })).json;
  assert.equal(status.enrolled, true);
  assert.equal(status.backupCodesRemaining, 10);
});
