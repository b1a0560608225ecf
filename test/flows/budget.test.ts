import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, signInWith, verify, visible } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { openPendingSessions } from "../support/pending.ts";
import { countEvaluated, listSessionRows, query, readUser } from "../support/rows.ts";
import {
  type Answer,
  Client,
  code,
  createAccount,
  type EnrolledAccount,
  pendingToken,
  wrongCode,
} from "../support/worker.ts";

useFreshWorker();

/** Puts an account where so many failures in a row have led it, its cool-downs being over. */
async function setFailures(account: EnrolledAccount, failures: number): Promise<void> {
  await query("UPDATE users SET second_factor_failures = ? WHERE id = ?", failures, account.id);
}

/** Guesses wrong so many times, in one pending session. */
async function guess(account: EnrolledAccount, times: number, token?: string): Promise<void> {
  const session = token ?? (await pendingToken(account));
  for (let i = 0; i < times; i++) {
    const answer = await verify(session, await wrongCode(account.secret, i));
    expect(answer.status).toBe(401);
  }
}

async function failuresOf(account: EnrolledAccount): Promise<number> {
  return (await readUser(account.id)).second_factor_failures;
}

function expectTooMany(answer: Answer, seconds: number): void {
  expect(answer).toMatchObject({ status: 429, json: { code: "too_many_attempts" } });
  expect(answer.headers.get("Retry-After")).toBe(String(seconds));
}

describe("the budget of an account", () => {
  it("TH-01 TH-03 is a hundred failures with growing cool-downs between them, and then the second factor is off", async () => {
    const account = await createReadyAccount();
    const coolDowns: number[] = [];
    for (let failures = 5; failures <= 95; failures += 5) {
      const [token = "", next = ""] = await openPendingSessions(account, 2);
      await guess(account, 5, token);
      expect(await failuresOf(account)).toBe(failures);
      const refused = await verify(next, await code(account.secret));
      expect(refused.status).toBe(429);
      const seconds = Number(refused.headers.get("Retry-After"));
      coolDowns.push(seconds);
      advance(seconds);
    }
    const doubling = [60, 120, 240, 480, 960, 1920];
    expect(coolDowns).toEqual([...doubling, ...new Array(13).fill(3600)]);

    await guess(account, 5);
    expect(await failuresOf(account)).toBe(100);
    const token = await pendingToken(account);
    const right = await verify(token, await code(account.secret));
    expect(right).toMatchObject({ status: 403, json: { code: "second_factor_disabled" } });
    for (const text of [
      await wrongCode(account.secret),
      account.backupCodes[0],
      "0000-0000",
      await code(account.secret, 1),
    ]) {
      expect(visible(await verify(token, text))).toEqual(visible(right));
    }
    expect(await countEvaluated()).toEqual({ accepted: 0, refused: 100, replayed: 0 });
    expect(await listSessionRows("full")).toEqual([]);

    advance(365 * 24 * 3600);
    const later = await signInWith(account, await code(account.secret));
    expect(later).toMatchObject({ status: 403, json: { code: "second_factor_disabled" } });
    expect(await failuresOf(account)).toBe(100);
  });

  it("TH-01 that is used up closes every path that takes a code", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await setFailures(account, 100);
    const text = await code(account.secret);
    const client = new Client();
    for (const [path, body] of [
      ["/step-up", { code: text }],
      ["/backup-codes", { code: text }],
      ["/totp/disable", { code: text, password: account.password }],
    ] as const) {
      const answer = await client.post(path, body, { token });
      expect([path, answer.status, answer.json.code]).toEqual([path, 403, "second_factor_disabled"]);
    }
    // Who waits it out can't enrol anew either: that would be a way round the administrator.
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const enabled = await client.post("/totp/enable", { code: await code(secret) }, { token });
    expect(enabled).toMatchObject({ status: 403, json: { code: "second_factor_disabled" } });
    expect(await readUser(account.id)).toMatchObject({ totp_enabled: 1, second_factor_failures: 100 });
  });

  it("TH-01 has its last attempt at ninety-nine failures, and not one more", async () => {
    const account = await createReadyAccount();
    await setFailures(account, 99);
    const [first = "", second = ""] = await openPendingSessions(account, 2);
    await guess(account, 1, first);
    expect((await verify(second, await code(account.secret))).status).toBe(403);

    await setFailures(account, 99);
    await query("UPDATE users SET second_factor_blocked_until = NULL");
    expect((await verify(second, await code(account.secret))).status).toBe(200);
    expect(await failuresOf(account)).toBe(0);
  });

  it("TH-02 INC-12 is one over sessions, networks and paths", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const sessions = await openPendingSessions(account, 3);
    const [first = "", second = "", third = ""] = sessions;
    const client = new Client();
    const options = (last: number) => ({ token, address: `198.51.100.${last}` });
    const wrong = (variant: number) => wrongCode(account.secret, variant);
    const guesses = [
      await verify(first, await wrong(1), { address: "203.0.113.1" }),
      await verify(second, "0000-0000", { address: "203.0.113.2" }),
      await client.post("/step-up", { code: await wrong(2) }, options(3)),
      await client.post("/backup-codes", { code: await wrong(3) }, options(4)),
      await client.post("/totp/disable", { code: await wrong(4), password: account.password }, options(5)),
    ];
    expect(guesses.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);

    const right = await code(account.secret);
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const refusals = [
      await verify(third, right, { address: "203.0.113.9" }),
      await verify(first, right, { address: "203.0.113.1" }),
      await client.post("/step-up", { code: right }, options(3)),
      await client.post("/backup-codes", { code: right }, options(4)),
      await client.post("/totp/disable", { code: right, password: account.password }, options(5)),
      await client.post("/totp/enable", { code: await code(secret) }, options(6)),
    ];
    for (const refusal of refusals) expectTooMany(refusal, 60);
    expect(await countEvaluated()).toEqual({ accepted: 1, refused: 5, replayed: 0 });
  });

  it("TH-06 INC-14 counts ten networks of IPv6 together", async () => {
    const account = await createReadyAccount();
    const sessions = await openPendingSessions(account, 10);
    const statuses: number[] = [];
    for (const [index, token] of sessions.entries()) {
      const address = `2001:db8:${index + 1}::${index + 1}`;
      statuses.push((await verify(token, await wrongCode(account.secret, index), { address })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429, 429, 429]);
    expect(await failuresOf(account)).toBe(5);
  });

  it("TH-03 keeps a right code that comes within a cool-down, for after it", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const [backupCode] = account.backupCodes;
    await guess(account, 5);
    advance(40);
    // It is of the step in which the cool-down will end.
    const text = await code(account.secret, 1);
    expectTooMany(await verify(token, text), 20);
    expectTooMany(await verify(token, backupCode), 20);
    advance(19);
    expectTooMany(await verify(token, text), 1);
    advance(1);
    expect((await verify(token, text)).status).toBe(200);
    expect((await signInWith(account, backupCode)).status).toBe(200);
  });

  it("TH-03 opens for whole attempts after a cool-down, and closes at the next fifth failure for twice as long", async () => {
    const account = await createReadyAccount();
    await guess(account, 5);
    advance(60);
    const [first = "", second = ""] = await openPendingSessions(account, 2);
    await guess(account, 5, first);
    expectTooMany(await verify(second, await code(account.secret)), 120);
    advance(119);
    expectTooMany(await verify(second, await code(account.secret)), 1);
    advance(1);
    expect((await verify(second, await code(account.secret))).status).toBe(200);
  });

  it("TH-05 is whole again after an accepted code", async () => {
    const account = await createReadyAccount();
    for (const right of [await code(account.secret), account.backupCodes[0], await code(account.secret, 1)]) {
      const token = await pendingToken(account);
      await guess(account, 4, token);
      expect(await failuresOf(account)).toBe(4);
      expect((await verify(token, right)).status).toBe(200);
      expect(await failuresOf(account)).toBe(0);
    }
    // The cool-downs begin from the start, too.
    const [first = "", second = ""] = await openPendingSessions(account, 2);
    await guess(account, 5, first);
    expectTooMany(await verify(second, await code(account.secret)), 60);
  });

  it("INC-13 is not made whole by a right password, nor by a new pending session", async () => {
    const account = await createReadyAccount();
    for (let i = 0; i < 4; i++) await guess(account, 1);
    expect(await failuresOf(account)).toBe(4);
    await guess(account, 1);
    expectTooMany(await signInWith(account, await code(account.secret)), 60);
    advance(60);
    await pendingToken(account);
    expect(await failuresOf(account)).toBe(5);
  });

  it("INC-17 has the failure written down when the caller hears of it", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    for (let failures = 1; failures <= 4; failures++) {
      await guess(account, 1, token);
      expect(await failuresOf(account)).toBe(failures);
      expect(await countEvaluated()).toMatchObject({ refused: failures });
      const [pending] = await listSessionRows("pending");
      expect(pending?.attempts).toBe(failures);
    }
  });

  it("INC-17 keeps the failure when a later request fails for another reason", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const client = new Client();
    await client.post("/step-up", { code: await wrongCode(account.secret) }, { token });
    await client.post("/totp/disable", { code: await code(account.secret), password: "wrong" }, { token });
    await client.post("/step-up", { code: "abc" }, { token });
    await client.post("/totp/enable", { code: "123456" }, { token });
    expect(await failuresOf(account)).toBe(1);
  });

  it("TH-06 can't be touched without the account's password", async () => {
    const account = await createReadyAccount();
    const client = new Client();
    const stranger = await createAccount("eve");
    const token = (await client.login(stranger)).json.session_token;
    const before = await readUser(account.id);
    for (const password of ["wrong password", "correct horse batter"]) {
      expect((await client.login({ username: account.username, password })).status).toBe(401);
    }
    const guesses = [await wrongCode(account.secret), "0000-0000"];
    for (const text of guesses) {
      const bodies = [
        { code: text },
        { session_token: "pending_", code: text },
        { session_token: `pending_${token}`, code: text },
        { session_token: token, code: text },
        { session_token: account.id, code: text },
      ];
      for (const body of bodies) {
        expect((await client.post("/totp/verify", body)).json.code).toBe("session_expired");
      }
      await client.post("/step-up", { code: text }, { token });
      await client.post("/totp/disable", { code: text, password: account.password }, { token });
    }
    expect(await readUser(account.id)).toEqual(before);
    expect(await failuresOf(account)).toBe(0);
  });
});

describe("the attempts of a pending session", () => {
  it("are five, and a right code as the sixth is no success", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    await guess(account, 5, token);
    expect((await verify(token, await code(account.secret))).status).toBe(429);
    // The cool-down over, the session is still used up.
    advance(61);
    expectTooMany(await verify(token, await code(account.secret)), 1);
    expect((await signInWith(account, await code(account.secret))).status).toBe(200);
  });

  it("are used up by a code that is spent, and the account's counter is not", async () => {
    const account = await createReadyAccount();
    const text = await code(account.secret);
    await signInWith(account, text);
    const token = await pendingToken(account);
    for (let i = 0; i < 5; i++) {
      expect(await verify(token, text)).toMatchObject({ status: 401, json: { code: "invalid_code" } });
    }
    expectTooMany(await verify(token, text), 1);
    expectTooMany(await verify(token, account.backupCodes[0]), 1);
    expect(await countEvaluated()).toEqual({ accepted: 1, refused: 0, replayed: 5 });
    expect(await failuresOf(account)).toBe(0);
    expect((await signInWith(account, account.backupCodes[0])).status).toBe(200);
  });

  it("are used up by a spent backup code, and the account's counter is not", async () => {
    const account = await createReadyAccount();
    const [backupCode] = account.backupCodes;
    await signInWith(account, backupCode);
    const token = await pendingToken(account);
    for (let i = 0; i < 5; i++) expect((await verify(token, backupCode)).status).toBe(401);
    expectTooMany(await verify(token, backupCode), 1);
    expect(await failuresOf(account)).toBe(0);
  });

  it("are not touched by what has the wrong form", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const texts = [
      "",
      "12345",
      "1234567",
      "abc",
      "UUUU-UUUU",
      "١٢٣٤٥٦",
      "1".repeat(10_240),
      123456,
      null,
      [],
    ];
    for (const text of [...texts, ...texts]) {
      expect(await verify(token, text)).toMatchObject({ status: 422, json: { code: "invalid_format" } });
    }
    const [pending] = await listSessionRows("pending");
    expect(pending?.attempts).toBe(0);
    expect(await failuresOf(account)).toBe(0);
    expect((await verify(token, await code(account.secret))).status).toBe(200);
  });
});

describe("what an answer gives away", () => {
  it("is the same for a wrong and for a spent code", async () => {
    const account = await createReadyAccount();
    const text = await code(account.secret);
    await signInWith(account, text);
    await signInWith(account, account.backupCodes[0]);
    const [token = ""] = await openPendingSessions(account, 1);
    const answers = [
      await verify(token, await wrongCode(account.secret)),
      await verify(token, text),
      await verify(token, "0000-0000"),
      await verify(token, account.backupCodes[0]),
    ];
    expect(answers[0]).toMatchObject({ status: 401, json: { code: "invalid_code" } });
    for (const answer of answers) expect(visible(answer)).toEqual(visible(answers[0] as Answer));
  });

  it("is the same for a right and for a wrong code within a cool-down", async () => {
    const account = await createReadyAccount();
    const spent = await code(account.secret, -1);
    await signInWith(account, spent);
    await guess(account, 5);
    const token = await pendingToken(account);
    const right = await verify(token, await code(account.secret));
    expectTooMany(right, 60);
    for (const text of [await wrongCode(account.secret), spent, account.backupCodes[0], "0000-0000"]) {
      expect(visible(await verify(token, text))).toEqual(visible(right));
    }
  });

  it("is the same for a right and for a wrong code once the session is used up", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    await guess(account, 5, token);
    advance(60);
    const right = await verify(token, await code(account.secret));
    expectTooMany(right, 1);
    for (const text of [await wrongCode(account.secret), account.backupCodes[0], "0000-0000"]) {
      expect(visible(await verify(token, text))).toEqual(visible(right));
    }
  });
});
