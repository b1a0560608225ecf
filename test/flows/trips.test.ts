import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../src/core/crypto/digest.ts";
import { createReadyAccount, fullToken } from "../support/accounts.ts";
import {
  type Backend,
  createBackendUser,
  createRealm,
  type EnrolledBackendUser,
  enrolBackendUser,
  repeatable,
  userPath,
} from "../support/backend.ts";
import { createChallenge, shopUrls } from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, cookieValue, sessionCookieName } from "../support/cookies.ts";
import { countTrips, freezeReplica, interceptD1, type Trips, tapD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { originUrl, standOrigin, visit } from "../support/gate.ts";
import { type KvCalls, tapKv } from "../support/kv.ts";
import { query } from "../support/rows.ts";
import {
  type Answer,
  Client,
  code,
  createAccount,
  environment,
  pendingToken,
  wrongCode,
} from "../support/worker.ts";

useFreshWorker();

interface Cost {
  readonly d1: Trips;
  readonly kv: KvCalls;
}

/** What one call costs: trips to D1, and calls of KV. */
async function costOf(
  call: (client: Client) => Promise<Answer>,
  variables: Record<string, unknown> = {},
): Promise<Cost & { readonly answer: Answer }> {
  const { db, trips } = countTrips(env.DB);
  const { kv, calls } = tapKv(env.BLOCKS);
  const answer = await call(new Client(environment({ ...variables, DB: db, BLOCKS: kv })));
  return { answer, d1: trips, kv: calls };
}

const oneOfEach: Trips = { reads: 1, batches: 1 };

describe("a sign-in costs one read and one batch", () => {
  it("with a right password, and no second factor", async () => {
    const account = await createAccount();
    const { answer, d1, kv } = await costOf((client) => client.login(account));
    expect(answer.json.status).toBe("success");
    expect([d1, kv]).toEqual([oneOfEach, { gets: 1, puts: 0 }]);
  });

  it("with a right password, and a second factor", async () => {
    const account = await createReadyAccount();
    const { answer, d1, kv } = await costOf((client) => client.login(account));
    expect(answer.json.status).toBe("totp_required");
    expect([d1, kv]).toEqual([oneOfEach, { gets: 1, puts: 0 }]);
  });

  it("with a wrong password", async () => {
    const account = await createAccount();
    const { answer, d1, kv } = await costOf((client) => client.login({ ...account, password: "wrong" }));
    expect(answer.status).toBe(401);
    expect([d1, kv]).toEqual([oneOfEach, { gets: 1, puts: 0 }]);
  });

  it("with a name that nobody has", async () => {
    const { answer, d1, kv } = await costOf((client) =>
      client.login({ username: "nobody", password: "wrong" }),
    );
    expect(answer.status).toBe(401);
    expect([d1, kv]).toEqual([oneOfEach, { gets: 1, puts: 0 }]);
  });

  it("and for who is blocked, neither", async () => {
    const account = await createAccount();
    for (let i = 0; i < 10; i++) await new Client().login({ ...account, password: "wrong" });
    const { answer, d1, kv } = await costOf((client) => client.login(account));
    expect(answer.status).toBe(429);
    expect([d1, kv]).toEqual([
      { reads: 0, batches: 0 },
      { gets: 1, puts: 0 },
    ]);
  });
});

it("a password within a session costs who is blocked neither a read nor a batch", async () => {
  const account = await createReadyAccount();
  const token = await fullToken(account);
  for (let i = 0; i < 10; i++) await new Client().login({ ...account, password: "wrong" });
  const body = { code: await code(account.secret), password: account.password };
  const { answer, d1, kv } = await costOf((client) => client.post("/totp/disable", body, { token }));
  expect(answer.status).toBe(429);
  expect([d1, kv]).toEqual([
    { reads: 0, batches: 0 },
    { gets: 1, puts: 0 },
  ]);
});

describe("a code costs one read and one batch", () => {
  const noKv: KvCalls = { gets: 0, puts: 0 };

  it.each([
    ["a right TOTP code", 200, (secret: string) => code(secret)],
    ["a wrong TOTP code", 401, (secret: string) => wrongCode(secret)],
    ["a TOTP code outside the window", 401, (secret: string) => code(secret, 5)],
  ])("at sign-in: %s", async (_, status, write) => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const text = await write(account.secret);
    const { answer, d1, kv } = await costOf((client) =>
      client.post("/totp/verify", { session_token: token, code: text }),
    );
    expect(answer.status).toBe(status);
    expect([d1, kv]).toEqual([oneOfEach, noKv]);
  });

  it.each([
    ["a right one", 200, (codes: readonly string[]) => codes[0]],
    ["a wrong one", 401, () => "0000-0000"],
  ])("at sign-in with a backup code: %s", async (_, status, choose) => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const text = choose(account.backupCodes);
    const { answer, d1, kv } = await costOf((client) =>
      client.post("/totp/verify", { session_token: token, code: text }),
    );
    expect(answer.status).toBe(status);
    expect([d1, kv]).toEqual([oneOfEach, noKv]);
  });

  it("at sign-in when it is spent", async () => {
    const account = await createReadyAccount();
    const text = await code(account.secret);
    const first = await pendingToken(account);
    await new Client().post("/totp/verify", { session_token: first, code: text });
    const token = await pendingToken(account);
    const { answer, d1 } = await costOf((client) =>
      client.post("/totp/verify", { session_token: token, code: text }),
    );
    expect(answer.status).toBe(401);
    expect(d1).toEqual(oneOfEach);
  });

  it("but for the batch within a cool-down", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    for (let i = 0; i < 5; i++) {
      const body = { session_token: token, code: await wrongCode(account.secret, i) };
      await new Client().post("/totp/verify", body);
    }
    const text = await code(account.secret);
    const { answer, d1 } = await costOf((client) =>
      client.post("/totp/verify", { session_token: token, code: text }),
    );
    expect(answer.status).toBe(429);
    expect(d1).toEqual({ reads: 1, batches: 0 });
  });

  it("but for the batch when its session is used up", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    await query("UPDATE sessions SET attempts = 5");
    const text = await code(account.secret);
    const { answer, d1 } = await costOf((client) =>
      client.post("/totp/verify", { session_token: token, code: text }),
    );
    expect(answer.status).toBe(429);
    expect(d1).toEqual({ reads: 1, batches: 0 });
  });

  it("to enable two-factor authentication, whose set-up costs a batch alone", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    const setup = await costOf((client) => client.post("/totp/setup", {}, { token }));
    expect(setup.answer.status).toBe(200);
    expect([setup.d1, setup.kv]).toEqual([{ reads: 0, batches: 1 }, noKv]);

    const text = await code(setup.answer.json.data.secret);
    const enabled = await costOf((client) => client.post("/totp/enable", { code: text }, { token }));
    expect(enabled.answer.status).toBe(200);
    expect([enabled.d1, enabled.kv]).toEqual([oneOfEach, noKv]);
  });

  it.each([
    ["/step-up", {}],
    ["/backup-codes", {}],
    ["/totp/disable", { password: "correct horse battery" }],
  ])("at POST %s", async (path, fields) => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const text = await code(account.secret);
    const { answer, d1 } = await costOf((client) => client.post(path, { code: text, ...fields }, { token }));
    expect(answer.status).toBe(200);
    expect(d1).toEqual(oneOfEach);
  });

  it("and nothing at all when it has the wrong form, or comes without a session", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const text = await code(account.secret);
    const calls = [
      (client: Client) => client.post("/totp/verify", { session_token: token, code: "12345" }),
      (client: Client) => client.post("/totp/verify", { session_token: "pending_x", code: text }),
      (client: Client) => client.post("/totp/verify", { code: text }),
      (client: Client) => client.post("/step-up", { code: text }, { token }),
    ];
    for (const call of calls) {
      const { answer, d1, kv } = await costOf(call);
      expect([401, 422]).toContain(answer.status);
      expect([d1, kv]).toEqual([{ reads: 0, batches: 0 }, noKv]);
    }
  });
});

describe("the address of a challenge costs", () => {
  const open = (secret: string) => (client: Client) =>
    client.call(`/challenge/${secret}`, { headers: { "Sec-Fetch-Dest": "document" } });

  it("INC-30 nothing where Sallyport has not issued it, and one batch where it has", async () => {
    const shop = await createRealm("shop", { return_urls: shopUrls });
    await enrolBackendUser(shop);
    const issued = (await createChallenge(shop, "42")).url.split("/").at(-1) ?? "";
    const invented = [
      "x",
      "a".repeat(43),
      "a".repeat(65),
      issued.slice(0, 43),
      `${"a".repeat(43)}${issued.slice(43)}`,
      `${issued}A`,
    ];
    for (const secret of invented) {
      const { answer, d1, kv } = await costOf(open(secret));
      expect([answer.status, d1, kv], secret).toEqual([410, { reads: 0, batches: 0 }, { gets: 0, puts: 0 }]);
    }
    const first = await costOf(open(issued));
    expect([first.answer.status, first.d1]).toEqual([303, { reads: 0, batches: 1 }]);
    const again = await costOf(open(issued));
    expect([again.answer.status, again.d1]).toEqual([410, { reads: 0, batches: 1 }]);
  });
});

describe("a session costs", () => {
  const nothing: Cost = { d1: { reads: 0, batches: 0 }, kv: { gets: 0, puts: 0 } };
  const gate = { ORIGIN_URL: originUrl };

  async function visitGate(client: Client, headers: Record<string, string>): Promise<Answer> {
    const response = await visit(client.bindings, "/private", { headers });
    return { status: response.status, headers: response.headers, text: await response.text(), json: null };
  }

  it.each([
    ["a cookie", (token: string) => browserHeaders({ [sessionCookieName]: token })],
    ["a bearer token", (token: string) => ({ Authorization: `Bearer ${token}` })],
  ])("nothing at the gate while it is fresh, in %s", async (_, carry) => {
    const token = await fullToken(await createReadyAccount());
    const origin = standOrigin();
    const headers = carry(token);
    for (const waited of [0, 29]) {
      advance(waited);
      const { answer, d1, kv } = await costOf((client) => visitGate(client, headers), gate);
      expect([answer.status, answer.text]).toEqual([200, "from the origin"]);
      expect({ d1, kv }).toEqual(nothing);
    }
    expect(origin.requests).toHaveLength(2);
  });

  it("one batch at the gate when it has to be checked again, and then nothing for as long", async () => {
    const token = await fullToken(await createReadyAccount());
    standOrigin();
    advance(60);
    const stale = await costOf(
      (client) => visitGate(client, browserHeaders({ [sessionCookieName]: token })),
      gate,
    );
    expect(stale.answer.status).toBe(200);
    expect([stale.d1, stale.kv]).toEqual([{ reads: 0, batches: 1 }, nothing.kv]);
    const renewed = cookieValue(stale.answer, sessionCookieName);
    expect(renewed).toBeDefined();
    advance(59);
    const fresh = await costOf(
      (client) => visitGate(client, browserHeaders({ [sessionCookieName]: renewed ?? "" })),
      gate,
    );
    expect(fresh.answer.status).toBe(200);
    expect({ d1: fresh.d1, kv: fresh.kv }).toEqual(nothing);
  });

  it("nothing at the gate when it is none", async () => {
    const pending = await pendingToken(await createReadyAccount());
    const origin = standOrigin();
    for (const token of ["garbage", pending]) {
      const { answer, d1, kv } = await costOf(
        (client) => visitGate(client, { Authorization: `Bearer ${token}` }),
        gate,
      );
      expect(answer.status).toBe(401);
      expect({ d1, kv }).toEqual(nothing);
    }
    expect(origin.requests).toEqual([]);
  });

  it.each(["/session", "/totp", "/sessions"])("one trip at GET %s", async (path) => {
    const token = await fullToken(await createReadyAccount());
    const { answer, d1, kv } = await costOf((client) => client.call(path, { token }));
    expect(answer.status).toBe(200);
    expect([d1.reads + d1.batches, kv]).toEqual([1, nothing.kv]);
  });

  it("one trip to end it", async () => {
    const token = await fullToken(await createReadyAccount());
    const { answer, d1 } = await costOf((client) => client.post("/logout", {}, { token }));
    expect(answer.status).toBe(200);
    expect(d1.reads + d1.batches).toBe(1);
  });
});

describe("the reads of a step", () => {
  it("may go to the nearest copy, and the batch that decides goes to the primary", async () => {
    const account = await createReadyAccount();
    const trips: string[] = [];
    const db = tapD1(env.DB, ({ kind, constraint }) => {
      trips.push(`${kind} ${constraint}`);
    });
    const client = new Client(environment({ DB: db }));
    const token = await pendingToken(account, client);
    await client.post("/totp/verify", { session_token: token, code: await code(account.secret) });
    const one = ["single first-unconstrained", "batch first-primary"];
    expect(trips).toEqual([...one, ...one]);
  });
});

describe("a call of a backend costs", () => {
  /** What one call costs, and apart from it what is put off until it has been answered: when the key was used. */
  interface BackendCost {
    readonly answer: Answer;
    readonly d1: Trips;
    readonly putOff: number;
    /** By D1's own count. */
    readonly rowsRead: number;
    readonly statements: readonly string[];
  }

  type Act = (backend: Backend) => Promise<Answer>;

  const notesUse = (sql: readonly string[]) => /^update "api_keys" set "last_used_at" = /.test(sql[0] ?? "");

  /** @param warm the isolate has seen the key before */
  async function costOfCall(backend: Backend, warm: boolean, act: Act, on = env.DB): Promise<BackendCost> {
    const d1 = { reads: 0, batches: 0 };
    const statements: string[] = [];
    let [putOff, rowsRead] = [0, 0];
    const db = interceptD1(on, async ({ kind, sql, run, runMetered }) => {
      statements.push(...sql);
      if (notesUse(sql)) {
        putOff += 1;
        return run();
      }
      if (kind === "batch") d1.batches += 1;
      else d1.reads += 1;
      const { result, metered } = await runMetered();
      rowsRead += metered.reduce((sum, statement) => sum + statement.rowsRead, 0);
      return result;
    });
    const isolate = backend.at(new Client(environment({ DB: db })));
    await query("UPDATE api_keys SET last_used_at = NULL");
    if (warm) await isolate.get("/v1/users?limit=1");
    statements.length = d1.reads = d1.batches = putOff = rowsRead = 0;
    const answer = await act(isolate);
    return { answer, d1, putOff, rowsRead, statements };
  }

  /** Very many others, in the same realm and in front of everything that a look through them would stop at. */
  async function fillTables(count: number): Promise<void> {
    const insert = (table: string, columns: string, values: string) =>
      query(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
        INSERT INTO ${table} (${columns}) SELECT ${values} FROM n`);
    const later = Date.now() + 3_600_000;
    await insert(
      "users",
      "id, realm, username, created_at, updated_at",
      "'shop:noise-' || i, 'shop', 'noise-' || i, 0, 0",
    );
    await insert(
      "audit_events",
      "id, at, type, realm, user_id",
      "'noise-' || i, 0, 'x', 'shop', 'shop:noise-' || i",
    );
    await insert(
      "idempotency_keys",
      "realm, key_hash, request_hash, answer, expires_at",
      `'shop', 'noise-' || i, '', '', ${later}`,
    );
    await insert(
      "sessions",
      "id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at",
      `'noise-' || i, 'full', 'shop:noise-' || i, 0, '[]', 0, 0, 0, ${later}`,
    );
  }

  const path = (call = "") => userPath("42") + call;
  const isolates = [
    ["that knows the key", true],
    ["that does not", false],
  ] as const;

  describe.each(isolates)("in an isolate %s", (_, warm) => {
    it.each([
      ["without an Idempotency-Key", false],
      ["with one", true],
    ])("for a code one read and one batch, right, wrong or spent, %s", async (_, withKey) => {
      const shop = await createRealm();
      const { secret, backupCodes } = await enrolBackendUser(shop);
      const right = await code(secret);
      const codes: [string | undefined, number][] = [
        [right, 200],
        [right, 401],
        [await wrongCode(secret), 401],
        [await code(secret, 5), 401],
        [backupCodes[0], 200],
        [backupCodes[0], 401],
        ["0000-0000", 401],
      ];
      for (const [index, [text, status]] of codes.entries()) {
        const options = withKey ? repeatable(`key-${index}`) : {};
        const act: Act = (backend) => backend.verify("42", text, { action: "pay" }, options);
        const { answer, d1, putOff } = await costOfCall(shop, warm, act);
        expect([answer.status, d1, putOff], `code ${index}`).toEqual([status, oneOfEach, warm ? 0 : 1]);
      }
    });

    it("for a retry one read, and after an accepted code another one: whether it may be told again", async () => {
      const shop = await createRealm();
      const { backupCodes, secret } = await enrolBackendUser(shop);
      const wrong = await wrongCode(secret);
      for (const [text, status, reads] of [
        [wrong, 401, 1],
        [backupCodes[0], 200, 2],
      ] as const) {
        const act: Act = (backend) => backend.verify("42", text, {}, repeatable(`key-${status}`));
        await act(shop);
        const { answer, d1 } = await costOfCall(shop, warm, act);
        expect([answer.status, d1]).toEqual([status, { reads, batches: 0 }]);
      }
    });

    it("for a retry that a copy has not heard of one read and one batch, and another read for the answer", async () => {
      const shop = await createRealm();
      const { backupCodes } = await enrolBackendUser(shop);
      const copy = await freezeReplica(env.DB);
      const act: Act = (backend) => backend.verify("42", backupCodes[0], {}, repeatable("key"));
      await act(shop);
      const { answer, d1 } = await costOfCall(shop, warm, act, copy);
      expect([answer.status, d1]).toEqual([200, { reads: 2, batches: 1 }]);
    });

    it("within a cool-down one read, and another one where the first answer could have come in between", async () => {
      const shop = await createRealm();
      const { backupCodes } = await enrolBackendUser(shop);
      await query("UPDATE users SET second_factor_blocked_until = ?", Date.now() + 1000);
      for (const [options, reads] of [
        [{}, 1],
        [repeatable("key"), 2],
      ] as const) {
        const act: Act = (backend) => backend.verify("42", backupCodes[0], {}, options);
        const { answer, d1 } = await costOfCall(shop, warm, act);
        expect([answer.status, d1]).toEqual([429, { reads, batches: 0 }]);
      }
    });
  });

  type Cost = readonly [reads: number, batches: number];
  type Row = readonly [
    what: string,
    act: (b: Backend, u: Replacing) => Promise<Answer>,
    warm: Cost,
    cold: Cost,
  ];

  /** A user with a second factor, and the first code of another one that has been begun. */
  type Replacing = EnrolledBackendUser & { readonly pendingCode: string };

  /** Every other call: what it costs when the isolate has seen the key in this minute, and when it has not. */
  const table: readonly Row[] = [
    ["list users", (b) => b.get("/v1/users"), [1, 0], [2, 0]],
    ["list users of a name", (b) => b.get("/v1/users?username=42"), [1, 0], [2, 0]],
    ["create a user", (b) => b.post("/v1/users", { username: "new" }), [0, 1], [1, 1]],
    [
      "create one, repeatably",
      (b) => b.post("/v1/users", { username: "n" }, repeatable("k")),
      [1, 1],
      [1, 1],
    ],
    ["create one by its id", (b) => b.put(userPath("43"), {}), [1, 1], [1, 1]],
    ["change a user", (b) => b.put(path(), { email: "ada@example.com" }), [1, 1], [1, 1]],
    ["get a user", (b) => b.get(path()), [1, 0], [1, 0]],
    ["disable a user", (b) => b.post(path("/disable")), [1, 1], [1, 1]],
    ["disable one, repeatably", (b) => b.post(path("/disable"), {}, repeatable("k")), [1, 1], [1, 1]],
    ["enable a user", (b) => b.post(path("/enable")), [1, 1], [1, 1]],
    ["delete a user", (b) => b.delete(path()), [1, 1], [1, 1]],
    ["begin a set-up", (b, u) => b.post(path("/totp"), { code: u.backupCodes[0] }), [1, 1], [1, 1]],
    ["confirm it", (b, u) => b.post(path("/totp/confirm"), { code: u.pendingCode }), [1, 1], [1, 1]],
    ["remove the second factor", (b) => b.delete(path("/totp")), [1, 1], [1, 1]],
    ["new backup codes", (b, u) => b.post(path("/backup-codes"), { code: u.backupCodes[0] }), [1, 1], [1, 1]],
    ["reset a user", (b) => b.post(path("/reset")), [1, 1], [1, 1]],
    ["unlock a user", (b) => b.post(path("/unlock")), [1, 1], [1, 1]],
    ["list sessions", (b) => b.get(path("/sessions")), [2, 0], [2, 0]],
    ["end one session", (b) => b.delete(path("/sessions/own")), [1, 1], [1, 1]],
    ["end all sessions", (b) => b.delete(path("/sessions")), [1, 1], [1, 1]],
    ["list events", (b) => b.get("/v1/events"), [1, 0], [2, 0]],
    ["list events of a user", (b) => b.get("/v1/events?user=42&order=desc"), [1, 0], [2, 0]],
    ["list keys", (b) => b.get("/v1/api-keys"), [1, 0], [2, 0]],
    ["make a key", (b) => b.post("/v1/api-keys", { name: "new", scopes: ["verify"] }), [0, 1], [1, 1]],
    ["revoke a key", (b) => b.delete(`/v1/api-keys/${b.keyId}`), [0, 1], [1, 1]],
    ["check a code", (b, u) => b.verify("42", u.backupCodes[0]), [1, 1], [1, 1]],
    [
      "check one, repeatably",
      (b, u) => b.verify("42", u.backupCodes[0], {}, repeatable("k")),
      [1, 1],
      [1, 1],
    ],
  ];

  it("what the table says, and reads no rows but those that it is about, however many there are", async () => {
    const shop = await createRealm();
    await fillTables(1000);
    const user = await enrolBackendUser(shop);
    const { secret } = (await shop.post(path("/totp"), { code: user.backupCodes[9] })).json.data;
    const subject: Replacing = { ...user, pendingCode: await code(secret) };
    const [row = {}] = await query<Record<string, unknown>>("SELECT * FROM users WHERE id = 'shop:42'");
    const now = Date.now();
    const putBack = async () => {
      await query("DELETE FROM users WHERE id NOT LIKE '%noise-%'");
      await query("DELETE FROM sessions WHERE id NOT LIKE 'noise-%'");
      await query("DELETE FROM idempotency_keys WHERE key_hash NOT LIKE 'noise-%'");
      await query("DELETE FROM api_keys WHERE name = 'new'");
      await query("UPDATE api_keys SET revoked_at = NULL");
      const names = Object.keys(row);
      const places = names.map(() => "?").join(", ");
      await query(`INSERT INTO users (${names.join(", ")}) VALUES (${places})`, ...Object.values(row));
      await query(
        `INSERT INTO sessions (id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at)
         VALUES ('own', 'full', 'shop:42', 0, '[]', ?1, ?1, ?1, ?2)`,
        now,
        now + 3_600_000,
      );
    };
    for (const [what, act, ...expected] of table) {
      for (const warm of [true, false]) {
        await putBack();
        const { answer, d1, putOff, rowsRead } = await costOfCall(shop, warm, (b) => act(b, subject));
        expect([200, 201], `${what}: ${answer.text}`).toContain(answer.status);
        const [reads, batches] = expected[warm ? 0 : 1] ?? [];
        expect([d1, putOff], `${what}, ${warm ? "warm" : "cold"}`).toEqual([
          { reads, batches },
          warm ? 0 : 1,
        ]);
        // A page has 50 rows, each of which is found by an index.
        expect(rowsRead, `${what}, ${warm ? "warm" : "cold"}`).toBeLessThan(
          what.startsWith("list") ? 120 : 40,
        );
      }
    }
  });

  it("for a user who is not there a read of the copy and one of the primary, and no batch", async () => {
    const shop = await createRealm();
    const body = { code: "123456" };
    const calls: Act[] = [
      (b) => b.get(path()),
      (b) => b.get(path("/sessions")),
      (b) => b.delete(path()),
      (b) => b.post(path("/reset")),
      (b) => b.post(path("/disable")),
      (b) => b.post(path("/totp")),
      (b) => b.post(path("/verify"), body),
      (b) => b.post(path("/backup-codes"), body),
    ];
    for (const act of calls) {
      const { answer, d1 } = await costOfCall(shop, true, act);
      expect([answer.status, d1], String(act)).toEqual([404, { reads: 2, batches: 0 }]);
    }
  });

  it("nothing at all with what has not the form of a key, and reads alone with a key that is none", async () => {
    const shop = await createRealm();
    const forged = shop.key.slice(0, -1) + (shop.key.endsWith("A") ? "B" : "A");
    const unknown = `sp_${"a".repeat(16)}${shop.key.slice(19)}`;
    for (const [token, reads] of [
      ["garbage", 0],
      [forged, 1],
      // An id that nobody has drawn is looked for in the nearest copy only.
      [unknown, 1],
    ] as const) {
      const act: Act = ({ client }) => client.call(path("/verify"), { body: { code: "123456" }, token });
      const { answer, d1, putOff } = await costOfCall(shop, false, act);
      expect([answer.status, d1, putOff], token).toEqual([401, { reads, batches: 0 }, 0]);
    }
  });

  it("INC-30 one read more with a key that no copy has yet, and none with an invented one", async () => {
    const { db: behind, trips } = countTrips(await freezeReplica(env.DB));
    const shop = await createRealm();
    const client = new Client(environment({ DB: behind }));
    const ask = (token: string) => client.call(path("/verify"), { body: { code: "123456" }, token });
    expect((await ask(shop.key)).status).toBe(404);
    // The key at the copy and the primary, the user at the primary, and the note that the key is in use.
    expect(trips).toEqual({ reads: 4, batches: 0 });
    expect((await ask(`sp_${"a".repeat(16)}${shop.key.slice(19)}`)).status).toBe(401);
    expect(trips).toEqual({ reads: 5, batches: 0 });
  });

  it("as much as before with a key whose id was drawn when ids had no mark", async () => {
    const shop = await createRealm();
    const old = `sp_${"a".repeat(16)}${shop.key.slice(19)}`;
    await query("UPDATE api_keys SET id = ?, key_hash = ?", "a".repeat(16), await sha256(old));
    const act: Act = ({ client }) => client.call(path("/verify"), { body: { code: "123456" }, token: old });
    const { answer, d1 } = await costOfCall(shop, false, act);
    expect([answer.status, d1]).toEqual([404, { reads: 2, batches: 0 }]);
  });

  it("one query for key, user and first answer, which finds each of them by its primary key", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const calls: Act[] = [
      (b) => b.verify("42", "123456"),
      (b) => b.verify("42", "123456", {}, repeatable("key")),
      (b) => b.post("/v1/users", { username: "new" }, repeatable("key")),
      (b) => b.get("/v1/users"),
    ];
    const queries = new Set<string>();
    for (const act of calls) {
      for (const warm of [true, false]) {
        const { statements } = await costOfCall(shop, warm, act);
        for (const sql of statements) if (sql.includes('"asked"')) queries.add(sql);
      }
    }
    // With and without a user, an Idempotency-Key, and the key itself.
    expect(queries.size).toBe(7);
    for (const sql of queries) {
      const values = (sql.match(/\?/g) ?? []).map(() => "x");
      const plan = await query<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values);
      const steps = plan.map(({ detail }) => detail);
      expect(
        steps.filter((step) => /^SCAN (?!CONSTANT ROW|\(subquery)/.test(step)),
        sql,
      ).toEqual([]);
      for (const name of ["api_keys", "users", "idempotency_keys"])
        expect(steps.join("\n"), sql).toContain(`SEARCH ${name} USING INDEX sqlite_autoindex_${name}_1`);
    }
  });
});
