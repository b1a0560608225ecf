import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, visible } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { countTrips, failAlways, failBatches } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, pageLoad, visit } from "../support/gate.ts";
import { tapKv } from "../support/kv.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { listSessionRows } from "../support/rows.ts";
import { counterKey, home, setCounter } from "../support/throttles.ts";
import {
  type Account,
  type Answer,
  type CallOptions,
  Client,
  code,
  type EnrolledAccount,
  environment,
  pendingToken,
} from "../support/worker.ts";

useFreshWorker();

const wrongLogin = (account: Pick<Account, "username">, options: CallOptions = {}, client = new Client()) =>
  client.login({ username: account.username, password: "wrong password" }, options);

function expectBlocked(answer: Answer, seconds: number): void {
  expect(answer).toMatchObject({ status: 429, json: { code: "too_many_attempts" } });
  expect(answer.headers.get("Retry-After")).toBe(String(seconds));
}

describe("D1 that fails", () => {
  function expectUnavailable(path: string, answer: Pick<Answer, "status" | "headers" | "text">): void {
    expect([path, answer.status]).toEqual([path, 503]);
    expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    expect(answer.headers.getSetCookie()).toEqual([]);
    for (const inner of [
      "D1_ERROR",
      "injected",
      "SELECT",
      "INSERT",
      "UPDATE",
      "users",
      "drizzle",
      "    at ",
    ]) {
      expect(answer.text).not.toContain(inner);
    }
  }

  interface Fixture {
    readonly account: EnrolledAccount;
    readonly full: string;
    readonly pending: string;
    readonly text: string;
  }

  async function prepare(): Promise<Fixture> {
    const account = await createReadyAccount();
    const full = await fullToken(account);
    // So that there is something to enable.
    await new Client().post("/totp/setup", {}, { token: full });
    return { account, full, pending: await pendingToken(account), text: await code(account.secret) };
  }

  type Call = readonly [name: string, call: (client: Client, fixture: Fixture) => Promise<Answer>];

  const form = (fields: Record<string, string>, headers: Record<string, string> = {}): CallOptions => ({
    method: "POST",
    body: String(new URLSearchParams(fields)),
    headers: { "Content-Type": "application/x-www-form-urlencoded", ...headers },
  });
  const cookie = ({ full }: Fixture) => browserHeaders({ [sessionCookieName]: full });

  const programs: readonly Call[] = [
    ["POST /login", (client, { account }) => client.login(account)],
    ["POST /login with an unknown name", (client) => client.login({ username: "nobody", password: "x" })],
    [
      "POST /totp/verify",
      (client, { pending, text }) => client.post("/totp/verify", { session_token: pending, code: text }),
    ],
    ["GET /totp", (client, { full }) => client.call("/totp", { token: full })],
    ["POST /totp/setup", (client, { full }) => client.post("/totp/setup", {}, { token: full })],
    [
      "POST /totp/enable",
      (client, { full, text }) => client.post("/totp/enable", { code: text }, { token: full }),
    ],
    [
      "POST /totp/disable",
      (client, { account, full, text }) =>
        client.post("/totp/disable", { code: text, password: account.password }, { token: full }),
    ],
    ["POST /step-up", (client, { full, text }) => client.post("/step-up", { code: text }, { token: full })],
    [
      "POST /backup-codes",
      (client, { full, text }) => client.post("/backup-codes", { code: text }, { token: full }),
    ],
    ["GET /session", (client, { full }) => client.call("/session", { token: full })],
    ["GET /sessions", (client, { full }) => client.call("/sessions", { token: full })],
    ["DELETE /sessions", (client, { full }) => client.call("/sessions", { method: "DELETE", token: full })],
    [
      "DELETE /sessions/:id",
      (client, { full }) => client.call("/sessions/some-session", { method: "DELETE", token: full }),
    ],
    ["POST /logout", (client, { full }) => client.post("/logout", {}, { token: full })],
    ["POST /logout, pending", (client, { pending }) => client.post("/logout", {}, { token: pending })],
    ["POST /v1/users", (client) => client.post("/v1/users", { username: "bob" }, { token: env.ADMIN_KEY })],
  ];

  const pages: readonly Call[] = [
    [
      "GET /sign-in with a session",
      (client, fixture) => client.call("/sign-in", { headers: cookie(fixture) }),
    ],
    [
      "POST /sign-in",
      (client, { account }) =>
        client.call("/sign-in", form({ username: account.username, password: account.password })),
    ],
    ["POST /sign-out", (client, fixture) => client.call("/sign-out", form({}, cookie(fixture)))],
    [
      "POST /second-factor",
      (client, { pending, text }) =>
        client.call("/second-factor", form({ code: text }, browserHeaders({ [pendingCookieName]: pending }))),
    ],
    [
      "POST /second-factor, step-up",
      (client, fixture) => client.call("/second-factor", form({ code: fixture.text }, cookie(fixture))),
    ],
    ["GET /account", (client, fixture) => client.call("/account", { headers: cookie(fixture) })],
    [
      "POST /account/backup-codes",
      (client, fixture) =>
        client.call("/account/backup-codes", form({ code: fixture.text }, cookie(fixture))),
    ],
    [
      "POST /account/two-factor/disable",
      (client, fixture) =>
        client.call(
          "/account/two-factor/disable",
          form({ code: fixture.text, password: fixture.account.password }, cookie(fixture)),
        ),
    ],
    [
      "POST /account/sessions/end",
      (client, fixture) => client.call("/account/sessions/end", form({ id: "x" }, cookie(fixture))),
    ],
    [
      "POST /account/sessions/end-others",
      (client, fixture) => client.call("/account/sessions/end-others", form({}, cookie(fixture))),
    ],
    [
      "GET /account/two-factor",
      (client, fixture) => client.call("/account/two-factor", { headers: cookie(fixture) }),
    ],
    [
      "POST /account/two-factor, start",
      (client, fixture) => client.call("/account/two-factor", form({ step: "start" }, cookie(fixture))),
    ],
    [
      "POST /account/two-factor, confirm",
      (client, fixture) =>
        client.call("/account/two-factor", form({ step: "confirm", code: fixture.text }, cookie(fixture))),
    ],
  ];

  it("TH-09 WB-11 is a 503 for every call of the API, and nothing opens or changes", async () => {
    const fixture = await prepare();
    const before = await listSessionRows();
    for (const broken of [failAlways(env.DB), failBatches(env.DB)]) {
      for (const [name, call] of programs) {
        const answer = await call(new Client(environment({ DB: broken })), fixture);
        expectUnavailable(name, answer);
        expect(answer.json).toMatchObject({ status: 503, code: "store_unavailable" });
        expect(answer.json.session_token).toBeUndefined();
      }
    }
    expect(await listSessionRows()).toEqual(before);
    // The code that was sent so often has not been spent by it.
    const body = { session_token: fixture.pending, code: fixture.text };
    expect((await new Client().post("/totp/verify", body)).status).toBe(200);
  });

  it("TH-09 WB-11 is a 503 for every page that needs it, and nothing opens or changes", async () => {
    const fixture = await prepare();
    const before = await listSessionRows();
    for (const [name, call] of pages) {
      const answer = await call(new Client(environment({ DB: failAlways(env.DB) })), fixture);
      expectUnavailable(name, answer);
      expect(answer.headers.get("Content-Type")).toContain("text/html");
    }
    expect(await listSessionRows()).toEqual(before);
  });

  it("TH-09 leaves what needs no store alone", async () => {
    const client = new Client(environment({ DB: failAlways(env.DB) }));
    for (const path of ["/.well-known/jwks.json", "/sign-in", "/sign-out", "/assets/sallyport.css"]) {
      expect([path, (await client.call(path)).status]).toEqual([path, 200]);
    }
    expect((await client.call("/session", { token: "garbage" })).status).toBe(401);
    expect((await client.post("/login", { username: "ada" })).status).toBe(422);
    const health = await client.call("/health");
    expect(health).toMatchObject({
      status: 503,
      json: { parts: { d1: "failing", kv: "ok", keyring: "ok" } },
    });
  });

  it("WB-13 TH-09 closes the gate for a session that has to be checked, and the origin is not reached", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = mockOrigin();
    advance(60);
    for (const broken of [failAlways(env.DB), failBatches(env.DB)]) {
      for (const options of [
        { session: token },
        { headers: { Authorization: `Bearer ${token}` } },
        { session: token, method: "POST", body: "x" },
      ]) {
        const response = await visit(gated([], { DB: broken }), "/private", options);
        const text = await response.text();
        expectUnavailable("the gate", { status: response.status, headers: response.headers, text });
        expect(JSON.parse(text)).toMatchObject({ code: "store_unavailable" });
      }
      const page = await visit(gated([], { DB: broken }), "/private", { session: token, headers: pageLoad });
      expectUnavailable("the gate", { status: page.status, headers: page.headers, text: await page.text() });
    }
    expect(origin.requests).toEqual([]);
  });

  it("WB-13 closes the gate at once where every request is checked", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = mockOrigin();
    const bindings = gated([], { DB: failAlways(env.DB), SESSION_RECHECK: "0" });
    expect((await visit(bindings, "/private", { session: token })).status).toBe(503);
    expect(origin.requests).toEqual([]);
  });

  it("WB-13 lets requests to public paths pass as anonymous", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = mockOrigin();
    advance(60);
    const bindings = gated([{ path: "/public", require: "none" }], { DB: failAlways(env.DB) });
    expect((await visit(bindings, "/public", { session: token })).status).toBe(200);
    expect(origin.only().headers.has("Remote-User")).toBe(false);
  });
});

describe("the rate limit in front", () => {
  const limiter = (answer: () => Promise<{ success: boolean }>) => {
    const keys: string[] = [];
    return {
      keys,
      SIGN_IN_LIMITER: {
        limit: ({ key }: { key: string }) => {
          keys.push(key);
          return answer();
        },
      },
    };
  };

  it("that refuses is a 429, and costs neither D1 nor KV anything", async () => {
    const account = await createReadyAccount();
    const { keys, SIGN_IN_LIMITER } = limiter(async () => ({ success: false }));
    const { db, trips } = countTrips(env.DB);
    const { kv, calls } = tapKv(env.BLOCKS);
    const client = new Client(environment({ SIGN_IN_LIMITER, DB: db, BLOCKS: kv }));
    const right = await client.login(account, { address: home });
    expectBlocked(right, 60);
    expect(visible(await wrongLogin({ username: "nobody" }, { address: home }, client))).toEqual(
      visible(right),
    );
    expect([trips, calls]).toEqual([
      { reads: 0, batches: 0 },
      { gets: 0, puts: 0 },
    ]);
    expect(keys).toEqual([home, home]);
  });

  it("that agrees is not in the way", async () => {
    const account = await createReadyAccount();
    const { SIGN_IN_LIMITER } = limiter(async () => ({ success: true }));
    const client = new Client(environment({ SIGN_IN_LIMITER }));
    expect((await client.login(account)).status).toBe(200);
  });

  it("that fails is not in the way, and the counters behind it count", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("network_account", {}), 9);
    const failures = [
      async () => Promise.reject(new Error("rate limiter: injected failure")),
      () => {
        throw new Error("rate limiter: injected failure");
      },
    ];
    const lines = collectLogLines();
    for (const failure of failures) {
      const client = new Client(environment(limiter(failure)));
      expect((await client.login(account, { address: "203.0.113.8" })).status).toBe(200);
    }
    const client = new Client(environment(limiter(failures[0] ?? (async () => ({ success: true })))));
    expect((await wrongLogin(account, { address: home }, client)).status).toBe(401);
    expectBlocked(await client.login(account, { address: home }), 900);
    expect(lines.filter((line) => line.includes("rate_limit.unavailable"))).toHaveLength(4);
  });

  it("stands in front of the password within a session, too", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const { SIGN_IN_LIMITER } = limiter(async () => ({ success: false }));
    const { db, trips } = countTrips(env.DB);
    const client = new Client(environment({ SIGN_IN_LIMITER, DB: db }));
    const body = { code: await code(account.secret), password: account.password };
    expectBlocked(await client.post("/totp/disable", body, { token }), 60);
    expect(trips).toEqual({ reads: 0, batches: 0 });
  });
});
