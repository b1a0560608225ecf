import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseEnv, promisify } from "node:util";
import { runAdmin } from "./support/admin.ts";
import {
  findFreePorts,
  isListening,
  listDescendants,
  type ProcessIdentity,
  stillRunning,
  waitUntilGone,
} from "./support/processes.ts";
import { createStateDir, type Sallyport, StartRun, startSallyport } from "./support/sallyport.ts";

const devVars = fileURLToPath(new URL("../../.dev.vars", import.meta.url));
const run = promisify(execFile);
const watchdogWithinMilliseconds = 10_000;

/** A program that runs a child of `npm start`, which writes `lines`, and follows the output of the child afterwards. */
const followingProgram = (lines: readonly string[]) => `
  import { Children } from ${JSON.stringify(new URL("../../scripts/start/children.ts", import.meta.url).href)};
  const children = new Children();
  const child = children.start(["-e", ${JSON.stringify(lines.map((line) => `console.warn(${JSON.stringify(line)})`).join(";"))}], {});
  await child.ended;
  child.followOutput(/"event":"policy\\./);
  await children.end();
`;

describe("npm start", () => {
  const stateDir = createStateDir();
  after(() => rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 }));

  it("brings up two copies side by side, and Ctrl-C leaves nothing of either", async () => {
    const copies = await Promise.all([startSallyport(), startSallyport()]);
    const processes = copies.flatMap((copy) => listDescendants(copy.run.pid));
    try {
      for (const copy of copies) {
        assert.equal((await fetch(`${copy.baseUrl}/api/auth/health`)).status, 200);
        assert.equal(await signIn(copy), "success");
      }
      assert.notEqual(copies[0].password, copies[1].password);
      assert.ok(processes.some(({ command }) => /workerd serve/.test(command)));
    } finally {
      assert.deepEqual(await Promise.all(copies.map((copy) => copy.stop("SIGINT"))), [0, 0]);
    }
    for (const copy of copies) await assertNothingLeft(copy, processes);
  });

  it("INC-31 shows the warnings about POLICY, which the Worker logs while it starts, and no other line of that time", async () => {
    const warning = '{"level":"warn","event":"policy.last_rule_weaker"}';
    const program = followingProgram(["Ready on a port", warning, '{"event":"request.refused"}']);
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program]);
    assert.equal(stdout, `${warning}\n`);
  });

  it("keeps its secrets in .dev.vars, which only the owner can read", () => {
    assert.equal(statSync(devVars).mode & 0o777, 0o600);
  });

  it("INC-37 says that .dev.vars was open to others, and closes it", async () => {
    chmodSync(devVars, 0o644);
    const copy = await startSallyport({ stateDir });
    try {
      assert.match(
        copy.run.output,
        /\.dev\.vars holds secrets, and other users of this machine could read it \(mode 644\)/,
      );
      assert.equal(statSync(devVars).mode & 0o777, 0o600);
    } finally {
      await copy.stop();
    }
  });

  it("INC-29 gives the Worker its EXPORT_KEY, which the admin program finds in .dev.vars, and shows it to no other process", async () => {
    const copy = await startSallyport({ stateDir });
    const folder = mkdtempSync(join(tmpdir(), "sallyport-start-"));
    try {
      const env = { SALLYPORT_URL: copy.baseUrl };
      const run = (...args: string[]) => runAdmin(args, env, { cwd: folder });
      assert.equal((await run("export", "keygen", "-o", "move")).code, 0);
      const exported = await run("export", "--to", "move.public.json", "-o", "users.jwe", "--json");
      assert.equal(exported.code, 0, exported.stderr);
      assert.equal(JSON.parse(exported.stdout).unreadable, 0);
      const { EXPORT_KEY: exportKey = "" } = parseEnv(readFileSync(devVars, "utf8"));
      assert.equal(exportKey.length, 43);
      for (const { command } of listDescendants(copy.run.pid))
        assert.ok(!command.includes(exportKey), command);
    } finally {
      await copy.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("prints the same demo account the next time, and ends on SIGTERM too", async () => {
    const first = await startSallyport({ stateDir });
    assert.equal(await first.stop("SIGTERM"), 0);
    const second = await startSallyport({ stateDir });
    try {
      assert.equal(second.password, first.password);
      assert.equal(await signIn(second), "success");
    } finally {
      await second.stop();
    }
  });

  it("says which port is in use, and starts nothing", async () => {
    const copy = await startSallyport({ stateDir });
    try {
      const run = new StartRun({ PORT: copy.port, ORIGIN_PORT: copy.originPort, STATE_DIR: stateDir });
      assert.equal(await run.exitCode, 1);
      assert.match(run.output, new RegExp(`^Port ${copy.port} is already in use\\..* PORT`));
      assert.equal(run.output.trim().split("\n").length, 1);
    } finally {
      await copy.stop();
    }
  });

  it("puts Sallyport in front of the site at ORIGIN_URL, with the variables of its environment", async () => {
    const site = createServer((request, response) => response.end(`own site: ${request.url}`)).listen(
      0,
      "127.0.0.1",
    );
    await once(site, "listening");
    const [PORT = 0, ORIGIN_PORT = 0] = await findFreePorts(2);
    const run = new StartRun({
      PORT,
      ORIGIN_PORT,
      STATE_DIR: stateDir,
      ORIGIN_URL: `http://127.0.0.1:${(site.address() as AddressInfo).port}`,
      BASE_PATH: "/door",
      POLICY: '[{ "path": "/open", "require": "none" }]',
      ADMIN_USERS: "",
      ORIGIN_LOGN: "/login",
    });
    try {
      await run.waitForOutput(/^Taken from the environment: BASE_PATH, ORIGIN_URL, POLICY$/m);
      await run.waitForOutput(/^Press Ctrl-C to stop\.$/m);
      assert.match(
        run.output,
        /^ORIGIN_LOGN in the environment has no effect\. Did you mean ORIGIN_LOGIN\?$/m,
      );
      assert.doesNotMatch(run.output, /demo origin|ORIGIN_PORT/);
      const at = (path: string) => fetch(`http://127.0.0.1:${PORT}${path}`, { redirect: "manual" });
      assert.equal(await (await at("/open")).text(), "own site: /open");
      assert.equal((await at("/other")).status, 401);
      assert.equal((await at("/door/health")).status, 200);
    } finally {
      await run.stop();
      site.close();
    }
  });

  it("refuses what is no port, by the variable's name", async () => {
    const run = new StartRun({ PORT: 8787, ORIGIN_PORT: 99_999, STATE_DIR: stateDir });
    assert.equal(await run.exitCode, 1);
    assert.match(run.output, /^ORIGIN_PORT must be a port number/);
  });

  for (const [name, command] of [
    ["the demo origin", /demo-origin\/server\.ts/],
    ["wrangler", /wrangler\.js dev/],
    ["the Workers runtime", /workerd serve/],
  ] as const) {
    it(`ends all of it, with exit code 1, when ${name} dies`, async () => {
      const copy = await startSallyport({ stateDir });
      const processes = listDescendants(copy.run.pid);
      const victim = processes.find((process) => command.test(process.command));
      assert.ok(victim, `${name} runs`);
      process.kill(victim.pid, "SIGKILL");
      assert.equal(await copy.run.exitCode, 1);
      assert.match(copy.run.output, /has stopped/);
      await assertNothingLeft(copy, processes);
    });
  }

  it("leaves nothing behind when it is killed outright", async () => {
    const copy = await startSallyport({ stateDir });
    const processes = listDescendants(copy.run.pid);
    await copy.stop("SIGKILL");
    assert.deepEqual(await waitUntilGone(processes, watchdogWithinMilliseconds), []);
    await assertNothingLeft(copy, processes);
  });
});

/** Signs in as the printed demo account, and returns the status that the API answers with. */
async function signIn({ baseUrl, username, password }: Sallyport): Promise<unknown> {
  const response = await fetch(`${baseUrl}/api/auth/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  const answer = (await response.json()) as { status?: unknown };
  return answer.status;
}

async function assertNothingLeft(copy: Sallyport, processes: ProcessIdentity[]): Promise<void> {
  assert.ok(processes.length >= 4, "watchdog, demo origin, wrangler and its runtime were there");
  assert.deepEqual(stillRunning(processes), []);
  assert.equal(await isListening(copy.port), false);
  assert.equal(await isListening(copy.originPort), false);
}
