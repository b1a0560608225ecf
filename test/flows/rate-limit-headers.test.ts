import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, signInWith, verify, visible } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import {
  browserHeaders,
  deviceCookieName,
  pendingCookieName,
  sessionCookieName,
} from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { query } from "../support/rows.ts";
import { counterKey, deviceOf, home, setCounter } from "../support/throttles.ts";
import {
  type Account,
  type Answer,
  type CallOptions,
  Client,
  code,
  createAccount,
  type EnrolledAccount,
  pendingToken,
  wrongCode,
} from "../support/worker.ts";

useFreshWorker();

interface Item {
  readonly name: string;
  readonly parameters: Readonly<Record<string, number>>;
}

/**
 * Reads a List of Strings with Integer parameters (RFC 9651 3.1, 3.1.2, 3.3), which is all that the draft's two fields
 * need where there are no partition keys.
 */
function parseItems(field: string | null): Item[] | null {
  if (field === null) return null;
  return field.split(/, */).map((member) => {
    const match = /^"([\x20-\x21\x23-\x5b\x5d-\x7e]+)"((?:;[a-z*][a-z0-9_.*-]*=-?\d{1,15})*)$/.exec(member);
    if (match === null) throw new Error(`No structured field: ${field}`);
    const [, name = "", rest = ""] = match;
    const pairs = rest.split(";").slice(1);
    return {
      name,
      parameters: Object.fromEntries(pairs.map((pair) => [pair.split("=")[0], Number(pair.split("=")[1])])),
    };
  });
}

const limitsOf = ({ headers }: Pick<Answer, "headers">) => ({
  policy: parseItems(headers.get("RateLimit-Policy")),
  rest: parseItems(headers.get("RateLimit")),
  retryAfter: headers.get("Retry-After"),
});

const firstFactor = [{ name: "first-factor", parameters: { q: 10, w: 900 } }];
const secondFactor = [{ name: "second-factor", parameters: { q: 5 } }];
const setup = [{ name: "setup", parameters: { q: 10, w: 900 } }];

/** Nothing is left for so many seconds, and every field says so. */
function expectExhausted(answer: Answer, policy: readonly Item[], seconds: number): void {
  expect([answer.status, limitsOf(answer)]).toEqual([
    429,
    {
      policy,
      rest: [{ name: policy[0]?.name, parameters: { r: 0, t: seconds } }],
      retryAfter: String(seconds),
    },
  ]);
}

const form = (fields: Record<string, string>, cookies: Record<string, string> = {}): CallOptions => ({
  method: "POST",
  body: String(new URLSearchParams(fields)),
  address: home,
  headers: { ...browserHeaders(cookies), "Content-Type": "application/x-www-form-urlencoded" },
});

const wrongLogin = ({ username }: Pick<Account, "username">, options: CallOptions = { address: home }) =>
  new Client().login({ username, password: "wrong password" }, options);

const setFailures = (id: string, failures: number) =>
  query("UPDATE users SET second_factor_failures = ? WHERE id = ?", failures, id);

/** Five wrong codes: the first cool-down. */
async function coolDown({ secret }: EnrolledAccount, token: string): Promise<void> {
  for (let i = 0; i < 5; i++) expect((await verify(token, await wrongCode(secret, i))).status).toBe(401);
}

describe("TH-08 a 429 says which limit, that nothing is left, and for how long", () => {
  it.each(["network_account", "network", "account"] as const)(
    "of passwords, the same whichever counter it was: here %s",
    async (scope) => {
      const account = await createAccount();
      const last = { network_account: 9, network: 29, account: 99 }[scope];
      await setCounter(await counterKey(scope), last);
      await wrongLogin(account);
      advance(100);
      expectExhausted(await new Client().login(account, { address: home }), firstFactor, 800);
      const { username, password } = account;
      expectExhausted(await new Client().call("/sign-in", form({ username, password })), firstFactor, 800);
      advance(799);
      expectExhausted(await new Client().login(account, { address: home }), firstFactor, 1);
      advance(1);
      expect((await new Client().login(account, { address: home })).status).toBe(200);
    },
  );

  it("of passwords on a known device, with the same words", async () => {
    const account = await createAccount();
    const device = await deviceOf(account.username);
    const options = { address: home, headers: browserHeaders({ [deviceCookieName]: device }) };
    await setCounter(await counterKey("account_device", { device }), 9);
    await wrongLogin(account, options);
    expectExhausted(await new Client().login(account, options), firstFactor, 900);
    advance(900);
    expect((await new Client().login(account, options)).status).toBe(200);
  });

  it("of passwords within a session", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await setCounter(await counterKey("network_account"), 9);
    const body = { code: await code(account.secret), password: account.password };
    const options = { token, address: home };
    await new Client().post("/totp/disable", { ...body, password: "wrong password" }, options);
    expectExhausted(await new Client().post("/totp/disable", body, options), firstFactor, 900);
    const page = form(body, { [sessionCookieName]: token });
    expectExhausted(await new Client().call("/account/two-factor/disable", page), firstFactor, 900);
  });

  it("of codes, in a cool-down: on the API and on the page", async () => {
    const account = await createReadyAccount();
    const [first, second] = [await pendingToken(account), await pendingToken(account)];
    await coolDown(account, first);
    advance(20);
    expectExhausted(await verify(second, await code(account.secret)), secondFactor, 40);
    const page = () =>
      code(account.secret).then((text) => form({ code: text }, { [pendingCookieName]: second }));
    expectExhausted(await new Client().call("/second-factor", await page()), secondFactor, 40);
    advance(39);
    expectExhausted(await verify(second, await code(account.secret)), secondFactor, 1);
    advance(1);
    expect((await new Client().call("/second-factor", await page())).status).toBe(303);
  });

  it("of codes, in the longest cool-down", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    await setFailures(account.id, 94);
    await verify(token, await wrongCode(account.secret));
    expectExhausted(await verify(token, await code(account.secret)), secondFactor, 3600);
    advance(3599);
    expectExhausted(await signInWith(account, await code(account.secret)), secondFactor, 1);
    advance(1);
    expect((await signInWith(account, await code(account.secret))).status).toBe(200);
  });

  it("of a sign-in that has had its attempts, and that a new one helps and waiting doesn't", async () => {
    const account = await createReadyAccount();
    const spent = await code(account.secret);
    await signInWith(account, spent);
    const token = await pendingToken(account);
    for (let i = 0; i < 5; i++) expect((await verify(token, spent)).status).toBe(401);
    const right = await code(account.secret, 1);
    for (const waited of [0, 1, 60]) {
      advance(waited);
      const answer = await verify(token, right);
      expectExhausted(answer, secondFactor, 1);
      expect(answer.json).toMatchObject({
        code: "too_many_attempts",
        start_over: true,
        detail: expect.stringContaining("Sign in again"),
      });
    }
    expect((await signInWith(account, await code(account.secret))).status).toBe(200);
  });

  it("but not to start over where waiting helps", async () => {
    const account = await createReadyAccount();
    const [first, second] = [await pendingToken(account), await pendingToken(account)];
    await coolDown(account, first);
    const answer = await verify(second, await code(account.secret));
    expect(answer.json).not.toHaveProperty("start_over");
    expect(answer.json.detail).toBe("Wait before you try again.");
  });

  it("of enrolments, on the API and on the page", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    for (let i = 0; i < 10; i++) await new Client().post("/totp/setup", {}, { token });
    advance(1);
    expectExhausted(await new Client().post("/totp/setup", {}, { token }), setup, 899);
    const page = form({ step: "start" }, { [sessionCookieName]: token });
    const answer = await new Client().call("/account/two-factor", page);
    expectExhausted(answer, setup, 899);
    expect(answer.text).toContain("Try again in 899 seconds");
    advance(899);
    expect((await new Client().post("/totp/setup", {}, { token })).status).toBe(200);
  });
});

describe("TH-08 what is left is said", () => {
  it("of enrolments, to the account's own session", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    const seen: unknown[] = [];
    for (let i = 0; i < 10; i++) {
      const answer = await new Client().post("/totp/setup", {}, { token });
      expect([answer.status, limitsOf(answer).policy, limitsOf(answer).retryAfter]).toEqual([
        200,
        setup,
        null,
      ]);
      seen.push(limitsOf(answer).rest?.[0]?.parameters);
      advance(10);
    }
    const window = [900, 890, 880, 870, 860, 850, 840, 830, 820];
    // The tenth is the last, and the block that it begins is what the next one would meet.
    expect(seen).toEqual([...window.map((t, i) => ({ r: 9 - i, t })), { r: 0, t: 900 }]);
  });
});

describe("TH-10 what is left is not said", () => {
  it("of passwords, where it would reveal other clients' attempts", async () => {
    const account = await createAccount();
    await setCounter(await counterKey("network_account", { address: "198.51.100.1" }), 7);
    await setCounter(await counterKey("account"), 97);
    const answers = [
      await wrongLogin(account, { address: home }),
      await wrongLogin(account, { address: "198.51.100.1" }),
      await wrongLogin({ username: "nobody" }, { address: "198.51.100.2" }),
    ];
    for (const answer of answers) {
      expect([answer.status, limitsOf(answer)]).toEqual([
        401,
        { policy: firstFactor, rest: null, retryAfter: null },
      ]);
      expect(visible(answer)).toEqual(visible(answers[0] as Answer));
    }
  });

  it("of codes, where it would tell a right one that is spent from a wrong one", async () => {
    const account = await createReadyAccount();
    const spent = await code(account.secret);
    await signInWith(account, spent);
    const token = await pendingToken(account);
    const [replayed, wrong] = [
      await verify(token, spent),
      await verify(token, await wrongCode(account.secret)),
    ];
    expect([wrong.status, limitsOf(wrong)]).toEqual([
      401,
      { policy: secondFactor, rest: null, retryAfter: null },
    ]);
    expect(visible(replayed)).toEqual(visible(wrong));
  });

  it("where there is nothing to wait for, or nothing is limited", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await setFailures(account.id, 100);
    const disabled = await new Client().post("/step-up", { code: await code(account.secret) }, { token });
    const answers = [
      disabled,
      await new Client().call("/session", { token }),
      await new Client().call("/session"),
      await new Client().post("/login", { username: "ada" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 200, 401, 422]);
    for (const answer of answers)
      expect(limitsOf(answer)).toEqual({ policy: null, rest: null, retryAfter: null });
    expect(await query("SELECT * FROM throttles")).toEqual([]);
  });
});
