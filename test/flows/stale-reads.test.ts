import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, signInWith, verify } from "../support/accounts.ts";
import { holdBatches } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { openPendingSessions } from "../support/pending.ts";
import { countEvaluated, listEvents, listSessionRows, query, readUser } from "../support/rows.ts";
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

describe("a request that has read, and comes to the primary after others have written", () => {
  /** Starts a request, lets others happen when it has read everything, and only then lets it decide. */
  async function overtake(
    start: (client: Client) => Promise<Answer>,
    others: () => Promise<unknown>,
  ): Promise<Answer> {
    const held = holdBatches(env.DB);
    const answer = start(new Client(environment({ DB: held.db })));
    const first = await Promise.race([held.reached, answer]);
    if (first !== undefined) throw new Error(`It was over before it wrote: ${first.status} ${first.text}`);
    await others();
    held.release();
    return answer;
  }

  async function guess(token: string, secret: string, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      expect((await verify(token, await wrongCode(secret, i))).status).toBe(401);
    }
  }

  it("TH-04 is not evaluated when it is the sixth of its pending session", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const answer = await overtake(
      async (late) => verify(token, await code(account.secret), {}, late),
      async () => {
        await guess(token, account.secret, 5);
        // The account itself is open again, so that only the session's own attempts are in the way.
        await query("UPDATE users SET second_factor_failures = 0, second_factor_blocked_until = NULL");
      },
    );
    expect(answer.status).toBe(429);
    expect(await countEvaluated()).toEqual({ accepted: 0, refused: 5, replayed: 0 });
    expect(await listSessionRows("full")).toEqual([]);
  });

  it("TH-04 is not evaluated when a cool-down has begun through other sessions", async () => {
    const account = await createReadyAccount();
    const [token = "", other = ""] = await openPendingSessions(account, 2);
    for (const text of [await code(account.secret), account.backupCodes[0]]) {
      await query("UPDATE users SET second_factor_failures = 4, second_factor_blocked_until = NULL");
      const answer = await overtake(
        (late) => verify(token, text, {}, late),
        () => guess(other, account.secret, 1),
      );
      expect(answer.status).toBe(429);
      expect(answer.headers.get("Retry-After")).toBe("60");
    }
    expect(await countEvaluated()).toEqual({ accepted: 0, refused: 2, replayed: 0 });
  });

  it("TH-01 is not evaluated when the hundredth failure has happened", async () => {
    const account = await createReadyAccount();
    const [token = "", other = ""] = await openPendingSessions(account, 2);
    const answer = await overtake(
      async (late) => verify(token, await code(account.secret), {}, late),
      async () => {
        await query("UPDATE users SET second_factor_failures = 99");
        await guess(other, account.secret, 1);
        // The cool-down that came with it may be over by then.
        await query("UPDATE users SET second_factor_blocked_until = NULL");
      },
    );
    expect(answer).toMatchObject({ status: 403, json: { code: "second_factor_disabled" } });
    expect(await listSessionRows("full")).toEqual([]);
  });

  it("SE-02 is refused when its pending session has been used, or signed out", async () => {
    const account = await createReadyAccount();
    const [first = "", second = ""] = await openPendingSessions(account, 2);
    const used = await overtake(
      (late) => verify(first, account.backupCodes[0], {}, late),
      () => verify(first, account.backupCodes[1]),
    );
    expect(used).toMatchObject({ status: 401, json: { code: "session_expired" } });
    const signedOut = await overtake(
      (late) => verify(second, account.backupCodes[0], {}, late),
      () => new Client().post("/logout", {}, { token: second }),
    );
    expect(signedOut).toMatchObject({ status: 401, json: { code: "session_expired" } });
    expect((await signInWith(account, account.backupCodes[0])).status).toBe(200);
  });

  it("SE-11 is refused when the account has been disabled", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const disable = () => query("UPDATE users SET disabled_at = ?", Date.now());
    const verified = await overtake(
      async (late) => verify(token, await code(account.secret), {}, late),
      disable,
    );
    expect(verified.status).toBe(401);
    await query("UPDATE users SET disabled_at = NULL");
    const login = await overtake((late) => late.login(account), disable);
    expect(login).toMatchObject({ status: 401, json: { code: "invalid_credentials" } });
    expect(await listSessionRows("full")).toEqual([]);
  });

  it("EN-08 is refused when the second factor has been switched off", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const pending = await pendingToken(account);
    const answer = await overtake(
      async (late) => verify(pending, await code(account.secret, 1), {}, late),
      async () => {
        const body = { code: await code(account.secret), password: account.password };
        expect((await new Client().post("/totp/disable", body, { token })).status).toBe(200);
      },
    );
    expect(answer.status).toBe(401);
    expect(await listSessionRows()).toHaveLength(1);
  });

  it("EN-08 is refused when the secret has been replaced", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const client = new Client();
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const answer = await overtake(
      async (late) => late.post("/step-up", { code: await code(account.secret, 1) }, { token }),
      async () => {
        const enabled = await client.post("/totp/enable", { code: await code(secret) }, { token });
        expect(enabled.status).toBe(200);
      },
    );
    expect(answer).toMatchObject({ status: 401, json: { code: "invalid_code" } });
  });

  it("EN-05 confirms no enrolment that another has taken the place of", async () => {
    const account = await createAccount();
    const client = new Client();
    const token = (await client.login(account)).json.session_token;
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const answer = await overtake(
      async (late) => late.post("/totp/enable", { code: await code(secret) }, { token }),
      () => client.post("/totp/setup", {}, { token }),
    );
    expect(answer).toMatchObject({ status: 401, json: { code: "invalid_code" } });
    expect(await readUser(account.id)).toMatchObject({ totp_enabled: 0, totp_secret: null });
  });

  it("EN-14 gets a pending session and no full one when the second factor has been switched on", async () => {
    const account = await createAccount();
    const client = new Client();
    const token = (await client.login(account)).json.session_token;
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const answer = await overtake(
      (late) => late.login(account),
      async () => {
        const enabled = await client.post("/totp/enable", { code: await code(secret) }, { token });
        expect(enabled.status).toBe(200);
      },
    );
    expect(answer.json.status).toBe("totp_required");
    expect(await listSessionRows("full")).toHaveLength(1);
  });

  it("TH-04 has a right password refused when ten wrong ones have been counted", async () => {
    const account = await createReadyAccount();
    const client = new Client();
    const answer = await overtake(
      (late) => late.login(account),
      async () => {
        for (let i = 0; i < 10; i++) {
          const wrong = { username: account.username, password: `wrong password ${i}` };
          expect((await client.login(wrong)).status).toBe(401);
        }
      },
    );
    expect(answer).toMatchObject({ status: 429, json: { code: "too_many_attempts" } });
    expect(answer.headers.get("Retry-After")).toBe("900");
    expect(await listSessionRows()).toEqual([]);
    expect(await listEvents("first_factor.accepted")).toEqual([]);
  });

  it("TH-04 has a wrong password refused without a count when the counter is full", async () => {
    const account = await createReadyAccount();
    const answer = await overtake(
      (late) => late.login({ username: account.username, password: "wrong password" }),
      () => query("UPDATE throttles SET failures = 10, blocked_until = ?", Date.now() + 1000),
    );
    // Nothing had been counted, so nothing was there to be filled up: this is the first failure.
    expect(answer.status).toBe(401);
    const again = await overtake(
      (late) => late.login({ username: account.username, password: "wrong password" }),
      () => query("UPDATE throttles SET failures = 10, blocked_until = ?", Date.now() + 1000),
    );
    expect(again.status).toBe(429);
    expect(await query("SELECT failures FROM throttles")).toEqual([
      { failures: 10 },
      { failures: 10 },
      { failures: 10 },
    ]);
  });

  it("TH-04 switches nothing off when the password was asked for once too often meanwhile", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const client = new Client();
    const text = await code(account.secret);
    const disable = (sender: Client, password: string) =>
      sender.post("/totp/disable", { code: text, password }, { token });
    const answer = await overtake(
      (late) => disable(late, account.password),
      async () => {
        for (let i = 0; i < 10; i++) {
          expect((await disable(client, `wrong password ${i}`)).status).toBe(401);
        }
      },
    );
    expect(answer.status).toBe(429);
    expect(await readUser(account.id)).toMatchObject({ totp_enabled: 1, second_factor_failures: 0 });
    // The counters are those of sign-in.
    expect((await client.login(account)).status).toBe(429);
  });
});
