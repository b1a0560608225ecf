import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { createReadyAccount, fullToken, visible } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { countTrips, recordStatements } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { tapKv } from "../support/kv.ts";
import { collectLogLines, parseLines } from "../support/log-lines.ts";
import { dumpKv, listEvents, listSessionRows, query } from "../support/rows.ts";
import { counterKey, home, readCounter, setCounter } from "../support/throttles.ts";
import {
  type Account,
  type Answer,
  type CallOptions,
  Client,
  code,
  createAccount,
  environment,
} from "../support/worker.ts";

useFreshWorker();

const wrongLogin = (account: Pick<Account, "username">, options: CallOptions = {}, client = new Client()) =>
  client.login({ username: account.username, password: "wrong password" }, options);

function expectBlocked(answer: Answer, seconds: number): void {
  expect(answer).toMatchObject({ status: 429, json: { code: "too_many_attempts" } });
  expect(answer.headers.get("Retry-After")).toBe(String(seconds));
}

/**
 * Counts how often a password is hashed from now on: each hash begins by normalising it. Modules can't be mocked
 * in workerd, and the export of a module of the platform can't be spied on.
 */
function countHashes(password: string): () => number {
  const spy = vi.spyOn(String.prototype, "normalize");
  return () => spy.mock.contexts.filter((text) => String(text) === password).length;
}

describe("failures at the first factor", () => {
  it("TH-04 from one network at one account are ten, and then it is blocked for a quarter of an hour", async () => {
    const account = await createReadyAccount();
    for (let i = 0; i < 10; i++) {
      const answer = await wrongLogin(account, { address: home });
      expect(answer).toMatchObject({ status: 401, json: { code: "invalid_credentials" } });
    }
    expectBlocked(await new Client().login(account, { address: home }), 900);
    expectBlocked(await wrongLogin(account, { address: home }), 900);
    expect(await listEvents("first_factor.refused")).toHaveLength(10);
    // Others are not in the way of it: the owner elsewhere, and this network at another account.
    expect((await new Client().login(account, { address: "203.0.113.8" })).status).toBe(200);
    expect((await new Client().login(await createAccount("bob"), { address: home })).status).toBe(200);
  });

  it("TH-08 say how long a block lasts to the second, and it ends then", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("network_account", {}), 9);
    expect((await wrongLogin(account, { address: home })).status).toBe(401);
    for (const [waited, left] of [
      [0, 900],
      [1, 899],
      [500.5, 399],
      [398, 1],
    ] as const) {
      advance(waited);
      expectBlocked(await new Client().login(account, { address: home }), left);
    }
    advance(0.5);
    expect((await new Client().login(account, { address: home })).status).toBe(200);
  });

  it("TH-08 is as honest when D1 alone decides", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("network_account", {}), 9);
    const { kv } = tapKv(env.BLOCKS, { failing: ["get", "put"] });
    const client = new Client(environment({ BLOCKS: kv }));
    await wrongLogin(account, { address: home }, client);
    advance(899.5);
    expectBlocked(await client.login(account, { address: home }), 1);
    advance(0.5);
    expect((await client.login(account, { address: home })).status).toBe(200);
  });

  it("begin anew when a block is over", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("network_account", {}), 9);
    await wrongLogin(account, { address: home });
    advance(900);
    for (let i = 0; i < 2; i++) expect((await wrongLogin(account, { address: home })).status).toBe(401);
    expect((await readCounter(await counterKey("network_account", {})))?.failures).toBe(2);
  });

  it("are forgotten a quarter of an hour after the first of them", async () => {
    const account = await createReadyAccount();
    const key = await counterKey("network_account", {});
    await setCounter(key, 9);
    advance(900);
    expect((await wrongLogin(account, { address: home })).status).toBe(401);
    expect(await readCounter(key)).toMatchObject({ failures: 1, blocked_until: null });
    expect((await new Client().login(account, { address: home })).status).toBe(200);
  });

  it("from one network at any accounts are thirty", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("network", {}), 29);
    expect((await wrongLogin({ username: "anybody" }, { address: home })).status).toBe(401);
    expectBlocked(await new Client().login(account, { address: home }), 900);
    expectBlocked(await wrongLogin({ username: "somebody" }, { address: home }), 900);
    expect((await new Client().login(account, { address: "203.0.113.8" })).status).toBe(200);
  });

  it("INC-14 from one /64 of IPv6 count as one network, however its addresses are written", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("network_account", { address: "2001:db8:1:2::1" }), 9);
    expect((await wrongLogin(account, { address: "2001:0DB8:1:2:ffff:ffff:ffff:ffff" })).status).toBe(401);
    expectBlocked(await new Client().login(account, { address: "2001:db8:1:2::abcd" }), 900);
    expect((await new Client().login(account, { address: "2001:db8:1:3::1" })).status).toBe(200);
  });

  it("INC-14 at one account from any networks are a hundred", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("account", {}), 99);
    expect((await wrongLogin(account, { address: "198.51.100.1" })).status).toBe(401);
    expectBlocked(await new Client().login(account, { address: "198.51.100.2" }), 900);
    expect((await new Client().login(await createAccount("bob"), { address: "198.51.100.1" })).status).toBe(
      200,
    );
  });

  it("INC-16 at an unknown name are counted as at any other", async () => {
    await setCounter(await counterKey("account", { username: "nobody" }), 99);
    expect((await wrongLogin({ username: "nobody" }, { address: home })).status).toBe(401);
    expectBlocked(await wrongLogin({ username: "nobody" }, { address: "203.0.113.8" }), 900);
  });

  it("INC-07 count for one account however its name is written", async () => {
    const account = await createReadyAccount();
    const key = await counterKey("network_account", {});
    await setCounter(key, 6);
    for (const username of ["ADA", " ada ", "Ａｄａ", "aDa"]) {
      expect((await wrongLogin({ username }, { address: home })).status).toBe(401);
    }
    expect((await readCounter(key))?.failures).toBe(10);
    expectBlocked(await new Client().login(account, { address: home }), 900);
  });

  it("without an address count as one network together", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("network_account", { address: "unknown" }), 9);
    expect((await wrongLogin(account)).status).toBe(401);
    expectBlocked(await new Client().login(account, { address: "not an address" }), 900);
  });

  it("of this network at this account are taken back by a right password, and no others", async () => {
    const account = await createReadyAccount();
    const [own, network, everybody] = await Promise.all([
      counterKey("network_account", {}),
      counterKey("network", {}),
      counterKey("account", {}),
    ]);
    const other = await counterKey("network_account", { address: "203.0.113.8" });
    for (const key of [own, network, everybody, other]) await setCounter(key, 5);
    expect((await new Client().login(account, { address: home })).status).toBe(200);
    const counters = await Promise.all([own, network, everybody, other].map(readCounter));
    expect(counters.map((row) => row?.failures)).toEqual([undefined, 5, 5, 5]);
  });

  it("INC-15 within a session count with those at sign-in", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const body = { code: await code(account.secret), password: "wrong password" };
    for (let i = 0; i < 5; i++) {
      const answer = await new Client().post("/totp/disable", body, { token, address: home });
      expect(answer).toMatchObject({ status: 401, json: { code: "invalid_credentials" } });
      expect((await wrongLogin(account, { address: home })).status).toBe(401);
    }
    expectBlocked(await new Client().login(account, { address: home }), 900);
    const right = { ...body, password: account.password };
    expectBlocked(await new Client().post("/totp/disable", right, { token, address: home }), 900);
    const form = new URLSearchParams({ username: account.username, password: account.password });
    const page = await new Client().post("/sign-in", String(form), {
      address: home,
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
    expect([page.status, page.headers.get("Retry-After")]).toEqual([429, "900"]);
    expect(await listEvents("totp.disabled")).toEqual([]);
  });
});

describe("KV", () => {
  it("stores the block under a keyed hash, and a blocked request costs no trip and no password hash", async () => {
    const account = await createReadyAccount();
    const key = await counterKey("network_account", {});
    await setCounter(key, 9);
    await wrongLogin(account, { address: home });
    expect(await dumpKv()).toEqual({ [`block:${key}`]: String(Date.now() + 900_000) });

    await query("DELETE FROM throttles");
    const { db, trips } = countTrips(env.DB);
    const client = new Client(environment({ DB: db }));
    const hashes = countHashes(account.password);
    expectBlocked(await client.login(account, { address: home }), 900);
    expect([trips, hashes()]).toEqual([{ reads: 0, batches: 0 }, 0]);
    expect((await client.login(account, { address: "203.0.113.8" })).status).toBe(200);
  });

  it("with an expired block, or with an invalid value, blocks no request", async () => {
    const account = await createReadyAccount();
    const key = await counterKey("network", {});
    for (const value of [String(Date.now()), String(Date.now() - 1), "nonsense", "", "NaN", "{}"]) {
      await env.BLOCKS.put(`block:${key}`, value);
      expect((await new Client().login(account, { address: home })).status).toBe(200);
    }
    await env.BLOCKS.put(`block:${key}`, String(Date.now() + 1));
    expectBlocked(await new Client().login(account, { address: home }), 1);
  });

  it("that fails lets people sign in, and failures are counted as ever", async () => {
    const account = await createReadyAccount();
    const { kv, calls } = tapKv(env.BLOCKS, { failing: ["get", "put"] });
    const client = new Client(environment({ BLOCKS: kv }));
    const lines = collectLogLines();
    expect((await client.login(account, { address: home })).json.status).toBe("totp_required");
    for (let i = 0; i < 10; i++) {
      expect((await wrongLogin(account, { address: home }, client)).status).toBe(401);
    }
    expectBlocked(await client.login(account, { address: home }), 900);
    expect(await readCounter(await counterKey("network_account", {}))).toMatchObject({ failures: 10 });
    expect(calls).toEqual({ gets: 12, puts: 1 });
    expect(lines.filter((line) => line.includes("blocks.unavailable"))).toHaveLength(13);
  });

  it("that takes no writes leaves the decision to D1", async () => {
    const account = await createReadyAccount();
    await setCounter(await counterKey("network_account", {}), 9);
    const { kv } = tapKv(env.BLOCKS, { failing: ["put"] });
    const { db, trips } = countTrips(env.DB);
    const client = new Client(environment({ BLOCKS: kv, DB: db }));
    expect((await wrongLogin(account, { address: home }, client)).status).toBe(401);
    expect(await dumpKv()).toEqual({});
    expectBlocked(await client.login(account, { address: home }), 900);
    expect(trips).toEqual({ reads: 2, batches: 1 });
  });

  it("that fails is no way past a block within a session, either", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const { kv } = tapKv(env.BLOCKS, { failing: ["get", "put"] });
    const client = new Client(environment({ BLOCKS: kv }));
    await setCounter(await counterKey("network_account", {}), 9);
    const body = { code: await code(account.secret), password: account.password };
    const options = { token, address: home };
    expect((await client.post("/totp/disable", { ...body, password: "wrong" }, options)).status).toBe(401);
    expectBlocked(await client.post("/totp/disable", body, options), 900);
  });
});

const tail = `$${"A".repeat(22)}$${"A".repeat(43)}`;

/** What a row may hold that was written before a bound, or past the API; `costly` and `padded` wait for a reset. */
const unusableHashes = {
  impossible: `$scrypt$ln=20,r=1,p=1${tail}`,
  "all-in-r": `$scrypt$ln=1,r=524288,p=1${tail}`,
  "all-in-p": `$scrypt$ln=1,r=1,p=524288${tail}`,
  costly: `$scrypt$ln=17,r=8,p=1${tail}`,
  padded: `$scrypt$ln=14,r=8,p=5${tail}=`,
  nonsense: "nonsense",
};

describe("accounts that a client cannot distinguish", () => {
  /** Accounts of every kind that must be indistinguishable without the correct password. */
  async function everyKind(): Promise<Record<string, { username: string; password: string }>> {
    const plain = await createAccount("plain");
    const enrolled = await createReadyAccount("enrolled");
    const disabled = await createAccount("disabled");
    await query("UPDATE users SET disabled_at = ? WHERE id = ?", Date.now(), disabled.id);
    const locked = await createReadyAccount("locked");
    await query("UPDATE users SET second_factor_failures = 100 WHERE id = ?", locked.id);
    await new Client().post("/v1/users", { username: "passwordless" }, { token: env.ADMIN_KEY });
    for (const [username, hash] of Object.entries(unusableHashes)) {
      const { id } = await createAccount(username);
      await query("UPDATE users SET password_hash = ? WHERE id = ?", hash, id);
    }
    const password = "wrong password";
    return {
      unknown: { username: "nobody", password },
      "wrong password": { username: plain.username, password },
      "wrong password, enrolled": { username: enrolled.username, password },
      "wrong password, second factor disabled": { username: locked.username, password },
      "disabled, right password": disabled,
      "disabled, wrong password": { username: disabled.username, password },
      "without password": { username: "passwordless", password },
      ...Object.fromEntries(
        Object.entries(unusableHashes).map(([username, hash]) => [hash, { username, password }]),
      ),
    };
  }

  it("INC-30 a stored hash that is out of bounds is a wrong password, and the log says which account has it", async () => {
    for (const [username, hash] of Object.entries(unusableHashes)) {
      const account = await createAccount(username);
      await query("UPDATE users SET password_hash = ? WHERE id = ?", hash, account.id);
      const lines = collectLogLines();
      const answer = await new Client().login(account);
      const unknown = await new Client().login({ ...account, username: "nobody" });
      expect(answer.status).toBe(401);
      expect(visible(answer)).toEqual(visible(unknown));
      const logged = parseLines(lines).filter(({ event }) => event === "password_hash.unusable");
      const expected = ["costly", "padded"].includes(username)
        ? []
        : [{ level: "error", user_id: account.id }];
      expect(logged).toMatchObject(expected);
      expect(lines.join()).not.toContain(hash);
      vi.restoreAllMocks();
    }
  });

  it("INC-30 nor is it an error within a session, where the password is asked for again", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    for (const hash of Object.values(unusableHashes)) {
      await query("UPDATE users SET password_hash = ? WHERE id = ?", hash, account.id);
      const body = { code: await code(account.secret), password: account.password };
      const answer = await new Client().post("/totp/disable", body, { token });
      expect(answer).toMatchObject({ status: 401, json: { code: "invalid_credentials" } });
    }
  });

  it("TH-10 an unknown name, a wrong password and a disabled account get one answer", async () => {
    const kinds = Object.entries(await everyKind());
    const answers: [string, Answer][] = [];
    for (const [index, [kind, credentials]] of kinds.entries()) {
      const address = `198.51.100.${index}`;
      answers.push([kind, await new Client().login(credentials, { address })]);
    }
    const [[, first] = []] = answers;
    if (first === undefined) throw new Error("There is no answer");
    expect(first).toMatchObject({ status: 401, json: { code: "invalid_credentials" } });
    for (const [kind, answer] of answers) {
      expect([kind, visible(answer)]).toEqual([kind, visible(first)]);
      expect(Object.keys(answer.json)).toEqual(Object.keys(first.json));
    }
    expect(await listSessionRows()).toEqual([]);
  });

  it("TH-10 they cost the same: one password hash, one read, the same statements in one batch, one KV call", async () => {
    const kinds = Object.entries(await everyKind());
    const costs: [string, unknown][] = [];
    for (const [index, [kind, credentials]] of kinds.entries()) {
      const { db, trips } = recordStatements(env.DB);
      const { kv, calls } = tapKv(env.BLOCKS);
      const client = new Client(environment({ DB: db, BLOCKS: kv }));
      const hashes = countHashes(credentials.password);
      await client.login(credentials, { address: `198.51.100.${index}` });
      costs.push([kind, { trips, calls, hashes: hashes() }]);
      vi.restoreAllMocks();
    }
    const [[, first] = []] = costs;
    const one = { trips: [{ length: 1 }, expect.any(Array)], calls: { gets: 1, puts: 0 }, hashes: 1 };
    expect(first).toMatchObject(one);
    for (const [kind, cost] of costs) expect([kind, cost]).toEqual([kind, first]);
  });

  it("TH-10 they look alike when they are blocked, too", async () => {
    const kinds = Object.values(await everyKind());
    const answers: Answer[] = [];
    for (const [index, credentials] of kinds.entries()) {
      const address = `198.51.100.${index}`;
      const { username } = credentials;
      await setCounter(await counterKey("network_account", { username, address }), 9);
      await new Client().login(credentials, { address });
      answers.push(await new Client().login(credentials, { address }));
    }
    const [first] = answers;
    if (first === undefined) throw new Error("There is no answer");
    expectBlocked(first, 900);
    for (const answer of answers) expect(visible(answer)).toEqual(visible(first));
  });
});
