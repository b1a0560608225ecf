import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { cheapHash, codeNow, createFaultWorld, type FaultWorld } from "../support/fault-world.ts";
import { FaultyStores, listPlans, type Plan } from "../support/faults.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { query, readUser, type ThrottleRecord } from "../support/rows.ts";
import { expectSwept, type Flow } from "../support/sweep.ts";
import { Client, code, wrongCode } from "../support/worker.ts";

let faultWorld: FaultWorld;

useFreshWorker({ per: "suite" });
beforeAll(async () => {
  faultWorld = await createFaultWorld();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const home = { address: "203.0.113.7" };

/** Her password costs what it costs. */
async function hashedAsEver({ ada, adaHash }: FaultWorld): Promise<void> {
  await query("UPDATE users SET password_hash = ? WHERE id = ?", adaHash, ada.id);
}

const wrongLogin = (client: Client, { ada }: FaultWorld) => client.login({ ...ada, password: "wrong" }, home);

/** The counters that this flow has begun to count with. */
async function listCounters({ state }: FaultWorld): Promise<ThrottleRecord[]> {
  const known = new Set(state.tables.throttles?.map(({ key }) => key));
  const rows = await query<ThrottleRecord>("SELECT * FROM throttles");
  return rows.filter(({ key }) => !known.has(key));
}

/** Sets the counters of ada's account and network to nine failures. */
async function nineFailures(world: FaultWorld): Promise<void> {
  await wrongLogin(new Client(), world);
  for (const { key } of await listCounters(world))
    await query("UPDATE throttles SET failures = 9 WHERE key = ?", key);
}

/** And a tenth. */
async function blocked(world: FaultWorld): Promise<void> {
  await nineFailures(world);
  await wrongLogin(new Client(), world);
}

const failuresOf = async ({ ada }: FaultWorld) => (await readUser(ada.id)).second_factor_failures;

async function expectCounters(world: FaultWorld, failures: number): Promise<void> {
  const counted = (await listCounters(world)).map((row) => row.failures);
  expect(counted.length).toBeGreaterThanOrEqual(3);
  expect(new Set(counted)).toEqual(new Set([failures]));
}

const firstDoor: Flow<FaultWorld>[] = [
  {
    name: "POST /login with a second factor",
    given: hashedAsEver,
    send: (client, { ada }) => client.login(ada, home),
    status: 200,
    refusal: "problem",
  },
  {
    name: "POST /login without a second factor, the password being hashed anew",
    send: (client, { bob }) => client.login(bob, home),
    status: 200,
    refusal: "problem",
  },
  {
    name: "POST /login with a wrong password",
    send: wrongLogin,
    status: 401,
    refusal: "problem",
    afterLoss: async (client, world) => {
      await expectCounters(world, 1);
      expect((await wrongLogin(client, world)).status).toBe(401);
      await expectCounters(world, 2);
    },
  },
  {
    name: "POST /login with the tenth wrong password",
    given: nineFailures,
    send: wrongLogin,
    status: 401,
    refusal: "problem",
    // KV has not heard of the block. D1 has.
    afterLoss: async (client, world) => {
      await expectCounters(world, 10);
      const answer = await client.login(world.ada, home);
      expect(answer).toMatchObject({ status: 429, json: { code: "too_many_attempts" } });
      expect(answer.headers.get("Retry-After")).toBe("900");
    },
  },
  {
    name: "POST /login of who is blocked",
    given: blocked,
    send: (client, { ada }) => client.login(ada, home),
    status: 429,
    refusal: "problem",
  },
  {
    name: "POST /v1/users",
    send: (client) => client.post("/v1/users", { username: "carol" }, { token: env.ADMIN_KEY }),
    status: 201,
    refusal: "problem",
    afterLoss: async (client) => {
      const answer = await client.post("/v1/users", { username: "carol" }, { token: env.ADMIN_KEY });
      expect(answer).toMatchObject({ status: 409, json: { code: "conflict" } });
    },
  },
];

/** The sign-in has taken effect, and its token is lost. Another sign-in succeeds with the next code. */
async function signInAnew(client: Client, world: FaultWorld): Promise<void> {
  const { ada, pending, nextPending, lastPending } = world;
  const again = await verify(pending, await codeNow(world), {}, client);
  expect(again).toMatchObject({ status: 401, json: { code: "session_expired" } });
  const spent = await verify(nextPending, await codeNow(world), {}, client);
  expect(spent).toMatchObject({ status: 401, json: { code: "invalid_code" } });
  expect(spent.json.detail).toContain("try the next one");
  advance(30);
  expect((await verify(lastPending, await code(ada.secret), {}, client)).status).toBe(200);
  expect(await failuresOf(world)).toBe(0);
}

const secondDoor: Flow<FaultWorld>[] = [
  {
    name: "POST /totp/verify with a TOTP code",
    send: async (client, world) => verify(world.pending, await codeNow(world), {}, client),
    status: 200,
    refusal: "problem",
    afterLoss: signInAnew,
  },
  {
    name: "POST /totp/verify with a backup code",
    send: (client, { pending, ada }) => verify(pending, ada.backupCodes[0], {}, client),
    status: 200,
    refusal: "problem",
    afterLoss: async (client, world) => {
      const [used, next] = world.ada.backupCodes;
      expect((await verify(world.pending, used, {}, client)).json.code).toBe("session_expired");
      expect((await verify(world.nextPending, used, {}, client)).json.code).toBe("invalid_code");
      expect(await failuresOf(world)).toBe(0);
      const answer = await verify(world.lastPending, next, {}, client);
      expect(answer).toMatchObject({ status: 200, json: { data: { backup_codes_remaining: 8 } } });
    },
  },
  {
    name: "POST /totp/verify with a wrong code",
    send: async (client, { pending, ada }) => verify(pending, await wrongCode(ada.secret), {}, client),
    status: 401,
    refusal: "problem",
    afterLoss: async (client, world) => {
      expect(await failuresOf(world)).toBe(1);
      expect((await verify(world.pending, await codeNow(world), {}, client)).status).toBe(200);
      expect(await failuresOf(world)).toBe(0);
    },
  },
  {
    name: "POST /totp/verify with the fifth wrong code in a row",
    given: async ({ ada }) => {
      await query("UPDATE users SET second_factor_failures = 4 WHERE id = ?", ada.id);
    },
    send: async (client, { pending, ada }) => verify(pending, await wrongCode(ada.secret), {}, client),
    status: 401,
    refusal: "problem",
    afterLoss: async (client, world) => {
      const refused = await verify(world.nextPending, await codeNow(world), {}, client);
      expect(refused.status).toBe(429);
      expect(refused.headers.get("Retry-After")).toBe("60");
      advance(60);
      expect((await verify(world.nextPending, await codeNow(world), {}, client)).status).toBe(200);
    },
  },
  {
    name: "POST /totp/verify with a spent code",
    given: async (world) => {
      expect((await verify(world.lastPending, await codeNow(world))).status).toBe(200);
    },
    send: async (client, world) => verify(world.pending, await codeNow(world), {}, client),
    status: 401,
    refusal: "problem",
    afterLoss: async (client, world) => {
      expect(await failuresOf(world)).toBe(0);
      advance(30);
      expect((await verify(world.pending, await codeNow(world), {}, client)).status).toBe(200);
    },
  },
  {
    name: "POST /totp/verify against a secret that does not open",
    given: async ({ ada }) => {
      await query("UPDATE users SET totp_secret = backup_codes WHERE id = ?", ada.id);
    },
    send: async (client, world) => verify(world.pending, await codeNow(world), {}, client),
    status: 503,
    refusal: "problem",
  },
];

/** What was read turns out to be old: there are more calls than one read and one batch. */
const behind: Flow<FaultWorld>[] = [
  {
    name: "POST /login with a wrong password, compared with one that has been changed",
    behind: async ({ ada }) => {
      await query("UPDATE users SET password_hash = ? WHERE id = ?", await cheapHash("a newer one"), ada.id);
    },
    send: wrongLogin,
    status: 401,
    refusal: "problem",
    everyTryCounts: true,
  },
  {
    name: "POST /totp/verify of a session that the copy has not heard of",
    behind: async () => {
      await query("DELETE FROM copy_of_sessions");
    },
    send: async (client, world) => verify(world.pending, await codeNow(world), {}, client),
    status: 200,
    refusal: "problem",
    afterLoss: signInAnew,
  },
  {
    name: "POST /totp/verify with a backup code, another of which has been spent",
    behind: async ({ lastPending, ada }) => {
      expect((await verify(lastPending, ada.backupCodes[9])).status).toBe(200);
    },
    send: (client, { pending, ada }) => verify(pending, ada.backupCodes[0], {}, client),
    status: 200,
    refusal: "problem",
    afterLoss: async (client, { nextPending, ada }) => {
      const answer = await verify(nextPending, ada.backupCodes[1], {}, client);
      expect(answer).toMatchObject({ status: 200, json: { data: { backup_codes_remaining: 7 } } });
    },
  },
];

describe("whatever fails, and however", () => {
  it.each([...firstDoor, ...secondDoor])(
    "TH-09 INC-17 INC-20 $name: nothing is half-done, and the next try gets through",
    (flow) => expectSwept(flow, faultWorld),
  );

  it.each(behind)("TH-09 INC-17 INC-20 $name: nothing is half-done, and the next try gets through", (flow) =>
    expectSwept(flow, faultWorld),
  );

  it("TH-09 GET /health answers in any case, and names the part", async () => {
    const ask = async (plan: Plan | null) => {
      const stores = new FaultyStores(plan);
      const { status, json } = await new Client(stores.bindings()).call("/health");
      return { calls: stores.calls, status, parts: json.data ?? json.parts };
    };
    const { calls, status, parts } = await ask(null);
    expect([status, parts]).toEqual([200, { d1: "ok", kv: "ok", keyring: "ok" }]);
    expect(calls.map(({ binding }) => binding).sort()).toEqual(["D1", "KV"]);
    for (const plan of listPlans(calls)) {
      vi.restoreAllMocks();
      const failing = calls[plan.call - 1]?.binding === "D1" ? "d1" : "kv";
      expect(await ask(plan)).toMatchObject({ status: 503, parts: { [failing]: "failing", keyring: "ok" } });
    }
  });
});
