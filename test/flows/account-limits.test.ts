import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, sessionCookieName } from "../support/cookies.ts";
import { countTrips, delayD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { countEvaluated, listEvents, query, readUser } from "../support/rows.ts";
import { home } from "../support/throttles.ts";
import {
  type Account,
  type Answer,
  Client,
  code,
  createAccount,
  environment,
  wrongCode,
} from "../support/worker.ts";

useFreshWorker();

const beginSetup = (token: string, client = new Client()) => client.post("/totp/setup", {}, { token });

const tokenOf = async (account: Account): Promise<string> =>
  (await new Client().login(account)).json.session_token;

const submit = (path: string, fields: Record<string, string>, token: string, client = new Client()) =>
  client.post(path, String(new URLSearchParams(fields)), {
    address: home,
    headers: {
      ...browserHeaders({ [sessionCookieName]: token }),
      "Content-Type": "application/x-www-form-urlencoded",
    },
  });

function expectTooMany(answer: Answer, seconds: number): void {
  expect([answer.status, answer.headers.get("Retry-After")]).toEqual([429, String(seconds)]);
}

describe("TH-07 beginning to set up", () => {
  it("is for ten times in a quarter of an hour, over all sessions, on the API and the pages together", async () => {
    const account = await createAccount();
    const [token, other] = [await tokenOf(account), await tokenOf(account)];
    let last = "";
    for (let i = 0; i < 5; i++) {
      expect((await submit("/account/two-factor", { step: "start" }, other)).status).toBe(200);
      last = (await beginSetup(token)).json.data.secret;
    }
    const before = await readUser(account.id);
    for (const refused of [
      await beginSetup(token),
      await beginSetup(other),
      await submit("/account/two-factor", { step: "start" }, token),
    ])
      expectTooMany(refused, 900);
    // The refused ones have changed nothing, and the tenth secret is good for what it was made for.
    expect(await readUser(account.id)).toEqual(before);
    expect(await listEvents("totp.setup_started")).toHaveLength(10);
    const enabled = await new Client().post("/totp/enable", { code: await code(last) }, { token });
    expect(enabled.status).toBe(200);
  });

  it("is free again to the second when the block ends, and ten times more", async () => {
    const token = await tokenOf(await createAccount());
    for (let i = 0; i < 10; i++) await beginSetup(token);
    advance(899);
    expectTooMany(await beginSetup(token), 1);
    advance(1);
    for (let i = 0; i < 10; i++) expect((await beginSetup(token)).status).toBe(200);
    expectTooMany(await beginSetup(token), 900);
  });

  it("is another account's own affair", async () => {
    const token = await tokenOf(await createAccount("ada"));
    for (let i = 0; i < 11; i++) await beginSetup(token);
    expect((await beginSetup(await tokenOf(await createAccount("bob")))).status).toBe(200);
  });

  it("counts in the batch that decides: one trip, whether it is granted or refused", async () => {
    const token = await tokenOf(await createAccount());
    const { db, trips } = countTrips(env.DB);
    const client = new Client(environment({ DB: db }));
    for (let i = 1; i <= 12; i++) {
      expect((await beginSetup(token, client)).status).toBe(i <= 10 ? 200 : 429);
      expect(trips).toEqual({ reads: 0, batches: i });
    }
  });

  it.each([0, 20])("is ten of forty that come at once, with %i ms to the database", async (milliseconds) => {
    const account = await createAccount();
    const token = await tokenOf(account);
    const client = new Client(environment({ DB: delayD1(env.DB, milliseconds) }));
    const answers = await Promise.all(Array.from({ length: 40 }, () => beginSetup(token, client)));
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses).toEqual([...Array(10).fill(200), ...Array(30).fill(429)]);
    expect(await listEvents("totp.setup_started")).toHaveLength(10);
  });

  it("is not used up by requests that may not replace the second factor, nor by an ended session", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    advance(300);
    for (let i = 0; i < 12; i++) {
      expect(await beginSetup(token)).toMatchObject({ status: 403, json: { code: "step_up_required" } });
    }
    await new Client().post("/step-up", { code: await code(account.secret) }, { token });
    expect((await beginSetup(token)).status).toBe(200);
    await query("DELETE FROM sessions");
    for (let i = 0; i < 12; i++) expect((await beginSetup(token)).json.code).toBe("session_expired");
    const [counted] = await query<{ failures: number }>("SELECT failures FROM throttles");
    expect(counted?.failures).toBe(1);
  });
});

describe("TH-07 a burst of wrong codes ends after five, and a minute's wait", () => {
  it("at enabling, on the API and the page together", async () => {
    const account = await createAccount();
    const token = await tokenOf(account);
    const { secret } = (await beginSetup(token)).json.data;
    const onApi = async (text: string) => new Client().post("/totp/enable", { code: text }, { token });
    const onPage = (text: string) => submit("/account/two-factor", { step: "confirm", code: text }, token);
    for (const enter of [onApi, onPage, onApi, onPage, onApi])
      expect((await enter(await wrongCode(secret))).status).toBe(401);
    for (const enter of [onApi, onPage]) {
      expectTooMany(await enter(await code(secret)), 60);
      expectTooMany(await enter(await wrongCode(secret)), 60);
    }
    expect(await countEvaluated()).toEqual({ accepted: 0, refused: 5, replayed: 0 });
    advance(60);
    expect((await onApi(await code(secret))).status).toBe(200);
  });

  it("at disabling with the right password, on the API and the page together", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const body = (text: string) => ({ code: text, password: account.password });
    const onApi = (text: string) => new Client().post("/totp/disable", body(text), { token, address: home });
    const onPage = (text: string) => submit("/account/two-factor/disable", body(text), token);
    for (const enter of [onApi, onPage, onApi, onPage, onApi])
      expect((await enter(await wrongCode(account.secret))).status).toBe(401);
    for (const enter of [onApi, onPage]) expectTooMany(await enter(await code(account.secret)), 60);
    expect(await readUser(account.id)).toMatchObject({ totp_enabled: 1, second_factor_failures: 5 });
    advance(60);
    expect((await onApi(await code(account.secret))).status).toBe(200);
  });

  it("at new backup codes, on the API and the page together", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const onApi = (text: string) => new Client().post("/backup-codes", { code: text }, { token });
    const onPage = (text: string) => submit("/account/backup-codes", { code: text }, token);
    const before = await readUser(account.id);
    for (const enter of [onApi, onPage, onApi, onPage, onApi])
      expect((await enter("0000-0000")).status).toBe(401);
    for (const enter of [onApi, onPage]) expectTooMany(await enter(await code(account.secret)), 60);
    expect((await readUser(account.id)).backup_codes).toBe(before.backup_codes);
    advance(60);
    expect((await onApi(await code(account.secret))).status).toBe(200);
  });

  // What hashes the password takes its time by design.
  it.each([
    ["/totp/enable", 40],
    ["/totp/disable", 12],
    ["/backup-codes", 40],
  ] as const)("and when they come at once: at %s five of %i are evaluated", async (path, count) => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const { secret } = (await beginSetup(token)).json.data;
    const against = path === "/totp/enable" ? secret : account.secret;
    const password = path === "/totp/disable" ? { password: account.password } : {};
    const client = new Client(environment({ DB: delayD1(env.DB, 20) }));
    const answers = await Promise.all(
      Array.from({ length: count }, async (_, i) =>
        client.post(path, { code: await wrongCode(against, i), ...password }, { token, address: home }),
      ),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses).toEqual([...Array(5).fill(401), ...Array(count - 5).fill(429)]);
    expect((await readUser(account.id)).second_factor_failures).toBe(5);
  });
});
