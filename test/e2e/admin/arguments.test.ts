import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { AdminTerminal, ctrlC, enter, runAdmin, said, startAdmin } from "../support/admin.ts";
import { findFreePorts } from "../support/processes.ts";
import { refuse, startStandIn } from "../support/stand-in.ts";

const projectRoot = fileURLToPath(new URL("../../..", import.meta.url));
/** A name that nobody may register (RFC 6761): it is never reached. */
const nowhere = "https://sallyport.invalid";
const key = { SALLYPORT_ADMIN_KEY: "not-the-key-of-anything" };

const commands = [
  "",
  "users",
  "users add",
  "users list",
  "users show",
  "users sessions",
  "users disable",
  "users enable",
  "users delete",
  "users reset",
  "users unlock",
  "users sign-out",
  "keys",
  "keys add",
  "keys list",
  "keys revoke",
  "events",
  "events tail",
  "health",
  "import",
  "export",
  "export keygen",
  "export decrypt",
];

describe("sallyport-admin --help", () => {
  it("answers for every command, with an example of it, within 80 columns", async () => {
    for (const command of commands) {
      const { code, stdout, stderr } = await runAdmin([...command.split(" ").filter(Boolean), "--help"], {});
      assert.equal(code, 0, command);
      assert.equal(stderr, "", command);
      assert.match(stdout, new RegExp(`^Usage: sallyport-admin ${command}`), command);
      assert.match(stdout, new RegExp(`Examples?:\\n {2}sallyport-admin ${command}`), command);
      const tooLong = stdout.split("\n").filter((line) => line.length > 80);
      assert.deepEqual(tooLong, [], command);
    }
  });

  it("names every command that there is", async () => {
    const { stdout } = await runAdmin(["--help"], {});
    for (const name of new Set(commands.map((command) => command.split(" ")[0] ?? "")))
      assert.match(stdout, new RegExp(`^ {2}${name}`, "m"));
  });

  it("is what npx shows in the checkout, with the system's own Node", async () => {
    const cache = mkdtempSync(join(tmpdir(), "sallyport-npx-"));
    try {
      const path = (process.env.PATH ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
      const env = {
        ...process.env,
        PATH: path.join(":"),
        npm_config_cache: cache,
        npm_config_offline: "true",
      };
      const shown = await run(spawn("npx", ["sallyport-admin", "--help"], { cwd: projectRoot, env }));
      assert.equal(shown.code, 0, shown.stderr);
      assert.match(shown.stdout, /^Usage: sallyport-admin \[options\] \[command\]/);
      const refused = await run(spawn("npx", ["sallyport-admin", "nonsense"], { cwd: projectRoot, env }));
      assert.equal(refused.code, 2, "npx hands the exit code on");
    } finally {
      rmSync(cache, { recursive: true, force: true });
    }
  });

  it("is what npm run shows", async () => {
    const args = ["run", "--silent", "admin", "--", "users", "--help"];
    const shown = await run(spawn("npm", args, { cwd: projectRoot }));
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^Usage: sallyport-admin users/);
  });
});

async function run(child: ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream }) {
  const code = new Promise((resolve) => child.once("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

describe("a secret on the command line", () => {
  for (const [args, variable] of [
    [["users", "list", "--key=sp_secret"], "SALLYPORT_ADMIN_KEY"],
    [["users", "list", "--key", "sp_secret"], "SALLYPORT_ADMIN_KEY"],
    [["--admin-key=sp_secret", "health"], "SALLYPORT_ADMIN_KEY"],
    [["keys", "list", "--ADMIN_KEY=sp_secret"], "SALLYPORT_ADMIN_KEY"],
    [["keys", "list", "--token", "sp_secret"], "SALLYPORT_ADMIN_KEY"],
    [["export", "--export-key=sp_secret"], "SALLYPORT_EXPORT_KEY"],
    [["users", "reset", "ada", "--export-key", "sp_secret"], "SALLYPORT_EXPORT_KEY"],
    [["users", "add", "ada", "--password=sp_secret"], "SALLYPORT_PASSWORD"],
    [["users", "add", "ada", "--password", "sp_secret"], "SALLYPORT_PASSWORD"],
  ] as const) {
    it(`is refused, and not repeated: ${args.join(" ")}`, async () => {
      const { code, stdout, stderr } = await runAdmin(args, { ...key, SALLYPORT_URL: nowhere });
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, new RegExp(`${variable} in the environment`));
      assert.doesNotMatch(stderr, /sp_secret/);
    });
  }

  it("is refused in an address, and as the name of a key to revoke", async () => {
    const address = await runAdmin(["users", "list", "--url", "https://ada:secret@sallyport.invalid"], key);
    assert.equal(address.code, 2);
    assert.doesNotMatch(address.stderr, /secret/);
    const wholeKey = `sp_abcdefghijklmnop_${"x".repeat(43)}`;
    const revoked = await runAdmin(["keys", "revoke", wholeKey, "--yes"], { ...key, SALLYPORT_URL: nowhere });
    assert.equal(revoked.code, 2);
    assert.match(revoked.stderr, /Use its id: abcdefghijklmnop/);
  });
});

describe("what can't be understood", () => {
  for (const args of [
    [],
    ["nonsense"],
    ["users"],
    ["users", "nonsense"],
    ["users", "show"],
    ["users", "list", "--limit", "0"],
    ["users", "list", "--limit", "many"],
    ["users", "list", "--colour"],
    ["users", "show", "ada", "--by", "shoe-size"],
    ["keys", "add", "checkout"],
    ["keys", "add", "checkout", "--scope", "verify", "--expires", "soon"],
    ["keys", "revoke", "checkout"],
    ["events", "tail", "--last", "3", "--since-start"],
    ["export"],
    ["export", "keygen"],
    ["import", "users.ndjson", "--from-line", "0"],
    ["users", "list", "--url", "sallyport.invalid"],
    ["users", "list", "--url", "ftp://sallyport.invalid"],
    ["users", "list", "--url", "https://sallyport.invalid/?a=b"],
  ]) {
    it(`ends with 2, and writes no result: ${args.join(" ")}`, async () => {
      const { code, stdout, stderr } = await runAdmin(args, { ...key, SALLYPORT_URL: nowhere });
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.notEqual(stderr, "");
    });
  }

  it("is told to programs, too", async () => {
    const { code, stdout } = await runAdmin(["keys", "revoke", "checkout", "--json"], key);
    assert.equal(code, 2);
    assert.equal(JSON.parse(stdout).error.code, "usage");
  });
});

describe("the key", () => {
  it("is not sent where others could read it on the way", async () => {
    const { code, stderr } = await runAdmin(["users", "list", "--url", "http://sallyport.invalid"], key);
    assert.equal(code, 2);
    assert.match(stderr, /must be https/);
  });

  it("is asked for only at a terminal, and is not shown there", async () => {
    const without = await runAdmin(["users", "list", "--url", nowhere], {});
    assert.equal(without.code, 2);
    assert.match(without.stderr, /SALLYPORT_ADMIN_KEY/);

    const terminal = new AdminTerminal(["users", "list", "--url", nowhere], {});
    await terminal.shows(/Admin key for sallyport\.invalid/);
    terminal.type("typed-by-hand");
    terminal.type(enter);
    assert.equal(await terminal.exitCode, 3);
    assert.doesNotMatch(terminal.output, /typed|hand/);
  });

  it("ends with 130 when Ctrl-C is the answer", async () => {
    const terminal = new AdminTerminal(["users", "list", "--url", nowhere], {});
    await terminal.shows(/Admin key/);
    terminal.type(ctrlC);
    assert.equal(await terminal.exitCode, 130);
  });

  it("must look like one", async () => {
    const env = { SALLYPORT_ADMIN_KEY: "with a\nline break", SALLYPORT_URL: nowhere };
    const { code, stderr } = await runAdmin(["users", "list"], env);
    assert.equal(code, 2);
    assert.doesNotMatch(stderr, /with a/);
  });
});

async function ask(answer: RequestListener, ...args: string[]) {
  const { url, stop } = await startStandIn(answer);
  try {
    return await runAdmin(args.length > 0 ? args : ["users", "list"], { ...key, SALLYPORT_URL: url });
  } finally {
    await stop();
  }
}

describe("a server that says no", () => {
  it("says when to come back (429)", async () => {
    const answer = refuse(429, "too_many_attempts", "Wait before you try again.", { "Retry-After": "17" });
    const { code, stdout, stderr } = await ask(answer);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /Wait before you try again\. \(429 too_many_attempts, request r-1\)\nTry again in 17 seconds\./,
    );
  });

  it("says that its store is away (503), to a program as well", async () => {
    const answer = refuse(503, "store_unavailable", "The store does not answer.", { "Retry-After": "5" });
    const { code, stdout, stderr } = await ask(answer, "keys", "list", "--json");
    assert.equal(code, 1);
    assert.match(stderr, /The store does not answer\. \(503 store_unavailable/);
    assert.deepEqual(JSON.parse(stdout), {
      error: {
        code: "store_unavailable",
        detail: "The store does not answer.",
        status: 503,
        request_id: "r-1",
        retry_after: 5,
      },
    });
  });

  it("can't write on the terminal with its words", async () => {
    const { stderr } = await ask(refuse(409, "conflict", "\x1b[2J\x9b31m\u202etaken"));
    assert.match(stderr, /\\x1b\[2J\\x9b31m\\u\{202e\}taken/);
  });

  it("says which part fails (health)", async () => {
    const answer: RequestListener = (_request, response) => {
      response.writeHead(503, { "Content-Type": "application/problem+json" });
      const parts = { d1: "ok", kv: "failing", keyring: "ok" };
      response.end(JSON.stringify({ status: 503, code: "store_unavailable", detail: "Some parts.", parts }));
    };
    const { code, stdout } = await ask(answer, "health");
    assert.equal(code, 1);
    assert.match(stdout, /^kv +failing$/m);
  });
});

describe("events tail", () => {
  it("asks a server that was away until it is back, and misses nothing", async () => {
    const asked: string[] = [];
    const event = (user: string) => ({
      id: user,
      at: "2026-11-22T09:30:00.000Z",
      type: "user.created",
      user,
      session: null,
      actor: "admin",
      client_address: null,
      user_agent: null,
      request_id: null,
      detail: {},
    });
    const pages = [
      { events: [event("a")], next_cursor: "one" },
      null,
      { events: [event("b")], next_cursor: "two" },
    ];
    const { url, stop } = await startStandIn((request, response) => {
      const page = pages[asked.length];
      asked.push(new URL(request.url ?? "", "http://localhost").searchParams.get("cursor") ?? "");
      if (page === null) return refuse(503, "store_unavailable", "The store is away.")(request, response);
      response.writeHead(200, { "Content-Type": "application/json" });
      const data = page ?? { events: [], next_cursor: "two" };
      response.end(JSON.stringify({ status: "success", data }));
    });
    const args = ["events", "tail", "--since-start", "--interval", "1", "--json"];
    const run = startAdmin(args, { ...key, SALLYPORT_URL: url });
    await said(run.process.stdout, /"user":"b"/);
    run.process.kill("SIGTERM");
    const { code, stdout, stderr } = await run.ended;
    await stop();
    assert.equal(code, 143);
    assert.deepEqual(asked.slice(0, 3), ["", "one", "one"]);
    const [first = "", second = ""] = stdout.split("\n");
    assert.deepEqual([JSON.parse(first).user, JSON.parse(second).user], ["a", "b"]);
    assert.match(
      stderr,
      /The store is away\..*\nRetrying until the server responds\.\nThe server responds again\./,
    );
  });
});

describe("what can't be reached", () => {
  it("ends with 3 when nobody listens", async () => {
    const [port = 0] = await findFreePorts(1);
    const { code, stderr } = await runAdmin(["users", "list", "--url", `http://127.0.0.1:${port}`], key);
    assert.equal(code, 3);
    assert.match(stderr, /connection refused/);
  });

  it("ends with 3 when there is no such host", async () => {
    const { code, stdout } = await runAdmin(["health", "--url", nowhere, "--json"], key);
    assert.equal(code, 3);
    assert.equal(JSON.parse(stdout).error.code, "unreachable");
  });

  it("ends with 3 when somebody else answers", async () => {
    const page: RequestListener = (_request, response) => {
      response.writeHead(200, { "Content-Type": "text/html" });
      response.end("<p>Welcome to my shop</p>");
    };
    const { code, stderr } = await ask(page);
    assert.equal(code, 3);
    assert.match(stderr, /did not respond like Sallyport \(status 200, content type text\/html\)/);
  });

  it("is not followed with the key to where it leads", async () => {
    const asked: string[] = [];
    const elsewhere = await startStandIn((request, response) => {
      asked.push(request.url ?? "");
      response.end("{}");
    });
    const { code, stderr } = await ask((_request, response) => {
      response.writeHead(301, { Location: elsewhere.url });
      response.end();
    });
    await elsewhere.stop();
    assert.equal(code, 3);
    assert.ok(stderr.includes(`redirects to ${elsewhere.url}`));
    assert.deepEqual(asked, []);
  });

  it("ends with 130 when Ctrl-C comes before the answer", async () => {
    let terminal: AdminTerminal | undefined;
    const silent = await startStandIn(() => terminal?.type(ctrlC));
    terminal = new AdminTerminal(["users", "list", "--url", silent.url], key);
    assert.equal(await terminal.exitCode, 130);
    await silent.stop();
    assert.match(terminal.words, /Interrupted\./);
  });
});
