import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, signInWith, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { delayD1 } from "../support/d1.ts";
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

/** The local database is so near that requests hardly overlap on it; the production database is not. */
const databases = [
  ["a database 20 ms away", () => delayD1(env.DB, 20)],
  ["a nearby database", () => env.DB],
] as const;

const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status);
const successes = (answers: readonly Answer[]) => answers.filter(({ status }) => status === 200);
const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

describe.each(databases)("requests at the same time, on %s", (_, database) => {
  const client = () => new Client(environment({ DB: database() }));

  it("OTP-11 INC-18 INC-21 fifty pending sessions with one good code get one session, and cost no failure", async () => {
    const account = await createReadyAccount();
    const tokens = await openPendingSessions(account, 50);
    const text = await code(account.secret);
    const worker = client();
    const answers = await Promise.all(tokens.map((token) => verify(token, text, {}, worker)));

    expect(statusesOf(answers).toSorted()).toEqual([200, ...new Array(49).fill(401)]);
    expect(answers.filter(({ json }) => json.code === "invalid_code")).toHaveLength(49);
    expect(await countEvaluated()).toEqual({ accepted: 1, refused: 0, replayed: 49 });
    expect(await listSessionRows("full")).toHaveLength(1);
    const { second_factor_failures, second_factor_blocked_until } = await readUser(account.id);
    expect([second_factor_failures, second_factor_blocked_until]).toEqual([0, null]);
  });

  it("OTP-11 one pending session that sends one good code fifty times gets one session", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const text = await code(account.secret);
    const worker = client();
    const answers = await times(50, () => verify(token, text, {}, worker));
    expect(successes(answers)).toHaveLength(1);
    expect(await listSessionRows()).toMatchObject([{ kind: "full" }]);
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
  });

  it("OTP-10 three neighbouring codes at once are at most three sessions, and the step only goes up", async () => {
    const account = await createReadyAccount();
    const tokens = await openPendingSessions(account, 30);
    const codes = await Promise.all([-1, 0, 1].map((k) => code(account.secret, k)));
    const worker = client();
    const answers = await Promise.all(
      tokens.map((token, index) => verify(token, codes[index % 3], {}, worker)),
    );
    const { accepted, refused } = await countEvaluated();
    expect(successes(answers)).toHaveLength(accepted);
    // Steps only go up, so three codes are worth three sessions at the most.
    expect(accepted).toBeGreaterThanOrEqual(1);
    expect(accepted).toBeLessThanOrEqual(3);
    expect(refused).toBe(0);
    const { totp_last_step: last } = await readUser(account.id);
    expect(last).toBe(Math.floor(Date.now() / 30_000) + 1);
  });

  it.each([3, 100, 199])(
    "TH-04 two hundred guesses in one pending session, the right one as number %i, are worth five",
    async (place) => {
      const account = await createReadyAccount();
      const token = await pendingToken(account);
      const right = await code(account.secret);
      const guesses = await times(200, (index) =>
        index === place ? Promise.resolve(right) : wrongCode(account.secret, index),
      );
      const worker = client();
      const answers = await Promise.all(guesses.map((text) => verify(token, text, {}, worker)));

      const { accepted, refused, replayed } = await countEvaluated();
      expect(accepted + refused).toBeLessThanOrEqual(5);
      expect(replayed).toBe(0);
      expect(answers.filter(({ json }) => json.code === "invalid_code")).toHaveLength(refused);
      // Right without having been evaluated is no success.
      expect(successes(answers)).toHaveLength(accepted);
      expect(answers[place]?.status === 200).toBe(accepted === 1);
      expect(await listSessionRows("full")).toHaveLength(accepted);
      const { second_factor_failures: failures } = await readUser(account.id);
      const [pending] = await listSessionRows("pending");
      if (accepted === 0) {
        expect([failures, pending?.attempts, refused]).toEqual([5, 5, 5]);
      } else {
        // It ended the session, and with it everything that came behind it.
        expect([failures, pending]).toEqual([0, undefined]);
      }
    },
  );

  it("TH-04 sixty pending sessions with one wrong guess each are worth five before the cool-down", async () => {
    const account = await createReadyAccount();
    const tokens = await openPendingSessions(account, 60);
    const guesses = await times(60, (index) => wrongCode(account.secret, index));
    const worker = client();
    const answers = await Promise.all(
      tokens.map((token, index) => verify(token, guesses[index], {}, worker)),
    );
    expect(statusesOf(answers).toSorted()).toEqual([...new Array(5).fill(401), ...new Array(55).fill(429)]);
    for (const answer of answers) {
      if (answer.status === 429) expect(answer.headers.get("Retry-After")).toBe("60");
    }
    expect(await countEvaluated()).toEqual({ accepted: 0, refused: 5, replayed: 0 });
    expect((await readUser(account.id)).second_factor_failures).toBe(5);
    const attempts = (await listSessionRows("pending")).reduce((sum, row) => sum + row.attempts, 0);
    expect(attempts).toBe(5);
  });

  it("TH-01 twenty guesses at ninety-eight failures are worth two, and then the second factor is off", async () => {
    const account = await createReadyAccount();
    await query("UPDATE users SET second_factor_failures = 98 WHERE id = ?", account.id);
    const tokens = await openPendingSessions(account, 20);
    const guesses = await times(20, (index) => wrongCode(account.secret, index));
    const worker = client();
    const answers = await Promise.all(
      tokens.map((token, index) => verify(token, guesses[index], {}, worker)),
    );
    expect(statusesOf(answers).toSorted()).toEqual([401, 401, ...new Array(18).fill(403)]);
    expect((await readUser(account.id)).second_factor_failures).toBe(100);
  });

  it("BC-01 INC-18 INC-21 twenty uses of one backup code get one session, and cost the owner nothing", async () => {
    const account = await createReadyAccount();
    const tokens = await openPendingSessions(account, 20);
    const [text] = account.backupCodes;
    const worker = client();
    const answers = await Promise.all(tokens.map((token) => verify(token, text, {}, worker)));

    expect(statusesOf(answers).toSorted()).toEqual([200, ...new Array(19).fill(401)]);
    expect(await countEvaluated()).toEqual({ accepted: 1, refused: 0, replayed: 19 });
    expect(await listSessionRows("full")).toHaveLength(1);
    expect(await readUser(account.id)).toMatchObject({
      second_factor_failures: 0,
      second_factor_blocked_until: null,
    });
    const next = await signInWith(account, await code(account.secret));
    expect(next.json.data).toEqual({ method: "totp", backup_codes_remaining: 9 });
  });

  it("BC-01 nine backup codes on nine pending sessions are nine successes", async () => {
    const account = await createReadyAccount();
    const tokens = await openPendingSessions(account, 9);
    const worker = client();
    const answers = await Promise.all(
      tokens.map((token, index) => verify(token, account.backupCodes[index], {}, worker)),
    );
    expect(statusesOf(answers)).toEqual(new Array(9).fill(200));
    const left = answers.map(({ json }) => json.data.backup_codes_remaining);
    expect(left.toSorted((a, b) => b - a)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(await countEvaluated()).toEqual({ accepted: 9, refused: 0, replayed: 0 });
    expect((await signInWith(account, account.backupCodes[9])).json.data.backup_codes_remaining).toBe(0);
  });

  it("INC-21 a backup code and a TOTP code at once are two successes", async () => {
    const account = await createReadyAccount();
    const tokens = await openPendingSessions(account, 2);
    const texts = [account.backupCodes[0], await code(account.secret)];
    const worker = client();
    const answers = await Promise.all(tokens.map((token, index) => verify(token, texts[index], {}, worker)));
    expect(statusesOf(answers)).toEqual([200, 200]);
  });

  it("BC-07 new backup codes and the use of an old one at once leave only new ones", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const pending = await pendingToken(account);
    const worker = client();
    const [made, used] = await Promise.all([
      worker.post("/backup-codes", { code: await code(account.secret) }, { token }),
      verify(pending, account.backupCodes[0], {}, worker),
    ]);
    expect(made.status).toBe(200);
    // Used before they were void, or void before they were used.
    expect([200, 401]).toContain(used.status);
    expect((await signInWith(account, made.json.data.backup_codes[0])).json.data).toEqual({
      method: "backup_code",
      backup_codes_remaining: 9,
    });
    expect((await signInWith(account, account.backupCodes[1])).status).toBe(401);
  });

  it("OTP-11 EN-01 fifty confirmations of one enrolment are one, with one set of backup codes", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    const body = { code: await code(secret) };
    const worker = client();
    const answers = await times(50, () => worker.post("/totp/enable", body, { token }));

    expect(successes(answers)).toHaveLength(1);
    expect(answers.filter(({ json }) => json.code === "already_enabled")).toHaveLength(49);
    expect(await listEvents("totp.enabled")).toHaveLength(1);
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
    advance(30);
    const shown: string[] = successes(answers)[0]?.json.data.backup_codes;
    expect((await signInWith(account, shown[9])).json.data.backup_codes_remaining).toBe(9);
  });

  it("OTP-11 two sessions that confirm one enrolment at once are one", async () => {
    const account = await createAccount();
    const tokens = await times(2, async () => (await new Client().login(account)).json.session_token);
    const [token] = tokens;
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    const body = { code: await code(secret) };
    const worker = client();
    const answers = await Promise.all(
      tokens.map((each) => worker.post("/totp/enable", body, { token: each })),
    );
    expect(successes(answers)).toHaveLength(1);
    expect(await listSessionRows()).toHaveLength(1);
  });

  it("EN-05 of set-ups at once the last is the only one that can be confirmed", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    const worker = client();
    const setups = await times(5, () => worker.post("/totp/setup", {}, { token }));
    const codes = await Promise.all(setups.map(({ json }) => code(json.data.secret)));
    const statuses: number[] = [];
    for (const text of codes) {
      statuses.push((await worker.post("/totp/enable", { code: text }, { token })).status);
      // Four wrong ones would do; the last of them may be the fifth failure of the account.
      await query("UPDATE users SET second_factor_failures = 0, second_factor_blocked_until = NULL");
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  });

  it("OTP-11 EN-08 ten ways to switch it off with one code are one", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const body = { code: await code(account.secret), password: account.password };
    const worker = client();
    const answers = await times(10, () => worker.post("/totp/disable", body, { token }));
    expect(successes(answers)).toHaveLength(1);
    expect(answers.filter(({ json }) => json.code === "not_enabled")).toHaveLength(9);
    expect(await listEvents("totp.disabled")).toHaveLength(1);
    expect(await readUser(account.id)).toMatchObject({ totp_enabled: 0, second_factor_failures: 0 });
  });

  it("OTP-11 one code for stepping up, new backup codes and switching off at once does one of them", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const pending = await pendingToken(account);
    const text = await code(account.secret);
    const worker = client();
    const answers = await Promise.all([
      verify(pending, text, {}, worker),
      worker.post("/step-up", { code: text }, { token }),
      worker.post("/backup-codes", { code: text }, { token }),
      worker.post("/totp/disable", { code: text, password: account.password }, { token }),
    ]);
    expect(successes(answers)).toHaveLength(1);
    // One was spent to get the session.
    expect((await countEvaluated()).accepted).toBe(2);
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
  });
});

describe("password guesses at the same time", () => {
  const passwordEvents = async () => ({
    accepted: (await listEvents("first_factor.accepted")).length,
    refused: (await listEvents("first_factor.refused")).length,
  });

  it("TH-04 of forty from one network at one account ten are evaluated, though the right one is among them", async () => {
    const account = await createReadyAccount();
    const worker = new Client(environment({ DB: delayD1(env.DB, 20) }));
    const answers = await times(40, (index) =>
      index === 20
        ? worker.login(account)
        : worker.login({ username: account.username, password: `wrong password ${index}` }),
    );
    const { accepted, refused } = await passwordEvents();
    expect(successes(answers)).toHaveLength(accepted);
    expect(await listSessionRows()).toHaveLength(accepted);
    // A right password takes back what this network has failed at this account, and begins a second ten.
    expect(refused).toBeLessThanOrEqual(accepted === 1 ? 19 : 10);
    expect(statusesOf(answers).filter((status) => status === 401)).toHaveLength(refused);
  });

  it("INC-16 at unknown names block only their own network", async () => {
    const account = await createReadyAccount();
    const worker = new Client(environment({ DB: delayD1(env.DB, 20) }));
    const attacker = { address: "203.0.113.66" };
    const answers = await times(35, (index) =>
      worker.login({ username: `nobody-${index}`, password: "wrong password" }, attacker),
    );
    expect(statusesOf(answers).filter((status) => status === 401)).toHaveLength(30);
    expect((await worker.login(account, attacker)).status).toBe(429);
    expect((await worker.login(account, { address: "203.0.113.67" })).status).toBe(200);
  });
});
