import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Environment, environmentOf, runAdmin } from "../support/admin.ts";
import { Authenticator } from "../support/authenticator.ts";
import { startWorker, type Worker } from "../support/worker.ts";
import { buildAuthenticatorFiles } from "./import-files/authenticator-files.ts";
import { type ImportCase, secretOf } from "./import-files/import-case.ts";
import { buildPrivacyideaFiles } from "./import-files/privacyidea-files.ts";
import { buildProviderFiles } from "./import-files/provider-files.ts";

const cases = [...(await buildAuthenticatorFiles()), ...buildProviderFiles(), ...buildPrivacyideaFiles()];

let worker: Worker;
const folder = mkdtempSync(join(tmpdir(), "sallyport-import-"));

before(async () => {
  worker = await startWorker({});
});
after(async () => {
  await worker.stop();
  rmSync(folder, { recursive: true, force: true });
});

const envFor = ({ password }: ImportCase): Environment => ({
  ...environmentOf(worker),
  SALLYPORT_IMPORT_PASSWORD: password,
});

async function run(one: ImportCase, ...more: readonly string[]) {
  writeFileSync(join(folder, one.name), one.content);
  const args = ["import", one.name, "--realm", one.name, "--json", ...(one.args ?? []), ...more];
  const { code, stdout, stderr } = await runAdmin(args, envFor(one), { cwd: folder });
  for (const secret of Object.values(one.secrets))
    assert.ok(!`${stdout}${stderr}`.toUpperCase().includes(secret), "The output has a secret.");
  assert.ok(stdout.startsWith("{"), stderr);
  assert.equal(code, one.leftOut.length > 0 ? 1 : 0, stderr);
  return JSON.parse(stdout);
}

async function api<T>(path: string, realm: string, body?: object): Promise<T> {
  const response = await fetch(`${worker.baseUrl}/api/auth/v1${path}?realm=${realm}`, {
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    headers: { Authorization: `Bearer ${worker.adminKey}`, "Content-Type": "application/json" },
  });
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return ((await response.json()) as { data: T }).data;
}

interface User {
  readonly id: string;
  readonly username: string;
  readonly totp_enabled: boolean;
}

describe("an import of another program's file", () => {
  it("names the entry that the server refuses, and goes on at an entry", async () => {
    const realm = ["--realm", "refused", "--chunk-lines", "2"];
    const env = environmentOf(worker);
    const rows = (secret: string, from: number) =>
      Array.from({ length: 5 }, (_, index) => `user${index + from},${index === 1 ? "not base32!" : secret}`);
    const table = (...lines: readonly string[]) =>
      writeFileSync(join(folder, "refused.csv"), `username,secret\n${lines.join("\n")}\n`);
    const admin = (...args: readonly string[]) =>
      runAdmin(["import", "refused.csv", ...realm, ...args], env, { cwd: folder });

    table(...rows(secretOf(), 1));
    const first = await admin("--from-line", "4");
    assert.equal(first.code, 1);
    assert.match(first.stdout, /^2 entries: 2 created, 0 unchanged, 0 failed/);
    assert.match(first.stderr, /^entry 2 \(line 3\), user2: secret: is not base32\./m);
    assert.match(first.stderr, /1 entry did not come in\.$/m);
    assert.equal((await admin("--from-line", "7")).code, 2);

    table(...rows(secretOf(), 1), ...rows(secretOf(), 6));
    const second = await admin();
    assert.equal(second.code, 1);
    assert.match(second.stdout, /^10 entries: 6 created, 0 unchanged, 2 failed/);
    assert.match(second.stderr, /^entry 4 \(line 5\), user4: .*already exists.*\(conflict\)$/m);
    assert.match(second.stderr, /^entry 5 \(line 6\), user5: .*\(conflict\)$/m);
    assert.match(second.stderr, /2 entries failed and changed nothing\. 2 entries did not come in\./);
  });
});

describe("a file of each format", () => {
  for (const one of cases) {
    const names = [...Object.keys(one.secrets), ...(one.withoutFactor ?? [])].sort();
    const leftOut = one.leftOut.map(([username, reason]) => ({ username, reason }));
    const shorten = (list: Array<{ username: string | null; reason: string }>) =>
      list.map(({ username, reason }) => ({ username, reason }));

    it(`${one.name}: a dry run says what the import then does, and every code is accepted`, async () => {
      const dry = await run(one, "--dry-run");
      assert.equal(dry.format, one.format);
      const comesIn = dry.list.filter(({ result }: { result: string }) => result === "imported");
      assert.deepEqual(comesIn.map(({ username }: { username: string }) => username).sort(), names);
      assert.deepEqual(
        shorten(dry.list.filter(({ result }: { result: string }) => result === "left_out")),
        leftOut,
      );
      assert.deepEqual((await api<{ users: User[] }>("/users", one.name)).users, []);

      const report = await run(one);
      assert.deepEqual([report.created, report.unchanged, report.failed], [names.length, 0, 0]);
      assert.deepEqual(shorten(report.left_out), leftOut);

      const { users } = await api<{ users: User[] }>("/users", one.name);
      assert.deepEqual(users.map(({ username }) => username).sort(), names);
      for (const { id, username, totp_enabled } of users) {
        const secret = one.secrets[username];
        assert.equal(totp_enabled, secret !== undefined, username);
        if (secret === undefined) continue;
        const code = await new Authenticator(secret).soonestCode();
        await api(`/users/${encodeURIComponent(id)}/verify`, one.name, { code });
      }

      const again = await run(one);
      assert.deepEqual([again.created, again.unchanged, again.failed], [0, names.length, 0]);
    });
  }
});
