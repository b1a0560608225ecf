import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken } from "../support/accounts.ts";
import { createRealm, enrolBackendUser } from "../support/backend.ts";
import { createChallenge, shopUrls } from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, cookieValue, sessionCookieName } from "../support/cookies.ts";
import { countTrips, type Trips, tapD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { mockOrigin, originUrl, visit } from "../support/gate.ts";
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

  it("with an unknown name", async () => {
    const { answer, d1, kv } = await costOf((client) =>
      client.login({ username: "nobody", password: "wrong" }),
    );
    expect(answer.status).toBe(401);
    expect([d1, kv]).toEqual([oneOfEach, { gets: 1, puts: 0 }]);
  });

  it("and for a blocked client, neither", async () => {
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

it("a password within a session costs a blocked account neither a read nor a batch", async () => {
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
    const origin = mockOrigin();
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
    mockOrigin();
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
    const origin = mockOrigin();
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
