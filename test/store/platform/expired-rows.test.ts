import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import worker from "../../../src/index.ts";
import { createReadyAccount, fullToken, verify } from "../../support/accounts.ts";
import { advance } from "../../support/clock.ts";
import { countTrips, failAlways } from "../../support/d1.ts";
import { useFreshWorker } from "../../support/fresh-worker.ts";
import { collectLogLines } from "../../support/log-lines.ts";
import { listEvents, listSessionRows, query, readUser } from "../../support/rows.ts";
import { Client, code, createAccount, environment, pendingToken } from "../../support/worker.ts";

useFreshWorker();

/** Runs the hourly job, as the platform does: the time that it is told is the one that counts. */
async function runHourlyJob(bindings = environment()): Promise<void> {
  const context = createExecutionContext();
  const scheduled = worker.scheduled as unknown as (
    event: ScheduledController,
    env: unknown,
    context: ExecutionContext,
  ) => Promise<void>;
  const event = createScheduledController({ scheduledTime: new Date() });
  await scheduled(event, bindings, context);
  await waitOnExecutionContext(context);
}

const dayInSeconds = 24 * 3600;

/** How long a counter can block after its window, in milliseconds. */
const longestBlock = 15 * 60_000;

/** Writes rows until there are so many, in as few trips as SQLite allows. */
async function insertMany(count: number, table: string, columns: string, values: (n: string) => string) {
  await query(
    `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
     INSERT INTO ${table} (${columns}) SELECT ${values("n")} FROM numbers`,
  );
}

const insertSessions = (prefix: string, count: number, expiresAt: number) =>
  insertMany(
    count,
    "sessions",
    "id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at",
    (n) => `'${prefix}' || ${n}, 'full', 'u', 0, '["pwd"]', 0, 0, 0, ${expiresAt}`,
  );
const insertThrottles = (prefix: string, count: number, windowEndsAt: number, blockedUntil: number | null) =>
  insertMany(
    count,
    "throttles",
    "key, failures, window_ends_at, blocked_until",
    (n) => `'${prefix}' || ${n}, 1, ${windowEndsAt}, ${blockedUntil ?? "NULL"}`,
  );
const insertEvents = (prefix: string, count: number, at: number) =>
  insertMany(count, "audit_events", "id, at, type", (n) => `'${prefix}' || ${n}, ${at}, 'user.created'`);

const insertChallenges = (prefix: string, count: number, expiresAt: number) =>
  insertMany(
    count,
    "challenges",
    "id, realm, user_id, secret_hash, return_to, created_at, expires_at",
    (n) => `'${prefix}' || ${n}, 'shop', 'u', '${prefix}' || ${n}, 'https://shop.example/', 0, ${expiresAt}`,
  );
const insertAnswers = (prefix: string, count: number, expiresAt: number) =>
  insertMany(
    count,
    "idempotency_keys",
    "realm, key_hash, request_hash, answer, expires_at",
    (n) => `'shop', '${prefix}' || ${n}, 'h', 'v1.k.x', ${expiresAt}`,
  );

async function idsOf(table: string, column = "id"): Promise<string[]> {
  const rows = await query<Record<string, string>>(`SELECT ${column} FROM ${table} ORDER BY ${column}`);
  return rows.map((row) => row[column] ?? "");
}

describe("the hourly job", () => {
  it("LG-08 removes sessions that are over, of either kind, and leaves the living alone", async () => {
    const account = await createReadyAccount();
    const full = await fullToken(account);
    advance(42_000);
    const pending = await pendingToken(account);
    const other = await createReadyAccount("bob");
    const young = await fullToken(other);
    await runHourlyJob();
    expect(await listSessionRows()).toHaveLength(3);

    advance(1300);
    await runHourlyJob();
    const rows = await listSessionRows();
    expect(rows).toMatchObject([{ kind: "full", user_id: other.id }]);
    expect((await new Client().call("/session", { token: young })).status).toBe(200);
    expect((await new Client().call("/session", { token: full })).status).toBe(401);
    expect((await verify(pending, await code(account.secret))).status).toBe(401);
  });

  it("LG-08 removes counters whose window is over, but none that blocks", async () => {
    const now = Date.now();
    const over = now - longestBlock;
    await insertThrottles("over", 1, over, null);
    await insertThrottles("over, block over", 1, over, now);
    await insertThrottles("over, blocking", 1, over, now + 1);
    await insertThrottles("just over", 1, over + 1, null);
    await insertThrottles("open", 1, now + 1, null);
    await insertThrottles("open, block over", 1, now + 1, now);
    const left = ["just over1", "open, block over1", "open1", "over, blocking1"];
    await runHourlyJob();
    expect(await idsOf("throttles", "key")).toEqual(left);
  });

  it("LG-08 removes unconfirmed secrets, and no others", async () => {
    const late = await createAccount("late");
    const inTime = await createAccount("in-time");
    const enrolled = await createReadyAccount();
    const before = await readUser(enrolled.id);
    const setUp = async (account: typeof late) => {
      const token = (await new Client().login(account)).json.session_token;
      const setup = await new Client().post("/totp/setup", {}, { token });
      return { token, secret: setup.json.data.secret as string };
    };
    await setUp(late);
    advance(1);
    const { token, secret } = await setUp(inTime);
    advance(599);
    await runHourlyJob();
    expect(await readUser(late.id)).toMatchObject({
      totp_pending_secret: null,
      totp_pending_expires_at: null,
      totp_enabled: 0,
    });
    expect((await readUser(inTime.id)).totp_pending_secret).not.toBeNull();
    expect(await readUser(enrolled.id)).toEqual(before);
    const body = { code: await code(secret) };
    expect((await new Client().post("/totp/enable", body, { token })).status).toBe(200);
  });

  it("LG-08 keeps audit events for 400 days", async () => {
    await insertEvents("first", 1, Date.now());
    advance(1);
    await insertEvents("second", 1, Date.now());
    advance(400 * dayInSeconds - 2);
    await runHourlyJob();
    expect(await idsOf("audit_events")).toEqual(["first1", "second1"]);
    advance(1);
    await runHourlyJob();
    expect(await idsOf("audit_events")).toEqual(["second1"]);
  });

  it("LG-08 keeps a hosted challenge for a day after its end, so that its backend can ask", async () => {
    const now = Date.now();
    await insertChallenges("first", 1, now);
    await insertChallenges("second", 1, now + 1);
    await runHourlyJob();
    advance(dayInSeconds - 1);
    await runHourlyJob();
    expect(await idsOf("challenges")).toEqual(["first1", "second1"]);
    advance(1);
    await runHourlyJob();
    expect(await idsOf("challenges")).toEqual(["second1"]);
  });

  it("LG-08 removes the responses that were stored for a retry when they have expired", async () => {
    const now = Date.now();
    await insertAnswers("over", 1, now);
    await insertAnswers("kept", 1, now + 1);
    await query(
      "INSERT INTO idempotency_keys (realm, key_hash, request_hash, answer, expires_at) VALUES ('other', 'over1', 'h', 'v1.k.x', ?)",
      now + 1,
    );
    await runHourlyJob();
    expect(await query("SELECT realm, key_hash FROM idempotency_keys ORDER BY realm")).toEqual([
      { realm: "other", key_hash: "over1" },
      { realm: "shop", key_hash: "kept1" },
    ]);
  });

  it("LG-08 removes no account, and nothing that an account needs", async () => {
    const account = await createReadyAccount();
    const before = await readUser(account.id);
    advance(5000 * dayInSeconds);
    await runHourlyJob();
    expect(await readUser(account.id)).toEqual(before);
  });

  it("LG-08 removes more than one trip's worth, and leaves every row that is not over", async () => {
    const now = Date.now();
    await insertSessions("dead", 1201, now);
    await insertSessions("alive", 7, now + 1);
    await insertThrottles("idle", 1000, now - longestBlock, null);
    await insertThrottles("counting", 7, now - longestBlock + 1, null);
    await insertEvents("old", 501, now - 400 * dayInSeconds * 1000);
    await insertEvents("young", 7, now - 400 * dayInSeconds * 1000 + 1);
    await insertChallenges("asked", 501, now - dayInSeconds * 1000);
    await insertChallenges("open", 7, now);
    await insertAnswers("ended", 1100, now);
    await insertAnswers("kept", 7, now + 1);
    await insertMany(
      600,
      "users",
      "id, realm, username, created_at, updated_at, totp_pending_secret, totp_pending_expires_at",
      (n) => `'user' || ${n}, 'local', 'name' || ${n}, 0, 0, 'v1.k.x', ${now}`,
    );
    const lines = collectLogLines();
    const { db, trips } = countTrips(env.DB);
    await runHourlyJob(environment({ DB: db }));

    expect(await idsOf("sessions")).toEqual(Array.from({ length: 7 }, (_, i) => `alive${i + 1}`));
    expect(await idsOf("throttles", "key")).toEqual(Array.from({ length: 7 }, (_, i) => `counting${i + 1}`));
    expect(await idsOf("audit_events")).toEqual(Array.from({ length: 7 }, (_, i) => `young${i + 1}`));
    expect(await idsOf("challenges")).toEqual(Array.from({ length: 7 }, (_, i) => `open${i + 1}`));
    expect(await idsOf("idempotency_keys", "key_hash")).toEqual(
      Array.from({ length: 7 }, (_, i) => `kept${i + 1}`),
    );
    expect(await query("SELECT id FROM users WHERE totp_pending_secret IS NOT NULL")).toEqual([]);
    expect(await query("SELECT id FROM users")).toHaveLength(600);
    // 1201 rows at 500 a trip.
    expect(trips.batches).toBe(3);
    const done = lines.map((line) => JSON.parse(line)).find(({ event }) => event === "expiry.done");
    expect(done).toMatchObject({
      sessions: 1201,
      throttles: 1000,
      enrolments: 600,
      auditEvents: 501,
      challenges: 501,
      idempotencyKeys: 1100,
    });
  });

  it("LG-08 does nothing to an empty database, and says so", async () => {
    const lines = collectLogLines();
    await runHourlyJob();
    const done = lines.map((line) => JSON.parse(line)).find(({ event }) => event === "expiry.done");
    expect(done).toMatchObject({
      sessions: 0,
      throttles: 0,
      enrolments: 0,
      auditEvents: 0,
      challenges: 0,
      idempotencyKeys: 0,
    });
  });

  it("fails aloud when the database does not answer, so that the platform counts it as failed", async () => {
    await expect(runHourlyJob(environment({ DB: failAlways(env.DB) }))).rejects.toThrow();
  });

  it("logs nothing about the accounts whose rows it removes", async () => {
    await insertSessions("dead", 1, Date.now());
    await runHourlyJob();
    expect(await listEvents("session.ended")).toEqual([]);
  });
});
