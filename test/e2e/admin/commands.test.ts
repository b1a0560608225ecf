import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, it } from "node:test";
import {
  AdminTerminal,
  ctrlC,
  type Ended,
  type Environment,
  enter,
  environmentOf,
  runAdmin,
  said,
  startAdmin,
} from "../support/admin.ts";
import { computeCode } from "../support/authenticator.ts";
import { startWorker, type Worker } from "../support/worker.ts";

let worker: Worker;
let env: Environment;

before(async () => {
  worker = await startWorker({ ADMIN_USERS: "root" });
  env = environmentOf(worker);
});
after(() => worker.stop());

const admin = (...args: string[]): Promise<Ended> => runAdmin(args, env);

/** What a command that has to work says to a program. */
async function result(...args: string[]) {
  const { code, stdout, stderr } = await admin(...args, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** What a command that has to work says to a person. */
async function shown(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await admin(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Calls the service API as a backend would. */
async function call(path: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${worker.baseUrl}/api/auth${path}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${worker.adminKey}`,
      "Content-Type": "application/json",
      ...headers,
    },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { data: Record<string, string> };
  return { status: response.status, data: answer.data };
}

async function enrol(id: string): Promise<void> {
  const { data } = await call(`/v1/users/${id}/totp`, {});
  const { status } = await call(`/v1/users/${id}/totp/confirm`, { code: computeCode(data.secret ?? "") });
  assert.equal(status, 200);
}

describe("users", () => {
  it("are made with a password of the environment, and listed and shown", async () => {
    const password = { ...env, SALLYPORT_PASSWORD: "a long enough password" };
    const made = await runAdmin(["users", "add", "Ada", "--email", "ada@example.com", "--json"], password);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(JSON.parse(made.stdout).username, "ada");
    assert.doesNotMatch(made.stdout + made.stderr, /long enough/);

    const { users, next_cursor: next } = await result("users", "list");
    assert.ok(users.some(({ username }: { username: string }) => username === "ada"));
    assert.equal(next, null);

    const status = await result("users", "show", "ada");
    const { username, email, password: state, totp_enabled: enabled } = status;
    assert.deepEqual(
      { username, email, state, enabled },
      {
        username: "ada",
        email: "ada@example.com",
        state: "set",
        enabled: false,
      },
    );
    const text = await shown("users", "show", "ada");
    assert.match(text, /^Name +ada$/m);
    assert.match(text, /^Two-factor +off$/m);
    assert.match(text, /^Created +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/m);
  });

  it("are made with a password that is typed twice, and never shown", async () => {
    const terminal = new AdminTerminal(["users", "add", "typist"], env);
    await terminal.shows(/Password for typist/);
    terminal.type("typed by hand");
    terminal.type(enter);
    await terminal.shows(/Repeat the password/);
    terminal.type("typed by hand");
    terminal.type(enter);
    await terminal.shows(/Created account typist/);
    assert.equal(await terminal.exitCode, 0);
    assert.doesNotMatch(terminal.output, /typed|hand/);
    assert.equal((await call("/login", { username: "typist", password: "typed by hand" })).status, 200);
  });

  it("are not made with two passwords, or without one that is wanted", async () => {
    const terminal = new AdminTerminal(["users", "add", "unsure"], env);
    await terminal.shows(/Password for unsure/);
    terminal.type(`one password${enter}`);
    await terminal.shows(/Repeat the password/);
    terminal.type(`another password${enter}`);
    assert.equal(await terminal.exitCode, 1);

    const { code, stderr } = await admin("users", "add", "unsure");
    assert.equal(code, 2);
    assert.match(stderr, /SALLYPORT_PASSWORD/);
    assert.equal((await admin("users", "show", "unsure")).code, 1);
  });

  it("say what the server has against a new one", async () => {
    const weak = await runAdmin(["users", "add", "weak"], { ...env, SALLYPORT_PASSWORD: "password" });
    assert.equal(weak.code, 1);
    assert.match(weak.stderr, /\(422 weak_password, request [0-9a-f-]{36}\)/);
    await shown("users", "add", "twice", "--no-password");
    const again = await admin("users", "add", "twice", "--no-password", "--json");
    assert.equal(again.code, 1);
    assert.equal(JSON.parse(again.stdout).error.code, "conflict");
  });

  it("are found by name and by id, and nobody is chosen when both mean somebody", async () => {
    await shown("users", "add", "grace", "--no-password", "--id", "a/b?c%2f");
    await shown("users", "add", "hedy", "--no-password", "--id", "grace");
    assert.equal((await result("users", "show", "a/b?c%2f")).username, "grace");
    const unclear = await admin("users", "delete", "grace", "--yes");
    assert.equal(unclear.code, 2);
    assert.match(unclear.stderr, /Two users match.*\nUse --by id or --by name\./);
    assert.equal((await result("users", "show", "grace", "--by", "id")).username, "hedy");
    assert.equal((await result("users", "show", "grace", "--by", "name")).username, "grace");
    assert.equal((await admin("users", "show", "nobody")).code, 1);
    assert.equal((await admin("users", "show", "..")).code, 1);
  });

  it("are found by their exact name where an external first factor tells spellings apart", async () => {
    const lines = ["Victim", "VICTIM"].map((exact_name, index) =>
      JSON.stringify({ id: `v${index}`, exact_name }),
    );
    const headers = {
      Authorization: `Bearer ${worker.adminKey}`,
      "Content-Type": "application/x-ndjson",
      "Content-Length": String(lines.join("\n").length),
    };
    const url = `${worker.baseUrl}/api/auth/v1/import?realm=origin`;
    const imported = await fetch(url, { method: "POST", headers, body: lines.join("\n") });
    assert.equal(imported.status, 200);
    const realm = ["--realm", "origin"];
    assert.equal((await result("users", "show", "VICTIM", ...realm)).id, "v1");
    assert.equal((await result("users", "show", "Victim", ...realm)).id, "v0");
    const unclear = await admin("users", "show", "victim", ...realm);
    assert.equal(unclear.code, 2);
    assert.match(unclear.stderr, /There are several users of this name: VICTIM \(id v1.*Victim \(id v0/);
    await shown("users", "delete", "v1", ...realm, "--yes");
    assert.equal((await result("users", "show", "victim", ...realm)).id, "v0");
  });

  it("are listed in pages, and as many as are wanted", async () => {
    const realm = ["--realm", "pages"];
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) await call("/v1/users?realm=pages", { username: name });
    const first = await result("users", "list", ...realm, "--limit", "2");
    assert.deepEqual(
      first.users.map(({ username }: { username: string }) => username),
      ["a", "b"],
    );
    const rest = await result("users", "list", ...realm, "--cursor", first.next_cursor);
    assert.deepEqual(
      rest.users.map(({ username }: { username: string }) => username),
      ["c", "d", "e"],
    );
    assert.equal((await result("users", "list", ...realm, "--all")).users.length, names.length);
    assert.equal(await shown("users", "list", "--realm", "empty"), "No accounts.\n");
  });

  it("fit a terminal of 80 columns, whatever they are called", async () => {
    const realm = ["--realm", "wide"];
    for (const username of ["山田太郎".repeat(20), "x".repeat(200), "ada"])
      await call("/v1/users?realm=wide", { username });
    const terminal = new AdminTerminal(["users", "list", ...realm], env);
    assert.equal(await terminal.exitCode, 0);
    const lines = terminal.words.trimEnd().split("\n");
    assert.equal(lines.length, 4);
    assert.equal(lines.filter((line) => line.includes("…")).length, 2);
    assert.match(await shown("users", "list", ...realm), /x{200}/);
  });

  it("are closed and opened again, after a question", async () => {
    await shown("users", "add", "linus", "--no-password");
    const refused = await admin("users", "disable", "linus");
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /Use --yes/);

    for (const [answer, code] of [
      [`n${enter}`, 1],
      [enter, 1],
      [ctrlC, 130],
    ] as const) {
      const terminal = new AdminTerminal(["users", "disable", "linus"], env);
      await terminal.shows(/Disable linus [\s\S]*\?/);
      terminal.type(answer);
      assert.equal(await terminal.exitCode, code);
      assert.equal((await result("users", "show", "linus")).disabled_at, null);
    }

    const terminal = new AdminTerminal(["users", "disable", "linus"], env);
    await terminal.shows(/Disable linus [\s\S]*\?/);
    terminal.type(`y${enter}`);
    assert.equal(await terminal.exitCode, 0);
    assert.notEqual((await result("users", "show", "linus")).disabled_at, null);
    assert.match(await shown("users", "enable", "linus"), /^Enabled linus/);
    assert.equal((await result("users", "show", "linus")).disabled_at, null);
  });

  it("ask before each of the other commands that take something away", async () => {
    await shown("users", "add", "margaret", "--no-password");
    for (const command of ["delete", "reset", "sign-out"]) {
      const { code, stdout } = await admin("users", command, "margaret");
      assert.equal(code, 2, command);
      assert.equal(stdout, "", command);
    }
    assert.deepEqual(await result("users", "delete", "margaret", "--yes"), { deleted: true });
    assert.equal((await admin("users", "show", "margaret")).code, 1);
  });

  it("get their second factor unlocked, and taken away", async () => {
    await shown("users", "add", "alan", "--no-password", "--id", "alan-1");
    await enrol("alan-1");
    for (let count = 0; count < 5; count++) {
      // Backup codes, because a guessed TOTP code is right now and then.
      await call("/v1/users/alan-1/verify", { code: "0000-0000" });
    }
    assert.notEqual((await result("users", "show", "alan")).blocked_until, null);
    assert.match(
      await shown("users", "show", "alan"),
      /^Codes +refused until .*run users unlock to end this$/m,
    );

    await shown("users", "unlock", "alan");
    const unlocked = await result("users", "show", "alan");
    assert.equal(unlocked.blocked_until, null);
    assert.equal(unlocked.totp_enabled, true);
    assert.match(await shown("users", "show", "alan"), /^Backup codes +10 left$/m);

    assert.equal((await result("users", "reset", "alan", "--yes")).totp_enabled, false);
    assert.match(await shown("users", "show", "alan"), /^Two-factor +off$/m);
  });

  it("are signed out of one session, and of all", async () => {
    const password = "a password for sessions";
    await runAdmin(["users", "add", "edsger"], { ...env, SALLYPORT_PASSWORD: password });
    assert.equal(await shown("users", "sessions", "edsger"), "No sessions.\n");
    for (let count = 0; count < 3; count++) await signIn("edsger", password, "Browser\x9b31m of somebody");
    const { sessions } = await result("users", "sessions", "edsger");
    assert.equal(sessions.length, 3);
    const text = await shown("users", "sessions", "edsger");
    assert.match(text, /127\.0\.0\.1/);
    assert.doesNotMatch(text, /\x9b/);

    await shown("users", "sign-out", "edsger", "--session", sessions[0].id, "--yes");
    assert.equal((await result("users", "sessions", "edsger")).sessions.length, 2);
    assert.equal((await admin("users", "sign-out", "edsger", "--session", "none", "--yes")).code, 1);
    assert.deepEqual(await result("users", "sign-out", "edsger", "--yes"), { ended: true });
    assert.equal((await result("users", "sessions", "edsger")).sessions.length, 0);
  });
});

describe("an account of ADMIN_USERS", () => {
  it("INC-29 is changed with EXPORT_KEY, which is asked for when the server does", async () => {
    const { SALLYPORT_EXPORT_KEY: exportKey, ...withoutExportKey } = env;
    const add = ["users", "add", "root", "--no-password", "--id", "root-1"];
    const refused = await runAdmin(add, withoutExportKey);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /needs EXPORT_KEY.*\(403 forbidden.*\n.*SALLYPORT_EXPORT_KEY in the environment/,
    );
    assert.equal((await admin("users", "show", "root")).code, 1, "it was not made");
    assert.equal((await runAdmin(add, env)).code, 0);

    for (const command of ["disable", "enable", "unlock", "reset", "sign-out"]) {
      const args = ["users", command, "root", "--yes"];
      assert.equal((await runAdmin(args, withoutExportKey)).code, 1, command);
      assert.equal((await runAdmin(args, env)).code, 0, command);
    }
    const terminal = new AdminTerminal(["users", "delete", "root", "--yes"], withoutExportKey);
    await terminal.shows(/Export key for 127\.0\.0\.1/);
    terminal.type(`${exportKey}${enter}`);
    await terminal.shows(/Deleted root /);
    assert.equal(await terminal.exitCode, 0);
    assert.ok(!terminal.output.includes(exportKey ?? ""));

    const { stdout } = await admin(
      "events",
      "tail",
      "--once",
      "--json",
      "--type",
      "export_key.accepted",
      "-n",
      "99",
    );
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ actor, detail }) => [actor, detail.deed, detail.username]),
      [
        "user.created",
        "user.disabled",
        "user.enabled",
        "second_factor.unlocked",
        "second_factor.reset",
        "session.others_ended",
        "user.deleted",
      ].map((deed) => ["admin", deed, "root"]),
    );
  });

  it("INC-29 fails alone in an import, and goes in with EXPORT_KEY of the environment", async () => {
    const { SALLYPORT_EXPORT_KEY: _, ...withoutExportKey } = env;
    const input = '{"username":"root"}\n{"username":"plain"}\n';
    const refused = await runAdmin(["import", "-"], withoutExportKey, { input });
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, /^2 lines: 1 created, 0 unchanged, 1 failed/);
    assert.match(refused.stderr, /^line 1: This call needs EXPORT_KEY.*\(forbidden\)/m);
    const done = await runAdmin(["import", "-"], env, { input });
    assert.match(done.stdout, /^2 lines: 1 created, 1 unchanged, 0 failed/);
  });
});

/** With a header that `fetch` would not send. */
async function signIn(username: string, password: string, userAgent: string): Promise<void> {
  const url = `${worker.baseUrl}/api/auth/login`;
  const headers = { "Content-Type": "application/json", "User-Agent": userAgent };
  const status = await new Promise((resolve, reject) => {
    const asked = request(url, { method: "POST", headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once("error", reject);
    asked.end(JSON.stringify({ username, password }));
  });
  assert.equal(status, 200);
}

describe("keys", () => {
  it("are made, shown once, alone on standard output, and work", async () => {
    const made = await admin("keys", "add", "reader", "--realm", "shop", "--scope", "users:read,verify");
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^sp_[a-z2-7]{16}_\S{43}\n$/);
    assert.match(made.stderr, /not shown again/);

    const own = { ...env, SALLYPORT_ADMIN_KEY: made.stdout.trim() };
    assert.equal((await runAdmin(["users", "list"], own)).code, 0);
    const beyond = await runAdmin(["users", "add", "ada", "--no-password"], own);
    assert.equal(beyond.code, 1);
    assert.match(beyond.stderr, /does not have the scope users:write\. \(403 forbidden/);
    const elsewhere = await runAdmin(["users", "list", "--realm", "bank"], own);
    assert.equal(elsewhere.code, 1);
    assert.match(elsewhere.stderr, /\(404 not_found/);
    assert.doesNotMatch(JSON.stringify(await result("keys", "list", "--realm", "shop")), /sp_[a-z2-7]{16}_/);
  });

  it("are changed without a gap: two live, a third does not, and the first is revoked", async () => {
    const realm = ["--realm", "rotation"];
    const add = () => admin("keys", "add", "checkout", ...realm, "--scope", "users:read");
    const asKey = ({ stdout }: Ended) =>
      runAdmin(["users", "list"], { ...env, SALLYPORT_ADMIN_KEY: stdout.trim() });
    const [first, second] = [await add(), await add()];
    const firstId = first.stdout.slice(3, 19);
    assert.match(second.stderr, new RegExp(`revoke the old one: sallyport-admin keys revoke ${firstId}`));
    assert.equal((await asKey(first)).code, 0);
    assert.equal((await asKey(second)).code, 0);

    const third = await add();
    assert.equal(third.code, 1);
    assert.match(third.stderr, /two active keys of this name/);

    assert.equal((await admin("keys", "revoke", firstId, ...realm)).code, 2, "without --yes");
    assert.notEqual((await result("keys", "revoke", firstId, ...realm, "--yes")).revoked_at, null);
    const ended = await asKey(first);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /\(401 invalid_api_key/);
    assert.equal((await asKey(second)).code, 0);

    const { api_keys: living } = await result("keys", "list", ...realm);
    assert.deepEqual(
      living.map(({ id }: { id: string }) => id),
      [second.stdout.slice(3, 19)],
    );
    assert.equal((await result("keys", "list", "--all", ...realm)).api_keys.length, 2);
    assert.match(await shown("keys", "list", "--all", ...realm), /checkout +\S{16} +revoked \d{4}-/);
    assert.equal((await admin("keys", "revoke", "abcdefghijklmnop", ...realm, "--yes")).code, 1);
  });

  it("end when they are told to", async () => {
    const realm = ["--realm", "ends"];
    const scope = ["--scope", "verify"];
    const day = await result("keys", "add", "day", ...realm, ...scope, "--expires", "1d");
    const ahead = new Date(day.expires_at).getTime() - new Date(day.created_at).getTime();
    assert.ok(Math.abs(ahead - 86_400_000) < 60_000);
    const date = await result("keys", "add", "date", ...realm, ...scope, "--expires", "2100-01-31");
    assert.equal(date.expires_at, "2100-01-31T00:00:00.000Z");
    assert.match(await shown("keys", "list", ...realm), /^date .* until 2100-01-31/m);
    assert.equal((await admin("keys", "add", "late", ...realm, ...scope, "--expires", "2020-01-01")).code, 1);
  });

  it("that nobody knows are refused, and it is said where they came from", async () => {
    const { code, stderr } = await runAdmin(["users", "list"], { ...env, SALLYPORT_ADMIN_KEY: "wrong" });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /\(401 invalid_api_key.*\nThe key came from SALLYPORT_ADMIN_KEY in the environment\./,
    );
    const { SALLYPORT_ADMIN_KEY, ...rest } = env;
    assert.equal((await runAdmin(["users", "list"], { ...rest, ADMIN_KEY: SALLYPORT_ADMIN_KEY })).code, 0);
  });
});

describe("events tail", () => {
  const realm = ["--realm", "events"];
  const act = (name: string) => call("/v1/users?realm=events", { username: name, id: name });
  const users = (ndjson: string) =>
    ndjson
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line).user);

  before(async () => {
    for (const name of ["a", "b", "c", "d"]) await act(name);
    await admin("users", "delete", "d", "--yes", ...realm);
  });

  it("shows the last ones, the first ones, and those of a type or a user", async () => {
    const tail = async (...args: string[]) => {
      const { code, stdout, stderr } = await admin("events", "tail", "--once", "--json", ...realm, ...args);
      assert.equal(code, 0, stderr);
      return users(stdout);
    };
    assert.deepEqual(await tail("--last", "2"), ["d", "d"]);
    assert.deepEqual(await tail("--last", "3"), ["c", "d", "d"]);
    assert.deepEqual(await tail("--last", "0"), []);
    assert.deepEqual(await tail(), ["a", "b", "c", "d", "d"]);
    assert.deepEqual(await tail("--since-start"), ["a", "b", "c", "d", "d"]);
    assert.deepEqual(await tail("--type", "user.created", "--last", "2"), ["c", "d"]);
    assert.deepEqual(await tail("--user", "b"), ["b"]);
    assert.deepEqual(await tail("--user", "d"), ["d", "d"], "who is gone, too");
    const text = await shown("events", "tail", "--once", "--last", "1", ...realm);
    assert.match(text, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}user\.deleted +user d {2}by admin/);
  });

  it("follows: every new event once, and Ctrl-C ends it with 130", async () => {
    const args = ["events", "tail", "--json", "--last", "1", "--interval", "1", ...realm];
    const follower = startAdmin(args, env);
    await said(follower.process.stdout, /user\.deleted/);
    for (const name of ["e", "f", "g"]) await act(name);
    await said(follower.process.stdout, /"user":"g"/);
    follower.process.kill("SIGINT");
    const { code, stdout } = await follower.ended;
    assert.equal(code, 130);
    const lines = stdout.trim().split("\n");
    assert.equal(JSON.parse(lines.pop() ?? "").error.code, "interrupted");
    assert.deepEqual(users(lines.join("\n")), ["d", "e", "f", "g"]);
  });

  it("ends when the key is not accepted, and does not ask for ever", async () => {
    const { code } = await runAdmin(["events", "tail"], { ...env, SALLYPORT_ADMIN_KEY: "wrong" });
    assert.equal(code, 1);
  });
});

describe("health", () => {
  it("needs no key, and names the parts", async () => {
    const { code, stdout } = await runAdmin(["health"], { SALLYPORT_URL: worker.baseUrl });
    assert.equal(code, 0);
    assert.match(stdout, /^d1 +ok$/m);
    assert.deepEqual(Object.keys(await result("health")).sort(), ["d1", "keyring", "kv"]);
  });

  it("doubts the address where there is nothing", async () => {
    const { code, stderr } = await admin("health", "--url", `${worker.baseUrl}/wrong`);
    assert.equal(code, 1);
    assert.match(stderr, /Check the base path \/wrong\./);
  });

  it("writes no colours where they are not wanted", async () => {
    for (const [args, variables] of [
      [["--no-color"], {}],
      [[], { NO_COLOR: "1" }],
    ] as const) {
      const terminal = new AdminTerminal(["health", ...args], { ...env, ...variables });
      assert.equal(await terminal.exitCode, 0);
      assert.ok(!terminal.output.includes("\x1b"), terminal.output);
    }
    const terminal = new AdminTerminal(["health"], env);
    assert.equal(await terminal.exitCode, 0);
    assert.ok(terminal.output.includes("\x1b[32m"));
  });
});
