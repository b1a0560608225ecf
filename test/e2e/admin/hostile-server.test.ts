import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { AdminTerminal, runAdmin, startAdmin } from "../support/admin.ts";
import { refuse, startStandIn, succeed } from "../support/stand-in.ts";

// INC-37: the program is shown to work with a server that is not Sallyport, or is in other hands.

const key = { SALLYPORT_ADMIN_KEY: "not-the-key-of-anything" };
const folder = mkdtempSync(join(tmpdir(), "sallyport-hostile-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Clears the screen, sets the window's title, rings, colours by one byte, and turns the writing round. */
const hostile = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eyaw\u2066\r\n\x1b[31mforged line";
const shown = "\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u{202e}yaw\\u{2066}\\x0d\\x0a\\x1b[31mforged line";

/** What the text would do, if it came through. A terminal gets other sequences from the program itself. */
const obeyed = ["\x1b[2J", "\x1b]0;", "\x07", "\x9b", "\u202e", "\u2066", "\nforged", "\x1b[31mforged"];

function assertHarmless(output: string): void {
  for (const sequence of obeyed)
    assert.ok(!output.includes(sequence), `${JSON.stringify(sequence)} in ${JSON.stringify(output)}`);
}

/** Runs the program against this server, at a terminal. */
async function atTerminal(answer: RequestListener, ...args: string[]): Promise<AdminTerminal> {
  const { url, stop } = await startStandIn(answer);
  try {
    const terminal = new AdminTerminal([...args, "--url", url], key, folder);
    await terminal.exitCode;
    return terminal;
  } finally {
    await stop();
  }
}

const importReport = (lines: number) => ({
  lines,
  created: lines,
  unchanged: 0,
  failed: 0,
  next_line: lines + 1,
  errors: [],
});

describe("words of the server at the operator's terminal", () => {
  writeFileSync(join(folder, "two.ndjson"), '{"username":"a"}\n{"username":"b"}\n');

  it("INC-37 do nothing in the bar of an import, which says why it waits", async () => {
    const answers = [
      succeed(importReport(1)),
      refuse(503, "store_unavailable", hostile, { "Retry-After": "1" }),
      succeed({ ...importReport(1), next_line: 3 }),
    ];
    let asked = 0;
    const terminal = await atTerminal(
      (request, response) => {
        request.resume();
        request.on("end", () => answers[asked++]?.(request, response));
      },
      ...["import", "two.ndjson", "--chunk-lines", "1"],
    );
    assert.equal(await terminal.exitCode, 0, terminal.output);
    assert.equal(asked, 3);
    assert.ok(terminal.output.includes(`${shown} (503 store_unavailable`), terminal.output);
    assertHarmless(terminal.output);
  });

  it("INC-37 do nothing in the lines that take the place of the bar", async () => {
    const answers = [
      succeed(importReport(1)),
      refuse(503, "store_unavailable", hostile, { "Retry-After": "0" }),
    ];
    let asked = 0;
    const { url, stop } = await startStandIn((request, response) => {
      request.resume();
      request.on("end", () =>
        (answers[asked++] ?? refuse(401, "invalid_api_key", hostile))(request, response),
      );
    });
    const args = ["import", "two.ndjson", "--chunk-lines", "1", "--url", url];
    const { stderr, stdout } = await runAdmin(args, key, { cwd: folder });
    await stop();
    assert.ok(stderr.includes(`${shown} (503 store_unavailable`), stderr);
    assert.ok(stderr.includes(`${shown} (401 invalid_api_key`), stderr);
    assertHarmless(stderr + stdout);
  });

  const event = {
    at: hostile,
    type: hostile,
    user: hostile,
    actor: hostile,
    client_address: hostile,
    detail: { [hostile]: hostile },
  };
  const user = {
    id: hostile,
    realm: hostile,
    username: hostile,
    email: hostile,
    totp_enabled: true,
    totp_setup_at: hostile,
    created_at: hostile,
    disabled_at: hostile,
  };
  const apiKey = {
    id: hostile,
    realm: hostile,
    name: hostile,
    scopes: [hostile],
    created_at: hostile,
    expires_at: null,
    last_used_at: hostile,
    revoked_at: null,
  };
  const report = { ...importReport(2), failed: 2, errors: [{ line: 1, code: hostile, detail: hostile }] };
  const places: [what: string, answer: RequestListener, args: string[]][] = [
    ["a refusal", refuse(409, hostile, hostile), ["users", "list"]],
    ["a table", succeed({ users: [user], next_cursor: null }), ["users", "list"]],
    ["a cursor", succeed({ users: [user], next_cursor: hostile }), ["users", "list", "--limit", "1"]],
    ["a list of keys", succeed({ api_keys: [apiKey], next_cursor: null }), ["keys", "list"]],
    ["events", succeed({ events: [event], next_cursor: "x" }), ["events", "tail", "--once", "--since-start"]],
    ["parts", succeed({ [hostile]: hostile }), ["health"]],
    ["failed lines", succeed({ ...report, next_line: 3 }), ["import", "two.ndjson"]],
    [
      "a redirect",
      (_request, response) => {
        response.writeHead(301, { Location: "http://elsewhere.invalid/\x9b31m" });
        response.end();
      },
      ["users", "list"],
    ],
    [
      "a content type",
      (_request, response) => {
        response.writeHead(200, { "Content-Type": "text/\x9b31m" });
        response.end(hostile);
      },
      ["users", "list"],
    ],
    [
      "a question",
      (request, response) =>
        succeed(request.url?.includes("username=") ? { users: [user], next_cursor: null } : user)(
          request,
          response,
        ),
      ["users", "delete", "ada", "--yes"],
    ],
  ];
  for (const [what, answer, args] of places) {
    it(`INC-37 do nothing in ${what}, for a person and for a program`, async () => {
      const terminal = await atTerminal(answer, ...args);
      assertHarmless(terminal.output);
      assert.ok(terminal.output.includes("\\x9b31m"), terminal.output);
      const { url, stop } = await startStandIn(answer);
      const { stdout, stderr } = await runAdmin([...args, "--json", "--url", url], key, { cwd: folder });
      await stop();
      assertHarmless(stdout + stderr);
    });
  }

  it("INC-37 reach a terminal through two files only, which make them visible", () => {
    const scripts = fileURLToPath(new URL("../../../scripts/admin/", import.meta.url));
    const writers = readdirSync(scripts)
      .filter((name) => name.endsWith(".ts"))
      .filter((name) =>
        /process\.std(out|err)(?!\.isTTY)|console\.|cli-progress/.test(
          readFileSync(join(scripts, name), "utf8"),
        ),
      );
    // export.ts writes an opened export to a pipe, and refuses to do it to a terminal.
    assert.deepEqual(writers.sort(), ["export.ts", "output.ts", "prompts.ts"]);
  });
});

describe("a list whose next_cursor does not go on", () => {
  const user = (name: string) => ({
    id: name,
    realm: "local",
    username: name,
    email: null,
    totp_enabled: false,
    totp_setup_at: null,
    created_at: "2026-11-22T09:30:00.000Z",
    disabled_at: null,
  });
  const apiKey = {
    id: "ab2cdefghij3klmn",
    realm: "local",
    name: "checkout",
    scopes: ["verify"],
    created_at: "2026-11-22T09:30:00.000Z",
    expires_at: null,
    last_used_at: null,
    revoked_at: null,
  };
  const event = (id: string) => ({
    id,
    at: "2026-11-22T09:30:00.000Z",
    type: "user.created",
    user: id,
    actor: null,
    client_address: null,
    detail: {},
  });
  const events = (count: number) => Array.from({ length: count }, (_, index) => event(String(index)));

  /** A server that gives these pages, the last of them again and again. Counts what it is asked. */
  async function askFor(pages: readonly object[], ...args: string[]) {
    let asked = 0;
    const { url, stop } = await startStandIn((request, response) => {
      const page = pages[Math.min(asked, pages.length - 1)];
      asked += 1;
      succeed(page)(request, response);
    });
    try {
      const run = startAdmin([...args, "--url", url], key);
      const result = await run.ended;
      return { ...result, asked };
    } finally {
      await stop();
    }
  }

  const same = { users: [user("a")], next_cursor: "again" };
  const cases: [what: string, pages: readonly object[], mostAsked: number, args: string[]][] = [
    ["users, with the same cursor again", [same], 2, ["users", "list", "--all"]],
    ["users, with the cursor that was asked for", [same], 1, ["users", "list", "--all", "--cursor", "again"]],
    [
      "users, round in a circle of three",
      [
        { users: [user("a")], next_cursor: "one" },
        { users: [user("b")], next_cursor: "two" },
        { users: [user("c")], next_cursor: "three" },
        { users: [user("d")], next_cursor: "one" },
      ],
      4,
      ["users", "list", "--all"],
    ],
    [
      "users, with empty pages that each go on",
      [{ users: [], next_cursor: "one" }],
      1,
      ["users", "list", "--all"],
    ],
    [
      "users, of which more are wanted than come",
      [{ users: [], next_cursor: "again" }],
      1,
      ["users", "list", "--limit", "5"],
    ],
    ["keys", [{ api_keys: [apiKey], next_cursor: "again" }], 2, ["keys", "list"]],
    [
      "events, from the first one on",
      [{ events: events(200), next_cursor: "again" }],
      2,
      ["events", "tail", "--since-start", "--once"],
    ],
    [
      "events, while they are followed",
      [{ events: events(1), next_cursor: "again" }],
      2,
      ["events", "tail", "--since-start", "--interval", "1"],
    ],
    [
      "events, backwards",
      [{ events: events(1), next_cursor: "again" }],
      2,
      ["events", "tail", "--last", "10", "--once"],
    ],
    [
      "events, backwards and empty",
      [{ events: [], next_cursor: "again" }],
      1,
      ["events", "tail", "--last", "10", "--once"],
    ],
    [
      "full pages of events that never say where they go on",
      [{ events: events(200), next_cursor: null }],
      1,
      ["events", "tail", "--since-start"],
    ],
  ];
  for (const [what, pages, mostAsked, args] of cases) {
    it(`INC-37 ends with an error: ${what}`, { timeout: 60_000 }, async () => {
      const { code, stderr, asked } = await askFor(pages, ...args);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /The server's list does not end/);
      assert.equal(asked, mostAsked);
    });
  }

  it("is none while nothing happens: events are waited for at the same cursor", async () => {
    const { url, stop } = await startStandIn(succeed({ events: [], next_cursor: "here" }));
    const run = startAdmin(["events", "tail", "--since-start", "--interval", "1", "--url", url], key);
    const ended = await Promise.race([
      run.ended,
      new Promise((resolve) => setTimeout(() => resolve("still there"), 5000)),
    ]);
    run.process.kill("SIGTERM");
    await run.ended;
    await stop();
    assert.equal(ended, "still there");
  });
});
