import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, signInWith, verify, visible } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { countEvaluated, listEvents, listSessionRows, readUser } from "../support/rows.ts";
import {
  type Answer,
  Client,
  code,
  codeOfStep,
  createAccount,
  type EnrolledAccount,
  pendingToken,
  wrongCode,
} from "../support/worker.ts";

useFreshWorker();

function expectInvalidCode(answer: Answer): void {
  expect(answer.status).toBe(401);
  expect(answer.json.code).toBe("invalid_code");
}

describe("the window of a TOTP code", () => {
  it.each([-1, 0, 1])("OTP-08 accepts the code of step %i from the current one", async (k) => {
    const account = await createReadyAccount();
    const answer = await signInWith(account, await code(account.secret, k));
    expect(answer.json).toMatchObject({ status: "success", data: { method: "totp" } });
  });

  it.each([-2, 2])("OTP-08 refuses the code of step %i from the current one", async (k) => {
    const account = await createReadyAccount();
    expectInvalidCode(await signInWith(account, await code(account.secret, k)));
    expect(await countEvaluated()).toEqual({ accepted: 0, refused: 1, replayed: 0 });
  });

  it.each([
    ["behind", -1],
    ["ahead", 1],
  ])(
    "OTP-14 accepts a token that is one step %s again and again, and never learns a drift",
    async (_, drift) => {
      const account = await createReadyAccount();
      for (let day = 0; day < 4; day++) {
        const answer = await signInWith(account, await code(account.secret, drift));
        expect(answer.status).toBe(200);
        advance(24 * 3600);
      }
      // A server that had followed the drift would take this one for the next.
      expectInvalidCode(await signInWith(account, await code(account.secret, 2 * drift)));
    },
  );

  it("OTP-13 takes the time from itself, whatever a request says that it is", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const later = new Date(Date.now() + 300_000);
    const headers = {
      Date: later.toUTCString(),
      "X-Time": String(later.getTime()),
      "X-Request-Time": later.toISOString(),
    };
    expectInvalidCode(await verify(token, await code(account.secret, 10), { headers }));
    for (const name of ["time", "timestamp", "now", "step"]) {
      const body = { session_token: token, code: await code(account.secret, 10), [name]: later.getTime() };
      expect(await new Client().post("/totp/verify", body)).toMatchObject({ status: 400 });
    }
    expect((await verify(token, await code(account.secret), { headers })).status).toBe(200);
  });
});

describe("the form of a code", () => {
  /** Moves the clock until the current code begins with a zero: one step in ten. */
  async function leadingZeroCode(secret: string): Promise<string> {
    for (;;) {
      const text = await code(secret);
      if (text.startsWith("0")) return text;
      advance(30);
    }
  }

  it("OTP-03 keeps the zeros at the front of a code, at enrolment and at sign-in", async () => {
    const account = await createAccount();
    const client = new Client();
    const token = (await client.login(account)).json.session_token;
    // A secret waits for ten minutes, that may be too short for one of its codes to have a zero at its front, and only so many
    // secrets are handed out.
    let [secret, first] = ["", ""];
    for (let step = 0; !first.startsWith("0"); step += 1) {
      if (step > 0) advance(30);
      if (step % 18 === 0) ({ secret } = (await client.post("/totp/setup", {}, { token })).json.data);
      first = await code(secret);
    }
    expect((await client.post("/totp/enable", { code: first }, { token })).status).toBe(200);
    advance(30);

    const second = await leadingZeroCode(secret);
    const pending = await pendingToken(account);
    for (const shortened of [second.replace(/^0+/, ""), Number(second)]) {
      expect((await verify(pending, shortened)).status).toBe(422);
    }
    expect((await verify(pending, second)).status).toBe(200);
  });

  it.each([
    ["spaces in the middle", (text: string) => `${text.slice(0, 3)} ${text.slice(3)}`],
    ["spaces around", (text: string) => `  ${text}\t`],
    ["hyphens", (text: string) => text.split("").join("-")],
    ["a no-break space", (text: string) => `${text.slice(0, 3)}\u00a0${text.slice(3)}`],
  ])("OTP-15 reads a code with %s", async (_, write) => {
    const account = await createReadyAccount();
    expect((await signInWith(account, write(await code(account.secret)))).status).toBe(200);
  });

  it("OTP-15 refuses whatever is not six ASCII digits, and counts no attempt for it", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const right = await code(account.secret);
    const arabic = [...right].map((digit) => String.fromCodePoint(0x660 + Number(digit))).join("");
    const fullWidth = [...right].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join("");
    const mathematical = [...right].map((digit) => String.fromCodePoint(0x1d7ce + Number(digit))).join("");
    const values: unknown[] = [
      "",
      " ",
      "12345",
      "1234567",
      "123456789",
      `${right}0`,
      `+${right}`,
      `${right}.`,
      `${right}\0`,
      `${right}%`,
      "0x1E240",
      "１２３４５６",
      "١٢٣٤٥٦",
      arabic,
      fullWidth,
      mathematical,
      "12345a",
      "12e4",
      "1e5",
      "true",
      "null",
      "'; DROP TABLE users; --",
      "7".repeat(10_240),
      " ".repeat(10_240) + right,
      Number(right),
      123456,
      0,
      -1,
      1.5,
      true,
      null,
      [],
      [right],
      [..."123456"],
      {},
      { code: right },
      { toString: right },
    ];
    for (const value of values) {
      const answer = await verify(token, value);
      expect([value, answer.status]).toEqual([value, 422]);
      expect(answer.json.code).toBe("invalid_format");
      // What was sent is not sent back.
      expect(answer.text).not.toContain(right);
    }
    expect(await countEvaluated()).toEqual({ accepted: 0, refused: 0, replayed: 0 });
    const [pending] = await listSessionRows("pending");
    expect(pending?.attempts).toBe(0);
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
    expect((await verify(token, right)).status).toBe(200);
  });
});

describe("a TOTP code that has been accepted", () => {
  it("OTP-09 is refused in a new session, from another address, and in the session that it opened", async () => {
    const account = await createReadyAccount();
    const text = await code(account.secret);
    const token = await pendingToken(account);
    expect((await verify(token, text)).status).toBe(200);

    expectInvalidCode(await signInWith(account, text));
    expectInvalidCode(await signInWith(account, text, { address: "203.0.113.99" }));
    expect((await verify(token, text)).json.code).toBe("session_expired");
    // It stays in the window for another step.
    advance(30);
    expectInvalidCode(await signInWith(account, text));
    expect(await listSessionRows("full")).toHaveLength(1);
  });

  it("OTP-09 is refused for an account whose other pending session was there before", async () => {
    const account = await createReadyAccount();
    const [first, second] = [await pendingToken(account), await pendingToken(account)];
    const text = await code(account.secret);
    expect((await verify(first, text)).status).toBe(200);
    expectInvalidCode(await verify(second, text));
  });

  it("OTP-10 takes every earlier step with it, though its code was never used", async () => {
    const account = await createReadyAccount();
    const [earlier, current, next] = await Promise.all([-1, 0, 1].map((k) => code(account.secret, k)));
    expect((await signInWith(account, current)).status).toBe(200);
    expectInvalidCode(await signInWith(account, earlier));
    expectInvalidCode(await signInWith(account, current));
    expect((await signInWith(account, next)).status).toBe(200);
    expectInvalidCode(await signInWith(account, current));
  });

  it("OTP-12 is not good for signing in when it has confirmed the enrolment", async () => {
    const account = await createAccount();
    const client = new Client();
    const token = (await client.login(account)).json.session_token;
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const text = await code(secret);
    expect((await client.post("/totp/enable", { code: text }, { token })).status).toBe(200);

    expectInvalidCode(await signInWith(account, text));
    for (const [path, body] of [
      ["/step-up", { code: text }],
      ["/backup-codes", { code: text }],
      ["/totp/disable", { code: text, password: account.password }],
    ] as const) {
      expectInvalidCode(await client.post(path, body, { token }));
    }
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
    expect((await signInWith(account, await code(secret, 1))).status).toBe(200);
  });

  it("OTP-10 confirms no new secret when its step is spent already: steps are the account's", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    const confirm = async (k: number) =>
      new Client().post("/totp/enable", { code: await code(secret, k) }, { token });
    const before = await readUser(account.id);
    expectInvalidCode(await confirm(-1));
    expect(await readUser(account.id)).toEqual(before);
    expect((await confirm(0)).status).toBe(200);
  });

  it("OTP-17 is told from a wrong one in the record, and not in the answer", async () => {
    const account = await createReadyAccount();
    const text = await code(account.secret);
    await signInWith(account, text);
    const [first, second] = [await pendingToken(account), await pendingToken(account)];
    const replayed = await verify(first, text);
    const wrong = await verify(second, await wrongCode(account.secret));
    expect(visible(replayed)).toEqual(visible(wrong));

    const [replay] = await listEvents("second_factor.replayed");
    expect(replay).toMatchObject({ user_id: account.id, detail: JSON.stringify({ method: "totp" }) });
    expect(await countEvaluated()).toEqual({ accepted: 1, refused: 1, replayed: 1 });
  });

  type Path = "/totp/verify" | "/step-up" | "/backup-codes" | "/totp/disable" | "/totp/enable";

  /** Uses the code of this step on one path. Enabling takes the code of the secret that is being set up. */
  async function useStep(path: Path, account: EnrolledAccount, token: string, step: number): Promise<Answer> {
    const client = new Client();
    const text = await codeOfStep(account.secret, step);
    switch (path) {
      case "/totp/verify":
        return signInWith(account, text);
      case "/totp/enable": {
        const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
        return client.post(path, { code: await codeOfStep(secret, step) }, { token });
      }
      case "/totp/disable":
        return client.post(path, { code: text, password: account.password }, { token });
      default:
        return client.post(path, { code: text }, { token });
    }
  }

  const paths: readonly Path[] = [
    "/totp/verify",
    "/step-up",
    "/backup-codes",
    "/totp/disable",
    "/totp/enable",
  ];
  const pairs = paths.flatMap((first) => paths.map((second) => ({ first, second })));
  // What is off can't be used with the secret that it had; to set up anew it can.
  const sensible = pairs.filter(({ first, second }) =>
    first === "/totp/disable" ? second === "/totp/enable" : true,
  );

  it.each(sensible)(
    "OTP-09 accepts a step once an account: used on $first, refused on $second",
    async (pair) => {
      const account = await createReadyAccount();
      const token = await fullToken(account);
      const step = Math.floor(Date.now() / 30_000);
      const first = await useStep(pair.first, account, token, step);
      expect(first.status).toBe(200);
      const before = await readUser(account.id);

      const current = pair.first === "/totp/enable" ? await liveSecret(account, before.totp_secret) : account;
      const second = await useStep(pair.second, current, token, step);
      expectInvalidCode(second);
      const { totp_pending_secret, totp_pending_expires_at, ...after } = await readUser(account.id);
      expect(before).toMatchObject(after);
    },
  );

  /** Replacing the secret makes the test forget it, so it is opened as the Worker does. */
  async function liveSecret(account: EnrolledAccount, envelope: string | null): Promise<EnrolledAccount> {
    const { openField } = await import("../../src/core/crypto/envelope.ts");
    const { getConfig } = await import("../../src/runtime.ts");
    const { keyring } = getConfig(new Client().bindings);
    const place = { table: "users", column: "totp_secret", rowId: account.id };
    const opened = await openField(keyring, place, envelope ?? "");
    if (!opened.ok) throw new Error(opened.reason);
    return { ...account, secret: opened.text };
  }
});

describe("backup codes", () => {
  it("BC-01 work once each, in any session and from any address", async () => {
    const account = await createReadyAccount();
    const [first = "", second = ""] = account.backupCodes;
    expect((await signInWith(account, first)).json.data.method).toBe("backup_code");
    expectInvalidCode(await signInWith(account, first));
    expectInvalidCode(await signInWith(account, first, { address: "2001:db8::1" }));
    expect((await signInWith(account, second)).status).toBe(200);
    expect(await countEvaluated()).toMatchObject({ accepted: 2, refused: 0, replayed: 2 });
  });

  it("BC-01 are spent on every path", async () => {
    const account = await createReadyAccount();
    const [text = ""] = account.backupCodes;
    const token = await fullToken(account);
    const client = new Client();
    expect((await client.post("/step-up", { code: text }, { token })).json.data).toMatchObject({
      method: "backup_code",
      backup_codes_remaining: 9,
    });
    expectInvalidCode(await signInWith(account, text));
    expectInvalidCode(await client.post("/step-up", { code: text }, { token }));
    expectInvalidCode(await client.post("/backup-codes", { code: text }, { token }));
    const body = { code: text, password: account.password };
    expectInvalidCode(await client.post("/totp/disable", body, { token }));
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
  });

  it("BC-06 and TOTP codes share one budget", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const guesses = ["0000-0000", await wrongCode(account.secret), "ZZZZ-ZZZZ"];
    for (const guess of guesses) expectInvalidCode(await verify(token, guess));
    const second = await pendingToken(account);
    expectInvalidCode(await verify(second, "1111-1111"));
    expectInvalidCode(await verify(second, await wrongCode(account.secret, 1)));
    expect((await readUser(account.id)).second_factor_failures).toBe(5);
    for (const text of [account.backupCodes[0], await code(account.secret), "2222-2222"]) {
      expect((await verify(second, text)).status).toBe(429);
    }
  });

  it("BC-07 are all void at once when new ones are made, which is written down", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const made = await new Client().post("/backup-codes", { code: await code(account.secret) }, { token });
    const fresh: string[] = made.json.data.backup_codes;
    expect(new Set([...fresh, ...account.backupCodes]).size).toBe(20);
    expect(await listEvents("backup_codes.regenerated")).toMatchObject([{ user_id: account.id }]);
    for (const old of account.backupCodes) {
      expectInvalidCode(await signInWith(account, old));
      // Past the cool-downs that ten failures bring.
      advance(3600);
    }
    expect((await signInWith(account, fresh[0])).json.data.backup_codes_remaining).toBe(9);
  });

  it("BC-08 say how many are left, down to none, and TOTP goes on", async () => {
    const account = await createReadyAccount();
    for (const [index, text] of account.backupCodes.entries()) {
      const answer = await signInWith(account, text);
      expect(answer.json.data).toEqual({ method: "backup_code", backup_codes_remaining: 9 - index });
    }
    expectInvalidCode(await signInWith(account, account.backupCodes[9]));
    const answer = await signInWith(account, await code(account.secret));
    expect(answer.json.data).toEqual({ method: "totp", backup_codes_remaining: 0 });
    const { session_token: token } = answer.json;
    expect((await new Client().call("/totp", { token })).json.data.backup_codes_remaining).toBe(0);
  });

  it("BC-09 are shown once: by no later answer, only how many are left", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const client = new Client();
    const status = await client.call("/totp", { token });
    expect(status.json.data).toEqual({
      enabled: true,
      setup_at: expect.stringMatching(/^2030-01-07T12:00:10\.000Z$/),
      backup_codes_remaining: 10,
    });
    const answers = [status];
    for (const path of ["/session", "/sessions", "/account", "/account/two-factor", "/backup-codes"]) {
      answers.push(await client.call(path, { token }));
    }
    for (const text of account.backupCodes) {
      for (const answer of answers) {
        expect(answer.text).not.toContain(text);
        expect(answer.text).not.toContain(text.replace("-", ""));
      }
    }
  });

  it("BC-09 are made only for a session that shows a second factor", async () => {
    const account = await createReadyAccount();
    const pending = await pendingToken(account);
    const client = new Client();
    const body = { code: await code(account.secret) };
    expect((await client.post("/backup-codes", body, { token: pending })).status).toBe(401);
    expect((await client.post("/backup-codes", body)).status).toBe(401);
    const token = await fullToken(account);
    expect((await client.post("/backup-codes", {}, { token })).status).toBe(422);
    expect(await listEvents("backup_codes.regenerated")).toEqual([]);
  });

  /** Makes new codes until one of them has both digits that letters are taken for. */
  async function ambiguousCode(account: EnrolledAccount): Promise<string> {
    const token = await fullToken(account);
    let codes = account.backupCodes;
    for (;;) {
      const found = codes.find((text) => text.includes("0") && text.includes("1"));
      if (found !== undefined) return found;
      const body = { code: await code(account.secret) };
      codes = (await new Client().post("/backup-codes", body, { token })).json.data.backup_codes;
      advance(30);
    }
  }

  it.each([
    ["in lower case", (text: string) => text.toLowerCase()],
    ["without its hyphen", (text: string) => text.replace("-", "")],
    ["with spaces", (text: string) => ` ${text.replace("-", " ")} `],
    ["with hyphens everywhere", (text: string) => text.replace("-", "").split("").join("-")],
    ["with O and I for the digits", (text: string) => text.replaceAll("0", "O").replaceAll("1", "I")],
    ["with o and l for the digits", (text: string) => text.replaceAll("0", "o").replaceAll("1", "l")],
  ])("BC-10 are read %s", async (_, write) => {
    const account = await createReadyAccount();
    const text = await ambiguousCode(account);
    const written = write(text);
    expect(written).not.toBe(text);
    expect((await signInWith(account, written)).json.data.method).toBe("backup_code");
    expectInvalidCode(await signInWith(account, text));
  });

  it("BC-12 confirm no enrolment, neither old ones nor by their form", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const client = new Client();
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const before = await readUser(account.id);
    for (const text of [account.backupCodes[0], "0000-0000"]) {
      const answer = await client.post("/totp/enable", { code: text }, { token });
      expect(answer).toMatchObject({ status: 422, json: { code: "invalid_format" } });
    }
    expect(await readUser(account.id)).toEqual(before);
    expect((await client.post("/totp/enable", { code: await code(secret) }, { token })).status).toBe(200);
  });

  it("BC-12 of an enrolment that replaced another are the only ones that work", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const client = new Client();
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const enabled = await client.post("/totp/enable", { code: await code(secret) }, { token });
    expectInvalidCode(await signInWith(account, account.backupCodes[0]));
    const [fresh] = enabled.json.data.backup_codes;
    expect((await signInWith(account, fresh)).status).toBe(200);
  });
});
