import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { sha256Base64url } from "../../src/core/crypto/digest.ts";
import {
  type Backend,
  createBackendUser,
  createRealm,
  type EnrolledBackendUser,
  enrolBackendUser,
  repeatable,
  userPath,
} from "../support/backend.ts";
import { countTrips, freezeReplica, interceptD1, type Trips } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { query } from "../support/rows.ts";
import { type Answer, Client, code, environment, wrongCode } from "../support/worker.ts";

useFreshWorker();

const oneOfEach: Trips = { reads: 1, batches: 1 };

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

  it("for an unknown user a read of the replica and one of the primary, and no batch", async () => {
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
      // An id without the mark of this deployment is searched in the replica only.
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

  it("the same with a key whose id was generated before ids had a mark", async () => {
    const shop = await createRealm();
    const old = `sp_${"a".repeat(16)}${shop.key.slice(19)}`;
    await query("UPDATE api_keys SET id = ?, key_hash = ?", "a".repeat(16), await sha256Base64url(old));
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
