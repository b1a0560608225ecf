import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AdminTerminal,
  ctrlC,
  type Environment,
  enter,
  environmentOf,
  runAdmin,
  said,
  startAdmin,
} from "../support/admin.ts";
import { startWorker, type Worker } from "../support/worker.ts";

let worker: Worker;
let env: Environment;
const folder = mkdtempSync(join(tmpdir(), "sallyport-transfer-"));

before(async () => {
  worker = await startWorker({});
  env = environmentOf(worker);
});
after(async () => {
  await worker.stop();
  rmSync(folder, { recursive: true, force: true });
});

const admin = (...args: string[]) => runAdmin(args, env, { cwd: folder });

/** The output of a command that has to work. */
async function result(...args: string[]) {
  const { code, stdout, stderr } = await admin(...args, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/** A file of users with a second factor each. */
function writeUsers(name: string, count: number): void {
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ id: `${name}-${index + 1}`, username: `${name}-${index + 1}`, secret }),
  );
  writeFileSync(join(folder, `${name}.ndjson`), `${lines.join("\n")}\n`);
}

const countUsers = async (realm: string) =>
  (await result("users", "list", "--all", "--realm", realm)).users.length;

describe("import", () => {
  it("brings users in, and the same file twice changes nothing", async () => {
    writeUsers("twice", 250);
    const first = await result("import", "twice.ndjson", "--realm", "twice", "--chunk-lines", "100");
    assert.deepEqual(first, {
      lines: 250,
      created: 250,
      unchanged: 0,
      failed: 0,
      next_line: 251,
      errors: [],
      reset_required: 0,
    });
    const second = await result("import", "twice.ndjson", "--realm", "twice");
    assert.deepEqual([second.created, second.unchanged], [0, 250]);
    assert.equal(await countUsers("twice"), 250);
    assert.equal((await result("users", "show", "twice-250", "--realm", "twice")).totp_enabled, true);
  });

  it("writes nothing in a dry run, and says what it would do", async () => {
    const lines = [
      JSON.stringify({
        username: "dry",
        password_hash: "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
      }),
      JSON.stringify({ username: "weak", secret: "AAAA" }),
    ];
    writeFileSync(join(folder, "dry.ndjson"), lines.join("\n"));
    const args = ["import", "dry.ndjson", "--realm", "dry"];
    const { code, stdout, stderr } = await admin(...args, "--dry-run");
    assert.equal(code, 1);
    assert.match(stdout, /^2 lines: 1 created, 0 unchanged, 1 failed/);
    assert.match(stderr, /This is a dry run: nothing is written/);
    assert.match(stderr, /^line 2: .*\(weak_secret\)$/m);
    assert.match(stderr, /New password necessary: 1 account\./);
    assert.equal(await countUsers("dry"), 0);
  });

  it("tells progress in plain lines where there is no terminal", async () => {
    writeUsers("plain", 250);
    const { code, stdout, stderr } = await admin(
      ...["import", "plain.ndjson", "--realm", "plain", "--chunk-lines", "25"],
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^250 lines: 250 created, 0 unchanged, 0 failed \(/);
    const lines = stderr.trimEnd().split("\n");
    for (const line of lines) assert.match(line, /^ *\d+ % {2}line [\d,]+: \d+ created, 0 failed$/);
    assert.ok(lines.length <= 10, stderr);
    assert.ok(!stderr.includes("\x1b"), stderr);
  });

  it("shows a bar at a terminal, and gives the terminal back", async () => {
    const terminal = new AdminTerminal(
      ["import", "plain.ndjson", "--realm", "bar", "--chunk-lines", "25"],
      env,
      folder,
    );
    await terminal.shows(/\[=+ *\] +\d+% {2}line/);
    await terminal.shows(/250 lines: 250 created, 0 unchanged, 0 failed/);
    assert.equal(await terminal.exitCode, 0);
    assert.ok(terminal.output.lastIndexOf("\x1b[?25h") > terminal.output.lastIndexOf("\x1b[?25l"));
    for (const line of terminal.words.split("\n")) assert.ok(line.length <= 80, line);
  });

  it("names the lines that failed, and brings the others in", async () => {
    const lines = [
      JSON.stringify({ username: "one" }),
      "no JSON",
      JSON.stringify({ username: "two", secret: "AAAA" }),
      "",
      JSON.stringify({ username: "x".repeat(20_000) }),
      JSON.stringify({ username: "three" }),
    ];
    writeFileSync(join(folder, "some.ndjson"), lines.join("\n"));
    const args = ["import", "some.ndjson", "--realm", "some"];
    const { code, stdout, stderr } = await admin(...args);
    assert.equal(code, 1);
    assert.match(stdout, /^6 lines: 2 created, 0 unchanged, 3 failed/);
    assert.match(
      stderr,
      /^line 2: .*\(malformed_request\)\nline 3: .*\(weak_secret\)\nline 5: .*longer than 16 KiB/m,
    );
    assert.match(stderr, /3 lines failed and changed nothing/);

    const again = await admin(...args, "--json");
    assert.equal(again.code, 1);
    const report = JSON.parse(again.stdout);
    assert.deepEqual([report.created, report.unchanged, report.failed], [0, 2, 3]);
    assert.deepEqual(
      report.errors.map(({ line }: { line: number }) => line),
      [2, 3, 5],
    );
  });

  it("shows the first failures, and says where the others are", async () => {
    writeFileSync(join(folder, "bad.ndjson"), "no JSON\n".repeat(150));
    const own = ["--format", "sallyport", "--json"];
    const { code, stdout, stderr } = await admin("import", "bad.ndjson", ...own);
    assert.equal(code, 1);
    assert.equal(JSON.parse(stdout).failed, 150);
    assert.equal(JSON.parse(stdout).errors.length, 100);
    assert.equal(stderr.match(/^line \d+:/gm)?.length, 20);
    assert.match(stderr, /… and 130 lines more\..*\n.*--chunk-lines 100 to see all/);
    const whole = await admin("import", "bad.ndjson", ...own, "--chunk-lines", "100");
    assert.equal(JSON.parse(whole.stdout).errors.length, 150);
  });

  it("goes on at a line, and knows how many there are", async () => {
    writeUsers("late", 30);
    const late = await result("import", "late.ndjson", "--realm", "late", "--from-line", "21");
    assert.deepEqual([late.lines, late.created, late.next_line], [10, 10, 31]);
    assert.equal((await result("import", "late.ndjson", "--from-line", "31")).lines, 0);
    const beyond = await admin("import", "late.ndjson", "--from-line", "32");
    assert.equal(beyond.code, 2);
    assert.match(beyond.stderr, /only 30 lines/);
  });

  it("reads standard input", async () => {
    const input = readFileSync(join(folder, "late.ndjson"), "utf8");
    const piped = await runAdmin(["import", "-", "--realm", "piped", "--json"], env, { input });
    assert.equal(piped.code, 0, piped.stderr);
    assert.equal(JSON.parse(piped.stdout).created, 30);
    // More than the beginning by which the format is recognised.
    writeUsers("pipe", 1500);
    const more = `{damaged\n${readFileSync(join(folder, "pipe.ndjson"), "utf8")}`;
    const longer = await runAdmin(["import", "-", "--realm", "piped", "--json"], env, { input: more });
    const { lines, created, failed } = JSON.parse(longer.stdout);
    assert.deepEqual([lines, created, failed], [1501, 1500, 1]);
  });

  it("is interrupted by Ctrl-C with 130, and what it says to go on with does the rest", async () => {
    writeUsers("long", 3000);
    const args = ["import", "long.ndjson", "--realm", "long", "--chunk-lines", "1"];
    const terminal = new AdminTerminal(args, env, folder);
    await terminal.shows(/line [1-9]\d*: \d+ created/);
    terminal.type(ctrlC);
    const [, command = ""] = await terminal.shows(/Continue with: npx sallyport-admin (.*)\r/);
    assert.equal(await terminal.exitCode, 130);
    assert.ok(terminal.output.lastIndexOf("\x1b[?25h") > terminal.output.lastIndexOf("\x1b[?25l"));
    assert.match(command, /^import long\.ndjson --realm long --chunk-lines 1 --from-line \d+$/);

    const rest = await result(...command.replace("--chunk-lines 1", "--chunk-lines 1000").split(" "));
    const [, next = ""] = /--from-line (\d+)/.exec(command) ?? [];
    assert.ok(Number(next) > 1 && rest.lines === 3001 - Number(next));
    assert.equal(rest.created + rest.unchanged, rest.lines);
    assert.equal(await countUsers("long"), 3000);
  });

  it("says to a program where it stopped", async () => {
    writeUsers("signal", 500);
    // A signal that comes while an answer is being read is the awkward one, so several come at several moments.
    for (const milliseconds of [0, 7, 17, 31, 53, 83]) {
      const args = ["import", "signal.ndjson", "--realm", `signal-${milliseconds}`, "--chunk-lines", "1"];
      const run = startAdmin([...args, "--json"], env, folder);
      await said(run.process.stderr, /%/);
      await sleep(milliseconds);
      run.process.kill("SIGINT");
      const { code, stdout } = await run.ended;
      assert.equal(code, 130);
      const { error, next_line: next, created } = JSON.parse(stdout);
      assert.equal(error.code, "interrupted");
      assert.equal(next, created + 1);
    }
  });

  it("says that a file can't be read", async () => {
    assert.equal((await admin("import", "nothing.ndjson")).code, 2);
    assert.equal((await admin("import", ".")).code, 2);
  });
});

interface Sent {
  readonly firstLine: number;
  readonly lines: number;
}

/** Sallyport on a bad day, as the contract of the import has it: the real one can't be brought to that when it is asked. */
async function importInto(answers: ReadonlyArray<(sent: Sent) => { status: number; body: object }>) {
  const sent: Sent[] = [];
  const server: Server = createServer(async (request: IncomingMessage, response) => {
    const firstLine = Number(new URL(request.url ?? "", "http://localhost").searchParams.get("first_line"));
    const one = { firstLine, lines: (await text(request)).split("\n").length - 1 };
    sent.push(one);
    const { status, body } = answers[sent.length - 1]?.(one) ?? { status: 500, body: {} };
    const type = status === 200 ? "application/json" : "application/problem+json";
    response.writeHead(status, { "Content-Type": type, "Retry-After": "0" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  try {
    const url = `http://127.0.0.1:${port}`;
    const args = ["import", "late.ndjson", "--chunk-lines", "10", "--url", url, "--json"];
    return { ...(await runAdmin(args, env, { cwd: folder })), sent };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const reportOf = ({ firstLine }: Sent, settled: number) => ({
  lines: settled,
  created: settled,
  unchanged: 0,
  failed: 0,
  next_line: firstLine + settled,
  errors: [],
});
const all = (sent: Sent) => ({ status: 200, body: { status: "success", data: reportOf(sent, sent.lines) } });
const away = (sent: Sent, settled = 0) => ({
  status: 503,
  body: { status: 503, code: "store_unavailable", detail: "The store is away.", ...reportOf(sent, settled) },
});

describe("import into a server that is away for a moment", () => {
  it("asks again, and goes on where the server stopped", async () => {
    const { code, stdout, stderr, sent } = await importInto([all, away, (one) => away(one, 4), all, all]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(sent, [
      { firstLine: 1, lines: 10 },
      { firstLine: 11, lines: 10 },
      { firstLine: 11, lines: 10 },
      { firstLine: 15, lines: 6 },
      { firstLine: 21, lines: 10 },
    ]);
    assert.deepEqual([JSON.parse(stdout).created, JSON.parse(stdout).next_line], [30, 31]);
    assert.match(stderr, /The store is away\. .*Retrying in 0 seconds\./);
  });

  it("gives up in the end, and says where to go on", async () => {
    const { code, stdout, stderr, sent } = await importInto([all, ...Array.from({ length: 9 }, () => away)]);
    assert.equal(code, 1);
    assert.equal(sent.length, 7);
    assert.equal(JSON.parse(stdout).error.code, "store_unavailable");
    assert.equal(JSON.parse(stdout).next_line, 11);
    assert.match(stderr, /Continue with: npx sallyport-admin import late\.ndjson .*--from-line 11$/m);
  });

  it("does not insist when the first request fails", async () => {
    const { code, sent } = await importInto([away]);
    assert.equal(code, 1);
    assert.equal(sent.length, 1);
  });
});

describe("export", () => {
  const moved = ["--realm", "moved"];

  before(async () => {
    writeUsers("moved", 1100);
    await result("import", "moved.ndjson", ...moved);
  });

  it("goes to a key of the operator's, and back into another realm", async () => {
    const keys = await result("export", "keygen", "-o", "move");
    assert.deepEqual([keys.public_key, keys.private_key], ["move.public.json", "move.private.json"]);
    assert.equal(statSync(join(folder, "move.private.json")).mode & 0o777, 0o600);
    assert.ok(!readFileSync(join(folder, "move.public.json"), "utf8").includes('"d"'));

    const exported = await result("export", "--to", "move.public.json", "-o", "moved.jwe", ...moved);
    assert.deepEqual([exported.users, exported.unreadable, exported.parts], [1100, 0, 3]);
    assert.equal(statSync(join(folder, "moved.jwe")).mode & 0o777, 0o600);
    assert.ok(!readFileSync(join(folder, "moved.jwe"), "utf8").includes(secret));

    const back = await result("import", "moved.jwe", "--identity", "move.private.json", "--realm", "back");
    assert.deepEqual([back.created, back.failed], [1100, 0]);
    assert.equal((await result("users", "show", "moved-7", "--realm", "back")).totp_enabled, true);
    const again = await result("import", "moved.jwe", "--identity", "move.private.json", ...moved);
    assert.deepEqual([again.created, again.unchanged], [0, 1100]);
  });

  it("INC-29 needs EXPORT_KEY, from the environment or a prompt, where it is not shown", async () => {
    const args = ["export", "--to", "move.public.json", "-o", "asked.jwe", ...moved];
    const { SALLYPORT_EXPORT_KEY: exportKey, ...withoutExportKey } = env;
    const options = { cwd: folder };
    const without = await runAdmin(args, withoutExportKey, options);
    assert.equal(without.code, 1);
    assert.match(without.stderr, /needs EXPORT_KEY.*\(403 forbidden.*\n.*SALLYPORT_EXPORT_KEY/);
    const wrongKey = "W".repeat(40);
    const wrong = await runAdmin(args, { ...env, SALLYPORT_EXPORT_KEY: wrongKey }, options);
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.stderr,
      /\(403 forbidden.*\nThe export key came from SALLYPORT_EXPORT_KEY in the environment/,
    );
    assert.ok(!wrong.stderr.includes(wrongKey), wrong.stderr);
    assert.ok(!readdirSync(folder).includes("asked.jwe"));

    const other = await runAdmin(args, { ...withoutExportKey, EXPORT_KEY: exportKey }, options);
    assert.equal(other.code, 0, other.stderr);
    rmSync(join(folder, "asked.jwe"));
    const terminal = new AdminTerminal(args, withoutExportKey, folder);
    await terminal.shows(/Export key for 127\.0\.0\.1/);
    terminal.type(`${exportKey}${enter}`);
    await terminal.shows(/Wrote 1,100 accounts/);
    assert.equal(await terminal.exitCode, 0);
    assert.ok(!terminal.output.includes(exportKey ?? ""));
  });

  it("is opened into a file or a pipe, and what comes out is imported", async () => {
    await result("export", "decrypt", "moved.jwe", "-i", "move.private.json", "-o", "opened.ndjson");
    assert.equal(statSync(join(folder, "opened.ndjson")).mode & 0o777, 0o600);
    const opened = readFileSync(join(folder, "opened.ndjson"), "utf8");
    assert.equal(opened.trimEnd().split("\n").length, 1100);
    assert.equal(JSON.parse(opened.split("\n")[0] ?? "").secret, secret);
    const piped = await admin("export", "decrypt", "moved.jwe", "-i", "move.private.json");
    assert.equal(piped.stdout, opened);
    assert.equal((await result("import", "opened.ndjson", "--realm", "opened")).created, 1100);
  });

  it("takes keys that OpenSSL has made", async () => {
    for (const [name, ...algorithm] of [
      ["x25519", "-algorithm", "X25519"],
      ["p256", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
      ["rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    ]) {
      const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
      openssl("genpkey", ...algorithm, "-out", `${name}.pem`);
      openssl("pkey", "-in", `${name}.pem`, "-pubout", "-out", `${name}.pub.pem`);
      await result("export", "--to", `${name}.pub.pem`, "-o", `${name}.jwe`, ...moved);
      await result("export", "decrypt", `${name}.jwe`, "-i", `${name}.pem`, "-o", `${name}.ndjson`);
      const opened = readFileSync(join(folder, `${name}.ndjson`), "utf8");
      assert.equal(opened.trimEnd().split("\n").length, 1100, name);
    }
    const private_ = await admin("export", "--to", "x25519.pem", "-o", "none.jwe", ...moved);
    assert.equal(private_.code, 2);
    assert.match(private_.stderr, /holds a private key/);
  });

  it("never sends a private key", async () => {
    const { code, stderr } = await admin("export", "--to", "move.private.json", "-o", "none.jwe", ...moved);
    assert.equal(code, 2);
    assert.match(stderr, /holds a private key/);
    assert.ok(!readdirSync(folder).includes("none.jwe"));
  });

  it("asks before it overwrites a file, and shows no secrets on a screen", async () => {
    const over = await admin("export", "--to", "move.public.json", "-o", "moved.jwe", ...moved);
    assert.equal(over.code, 2);
    assert.match(over.stderr, /moved\.jwe exists/);
    assert.equal((await admin("export", "keygen", "-o", "move")).code, 2);

    const screen = new AdminTerminal(
      ["export", "decrypt", "moved.jwe", "-i", "move.private.json"],
      env,
      folder,
    );
    assert.equal(await screen.exitCode, 2);
    assert.ok(!screen.output.includes(secret));
  });

  it("is refused when a part is missing, or the key is another one", async () => {
    const [first = "", second = "", third = ""] = readFileSync(join(folder, "moved.jwe"), "utf8").split("\n");
    for (const [parts, words] of [
      [[first, second], /incomplete: it ends after part 2/],
      [[first, third], /Part 2 is missing/],
      [[second, third], /Part 1 is missing/],
      [[first, second, third, third], /after the last part/],
      [["nonsense"], /not an export of Sallyport/],
      [[], /incomplete: it ends after part 0/],
    ] as const) {
      writeFileSync(join(folder, "broken.jwe"), parts.map((part) => `${part}\n`).join(""));
      const { code, stderr } = await admin(
        ...["export", "decrypt", "broken.jwe", "-i", "move.private.json", "-o", "broken.ndjson"],
      );
      assert.equal(code, 1);
      assert.match(stderr, words);
    }
    await result("export", "keygen", "-o", "other");
    const other = await admin(
      "export",
      "decrypt",
      "moved.jwe",
      "-i",
      "other.private.json",
      "-o",
      "broken.ndjson",
    );
    assert.equal(other.code, 1);
    assert.match(other.stderr, /cannot decrypt this export, which was encrypted to the key /);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name === "broken.ndjson" || name.endsWith(".part")),
      [],
    );
  });

  it("leaves no half of a file behind when the stream breaks off", async () => {
    const [first = ""] = readFileSync(join(folder, "moved.jwe"), "utf8").split("\n");
    const server = createServer((_request, response) => {
      response.writeHead(200, { "Content-Type": "application/x-ndjson" });
      response.write(`${first}\n`, () => response.destroy());
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const { code } = await admin("export", "--to", "move.public.json", "-o", "half.jwe", "--url", url);
    server.close();
    server.closeAllConnections();
    assert.equal(code, 3);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("half")),
      [],
    );
  });
});
