import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import worker from "../../src/index.ts";
import { verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { codeNow, createFaultWorld, type FaultWorld } from "../support/fault-world.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { randomKey } from "../support/keyring.ts";
import { query, readUser } from "../support/rows.ts";
import { expectSwept, type Flow } from "../support/sweep.ts";
import { type Client, code, wrongCode } from "../support/worker.ts";

let faultWorld: FaultWorld;

useFreshWorker({ per: "suite" });
beforeAll(async () => {
  faultWorld = await createFaultWorld();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const failuresOf = async ({ ada }: FaultWorld) => (await readUser(ada.id)).second_factor_failures;
const asAda = ({ adaToken }: FaultWorld) => ({ token: adaToken });
const asBob = ({ bobToken }: FaultWorld) => ({ token: bobToken });

/** The code is spent, which the owner is told, and which costs nothing. The next one does it. */
async function doWithNextCode(client: Client, world: FaultWorld, path: string): Promise<void> {
  const again = await client.post(path, { code: await codeNow(world) }, asAda(world));
  expect(again).toMatchObject({ status: 401, json: { code: "invalid_code" } });
  expect(await failuresOf(world)).toBe(0);
  advance(30);
  expect((await client.post(path, { code: await codeNow(world) }, asAda(world))).status).toBe(200);
}

const secondFactor: Flow<FaultWorld>[] = [
  {
    name: "POST /totp/setup",
    send: (client, world) => client.post("/totp/setup", {}, asBob(world)),
    status: 200,
    refusal: "problem",
    afterLoss: async (client, world) => {
      const { secret } = (await client.post("/totp/setup", {}, asBob(world))).json.data;
      const answer = await client.post("/totp/enable", { code: await code(secret) }, asBob(world));
      expect(answer.json.data.backup_codes).toHaveLength(10);
    },
  },
  {
    name: "POST /totp/enable",
    send: async (client, world) =>
      client.post("/totp/enable", { code: await code(world.bobSecret) }, asBob(world)),
    status: 200,
    refusal: "problem",
    // The backup codes were never seen. New ones are to be had.
    afterLoss: async (client, world) => {
      const again = await client.post("/totp/enable", { code: await code(world.bobSecret) }, asBob(world));
      expect(again).toMatchObject({ status: 409, json: { code: "already_enabled" } });
      advance(30);
      const fresh = { code: await code(world.bobSecret) };
      const made = await client.post("/backup-codes", fresh, asBob(world));
      expect(made.json.data.backup_codes).toHaveLength(10);
    },
  },
  {
    name: "POST /totp/enable with a wrong code",
    send: async (client, world) =>
      client.post("/totp/enable", { code: await wrongCode(world.bobSecret) }, asBob(world)),
    status: 401,
    refusal: "problem",
    afterLoss: async (client, world) => {
      expect((await readUser(world.bob.id)).second_factor_failures).toBe(1);
      const body = { code: await code(world.bobSecret) };
      expect((await client.post("/totp/enable", body, asBob(world))).status).toBe(200);
    },
  },
  {
    name: "POST /totp/disable",
    send: async (client, world) =>
      client.post(
        "/totp/disable",
        { code: await codeNow(world), password: world.ada.password },
        asAda(world),
      ),
    status: 200,
    refusal: "problem",
    afterLoss: async (client, world) => {
      const body = { code: await codeNow(world), password: world.ada.password };
      const again = await client.post("/totp/disable", body, asAda(world));
      expect(again).toMatchObject({ status: 409, json: { code: "not_enabled" } });
      expect((await client.login(world.ada)).json.status).toBe("success");
    },
  },
  {
    name: "POST /totp/disable with a wrong password",
    send: async (client, world) =>
      client.post("/totp/disable", { code: await codeNow(world), password: "wrong" }, asAda(world)),
    status: 401,
    refusal: "problem",
  },
  {
    name: "POST /step-up",
    send: async (client, world) => client.post("/step-up", { code: await codeNow(world) }, asAda(world)),
    status: 200,
    refusal: "problem",
    afterLoss: (client, world) => doWithNextCode(client, world, "/step-up"),
  },
  {
    name: "POST /step-up of a session that has shown no second factor",
    given: async ({ ada, adaOtherId }) => {
      await query(
        `UPDATE sessions SET second_factor_at = NULL, amr = '["pwd"]' WHERE user_id = ? AND id <> ?`,
        ada.id,
        adaOtherId,
      );
    },
    send: async (client, world) => client.post("/step-up", { code: await codeNow(world) }, asAda(world)),
    status: 200,
    refusal: "problem",
    // Another session has replaced it, and its token is lost.
    afterLoss: async (client, world) => {
      const again = await client.post("/step-up", { code: await codeNow(world) }, asAda(world));
      expect(again).toMatchObject({ status: 401, json: { code: "session_expired" } });
      advance(30);
      expect((await verify(world.nextPending, await codeNow(world), {}, client)).status).toBe(200);
    },
  },
  {
    name: "POST /backup-codes",
    send: async (client, world) => client.post("/backup-codes", { code: await codeNow(world) }, asAda(world)),
    status: 200,
    refusal: "problem",
    afterLoss: async (client, world) => {
      await doWithNextCode(client, world, "/backup-codes");
      const old = await verify(world.pending, world.ada.backupCodes[0], {}, client);
      expect(old).toMatchObject({ status: 401, json: { code: "invalid_code" } });
    },
  },
  {
    name: "POST /backup-codes with a backup code",
    send: (client, world) => client.post("/backup-codes", { code: world.ada.backupCodes[0] }, asAda(world)),
    status: 200,
    refusal: "problem",
    afterLoss: async (client, world) => {
      expect((await verify(world.pending, await codeNow(world), {}, client)).status).toBe(200);
    },
  },
  {
    name: "GET /totp",
    send: (client, world) => client.call("/totp", asAda(world)),
    status: 200,
    refusal: "problem",
  },
];

const cookiesOf = ({ adaToken, pending }: FaultWorld) =>
  browserHeaders({ [sessionCookieName]: adaToken, [pendingCookieName]: pending });

const sessions: Flow<FaultWorld>[] = [
  {
    name: "GET /session",
    send: (client, world) => client.call("/session", asAda(world)),
    status: 200,
    refusal: "problem",
  },
  {
    name: "GET /sessions",
    send: (client, world) => client.call("/sessions", asAda(world)),
    status: 200,
    refusal: "problem",
  },
  {
    name: "DELETE /sessions/{id}",
    send: (client, world) =>
      client.call(`/sessions/${world.adaOtherId}`, { method: "DELETE", ...asAda(world) }),
    status: 200,
    refusal: "problem",
    afterLoss: async (client, world) => {
      const options = { method: "DELETE", ...asAda(world) };
      const again = await client.call(`/sessions/${world.adaOtherId}`, options);
      expect(again).toMatchObject({ status: 404, json: { code: "not_found" } });
    },
  },
  {
    name: "DELETE /sessions",
    send: (client, world) => client.call("/sessions", { method: "DELETE", ...asAda(world) }),
    status: 200,
    refusal: "problem",
  },
  {
    name: "POST /logout",
    send: (client, world) => client.post("/logout", {}, asAda(world)),
    status: 200,
    refusal: "problem",
  },
  {
    name: "POST /logout of a pending and a full session at once",
    send: (client, world) => client.post("/logout", {}, { headers: cookiesOf(world) }),
    status: 200,
    refusal: "problem",
  },
];

/** What an hourly job finds: something of everything that is over, and envelopes of an older key. */
async function letTimePass({ at, ada }: FaultWorld): Promise<void> {
  await query("UPDATE sessions SET expires_at = ? WHERE kind = 'pending'", at);
  await query("INSERT INTO throttles (key, failures, window_ends_at) VALUES ('old', 3, ?)", at);
  await query("UPDATE users SET totp_pending_expires_at = ? WHERE totp_pending_secret IS NOT NULL", at);
  const oldEvent = "INSERT INTO audit_events (id, at, type, user_id) VALUES ('old', ?, 'session.ended', ?)";
  await query(oldEvent, at - 401 * 24 * 3_600_000, ada.id);
}

const newerKey = randomKey();

const hourly: Flow<FaultWorld> = {
  name: "the hourly job",
  variables: { KEYRING: `k2:${newerKey},${env.KEYRING}` },
  given: letTimePass,
  send: async ({ bindings }, { at }) => {
    const context = createExecutionContext();
    const event = { scheduledTime: at, cron: "17 * * * *", noRetry() {}, type: "scheduled" } as const;
    await worker.scheduled(event as unknown as ScheduledController, bindings, context);
    await waitOnExecutionContext(context);
    return { status: 200, headers: new Headers(), json: null, text: "" };
  },
  status: 200,
  refusal: "thrown",
};

describe("whatever fails, and however", () => {
  it.each([...secondFactor, ...sessions])(
    "TH-09 INC-17 INC-20 $name: nothing is half-done, and the next try gets through",
    (flow) => expectSwept(flow, faultWorld),
  );

  it("LG-08 CR-04 the hourly job: nothing is half-done, and the next run does the rest", () =>
    expectSwept(hourly, faultWorld));
});
