import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import documented from "../../docs/audit-events.md?raw";
import { createReadyAccount, fullToken, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, pendingCookieName } from "../support/cookies.ts";
import { failAlways } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mintSessionToken, mockOrigin, pageLoad, visit } from "../support/gate.ts";
import { collectLogLines, parseLines } from "../support/log-lines.ts";
import { listEvents, listEveryEvent, listSessionRows, query } from "../support/rows.ts";
import { firstFactorOnly } from "../support/session-token.ts";
import {
  type Answer,
  type CallOptions,
  Client,
  code,
  createAccount,
  type EnrolledAccount,
  environment,
  pendingToken,
  wrongCode,
} from "../support/worker.ts";

let lines: string[] = [];

useFreshWorker();
beforeEach(() => {
  lines = collectLogLines();
});

/** Who, and with what in hand. */
interface Scene {
  readonly account: EnrolledAccount;
  readonly pending: string;
  readonly full: string;
}

const options = { address: "203.0.113.7", headers: { "User-Agent": "Firefox" } } satisfies CallOptions;
const client = new Client();

const form = (path: string, fields: Record<string, string>, cookies: Record<string, string> = {}) =>
  client.call(path, {
    method: "POST",
    body: String(new URLSearchParams(fields)),
    address: options.address,
    headers: {
      ...options.headers,
      "Content-Type": "application/x-www-form-urlencoded",
      ...browserHeaders(cookies),
    },
  });

const send = (path: string, body: object, { full }: Scene) =>
  client.post(path, body, { ...options, token: full });

const attemptTypes = [
  "first_factor.accepted",
  "first_factor.refused",
  "second_factor.accepted",
  "second_factor.refused",
  "second_factor.replayed",
];

type Attempt = readonly [
  what: string,
  attempt: (scene: Scene) => Promise<Answer>,
  type: string,
  method: "password" | "totp" | "backup_code",
];

const right = ({ account }: Scene) => code(account.secret);
const wrong = ({ account }: Scene) => wrongCode(account.secret);

const attempts: readonly Attempt[] = [
  ["a right password", ({ account }) => client.login(account, options), "first_factor.accepted", "password"],
  [
    "a wrong password",
    ({ account: { username } }) => client.login({ username, password: "wrong-password" }, options),
    "first_factor.refused",
    "password",
  ],
  [
    "a password on the page",
    ({ account: { username, password } }) => form("/sign-in", { username, password }),
    "first_factor.accepted",
    "password",
  ],
  [
    "a wrong password on the page",
    ({ account: { username } }) => form("/sign-in", { username, password: "wrong-password" }),
    "first_factor.refused",
    "password",
  ],
  [
    "the right password of a disabled account",
    async ({ account }) => {
      await query("UPDATE users SET disabled_at = ? WHERE id = ?", Date.now(), account.id);
      return client.login(account, options);
    },
    "first_factor.refused",
    "password",
  ],
  [
    "a right code",
    async (scene) => verify(scene.pending, await right(scene), options),
    "second_factor.accepted",
    "totp",
  ],
  [
    "a wrong code",
    async (scene) => verify(scene.pending, await wrong(scene), options),
    "second_factor.refused",
    "totp",
  ],
  [
    "a code that is spent",
    async (scene) => verify(scene.pending, await code(scene.account.secret, -1), options),
    "second_factor.replayed",
    "totp",
  ],
  [
    "a wrong code on the page",
    async (scene) =>
      form("/second-factor", { code: await wrong(scene) }, { [pendingCookieName]: scene.pending }),
    "second_factor.refused",
    "totp",
  ],
  [
    "a right code on the page",
    async (scene) =>
      form("/second-factor", { code: await right(scene) }, { [pendingCookieName]: scene.pending }),
    "second_factor.accepted",
    "totp",
  ],
  [
    "a backup code",
    ({ pending, account }) => verify(pending, account.backupCodes[0], options),
    "second_factor.accepted",
    "backup_code",
  ],
  [
    "a wrong backup code",
    ({ pending }) => verify(pending, "ZZZZ-ZZZZ", options),
    "second_factor.refused",
    "backup_code",
  ],
  [
    "a backup code that is spent",
    async ({ pending, account, full }) => {
      await client.post("/step-up", { code: account.backupCodes[0] }, { token: full });
      return verify(pending, account.backupCodes[0], options);
    },
    "second_factor.replayed",
    "backup_code",
  ],
  [
    "a right code for a step-up",
    async (scene) => send("/step-up", { code: await right(scene) }, scene),
    "second_factor.accepted",
    "totp",
  ],
  [
    "a wrong code for a step-up",
    async (scene) => send("/step-up", { code: await wrong(scene) }, scene),
    "second_factor.refused",
    "totp",
  ],
  [
    "a right code for new backup codes",
    async (scene) => send("/backup-codes", { code: await right(scene) }, scene),
    "second_factor.accepted",
    "totp",
  ],
  [
    "a wrong code for a set-up",
    async (scene) => {
      await client.post("/totp/setup", {}, { token: scene.full });
      return send("/totp/enable", { code: await wrong(scene) }, scene);
    },
    "second_factor.refused",
    "totp",
  ],
  [
    "a right code for a set-up",
    async (scene) => {
      const setup = await client.post("/totp/setup", {}, { token: scene.full });
      return send("/totp/enable", { code: await code(setup.json.data.secret) }, scene);
    },
    "second_factor.accepted",
    "totp",
  ],
  [
    "a wrong password for switching it off",
    async (scene) => send("/totp/disable", { code: await right(scene), password: "wrong-password" }, scene),
    "first_factor.refused",
    "password",
  ],
  [
    "a wrong code for switching it off",
    async (scene) =>
      send("/totp/disable", { code: await wrong(scene), password: scene.account.password }, scene),
    "second_factor.refused",
    "totp",
  ],
  [
    "both factors for switching it off",
    async (scene) =>
      send("/totp/disable", { code: await right(scene), password: scene.account.password }, scene),
    "second_factor.accepted",
    "totp",
  ],
];

describe("an attempt", () => {
  it.each(attempts)(
    "LG-01 LG-02 is one event, with every field of it: %s",
    async (_what, attempt, type, method) => {
      const account = await createReadyAccount();
      const full = await fullToken(account);
      const pending = await pendingToken(account, client, options);
      const before = new Set((await listEveryEvent()).map(({ id }) => id));
      const answer = await attempt({ account, pending, full });
      const fresh = (await listEvents(...attemptTypes)).filter(({ id }) => !before.has(id));
      const requestId = answer.headers.get("X-Request-Id");
      expect(fresh.filter(({ request_id }) => request_id === requestId)).toMatchObject([
        {
          at: Date.now(),
          type,
          realm: "local",
          user_id: account.id,
          // A wrong password at sign-in has no session, and one within a session has.
          ...(type === "first_factor.refused" ? {} : { session_id: expect.any(String) }),
          client_address: options.address,
          user_agent: "Firefox",
          detail: JSON.stringify({ method }),
        },
      ]);
    },
  );

  it("LG-01 is one event without an account and without the name, for an unknown name", async () => {
    const answer = await client.login({ username: "nobody-here", password: "wrong-password" }, options);
    expect(await listEveryEvent()).toEqual([
      {
        id: expect.any(String),
        at: Date.now(),
        type: "first_factor.refused",
        realm: "local",
        user_id: null,
        session_id: null,
        client_address: options.address,
        user_agent: "Firefox",
        request_id: answer.headers.get("X-Request-Id"),
        actor: null,
        detail: '{"method":"password"}',
      },
    ]);
  });

  it("LG-01 leaves a line of the log with its reason, and no event, when it is refused without being looked at", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const before = (await listEveryEvent()).length;
    lines.length = 0;
    await query("UPDATE users SET second_factor_blocked_until = ?", Date.now() + 1000);
    const blocked = await verify(token, await code(account.secret));
    await query("UPDATE users SET second_factor_blocked_until = NULL, second_factor_failures = 100");
    const disabled = await verify(token, await code(account.secret));
    const limiter = { limit: async () => ({ success: false }) };
    const limited = await new Client(environment({ SIGN_IN_LIMITER: limiter })).login(account);
    // The same on a page, where it is shown in the form.
    const shown = await form("/second-factor", { code: "123456" }, { [pendingCookieName]: token });
    expect(shown.headers.get("Content-Type")).toContain("text/html");
    expect(parseLines(lines)).toMatchObject([
      {
        event: "request.refused",
        status: 429,
        reason: "too_many_attempts",
        request_id: blocked.json.request_id,
      },
      {
        event: "request.refused",
        status: 403,
        reason: "second_factor_disabled",
        request_id: disabled.json.request_id,
      },
      {
        event: "request.refused",
        status: 429,
        reason: "too_many_attempts",
        request_id: limited.json.request_id,
      },
      {
        event: "request.refused",
        status: 403,
        reason: "second_factor_disabled",
        request_id: shown.headers.get("X-Request-Id"),
      },
    ]);
    expect(await listEveryEvent()).toHaveLength(before);
  });

  it.each([
    ["line breaks", 'ada\r\n{"event":"forged"}'],
    ["ANSI colours", "\u001b[31mada\u001b[0m\u0007"],
    ["separators of lines", "ada\u2028\u2029\u0085"],
    ["a turned direction", "\u202eada"],
  ])("LG-04 is one line and no event, when the name is none, for it has %s", async (_what, username) => {
    lines.length = 0;
    const answer = await client.login({ username, password: "wrong-password" }, options);
    expect(answer.status).toBe(422);
    expect(lines).toHaveLength(1);
    expect(parseLines(lines)).toMatchObject([{ event: "request.refused", reason: "invalid_format" }]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect(lines.join("")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]|forged|31m/);
    expect(await listEveryEvent()).toEqual([]);
    const user = await client.post("/v1/users", { username }, { token: env.ADMIN_KEY });
    expect(user.status).toBe(422);
  });

  it("LG-04 is one event, whatever the client calls itself, and no line has it", async () => {
    const agent = '\u001b[31mred\u001b[0m\t"}, {"event":"forged"} \u0001';
    lines.length = 0;
    await client.login({ username: "ada", password: "wrong-password" }, { headers: { "User-Agent": agent } });
    const events = await listEveryEvent();
    expect(events).toHaveLength(1);
    expect(events[0]?.user_agent).toBe(agent);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain("forged");
  });
});

describe("the record", () => {
  /** The queries that the docs tell operators to ask with. */
  const [halfSignIns = "", lateSuccesses = ""] = [...documented.matchAll(/```sql\n(.*?)```/gs)].map(
    ([, sql = ""]) => sql,
  );

  it("LG-06 shows sign-ins with the password and without the second factor", async () => {
    const account = await createReadyAccount();
    const other = await createReadyAccount("bob");
    const token = await pendingToken(account);
    for (const variant of [0, 1]) await verify(token, await wrongCode(account.secret, variant));
    await verify(await pendingToken(other), await code(other.secret));
    await client.login({ ...account, password: "wrong-password" });
    expect(await query(halfSignIns)).toEqual([{ user_id: account.id, failures: 2 }]);
  });

  it.each(["first_factor", "second_factor"])(
    "LG-06 shows a success after many failures, and how many: %s",
    async (factor) => {
      const account = await createReadyAccount();
      for (let i = 0; i < 4; i++) await client.login({ ...account, password: "wrong-password" });
      const token = await pendingToken(account);
      for (let variant = 0; variant < 4; variant++)
        await verify(token, await wrongCode(account.secret, variant));
      expect((await verify(token, await code(account.secret))).status).toBe(200);
      advance(30);
      await verify(await pendingToken(account), await code(account.secret));
      const successes = await query(lateSuccesses.replaceAll("first_factor", factor));
      const user_id = account.id;
      expect(successes).toEqual([
        { user_id, at: Date.now() - 30_000, failures: 4 },
        { user_id, at: Date.now(), failures: 0 },
      ]);
    },
  );

  it("LG-07 has each denied action", async () => {
    const account = await createReadyAccount();
    const other = await createReadyAccount("bob");
    const [full, pending] = [await fullToken(account), await pendingToken(account)];
    await fullToken(other);
    const theirs = (await listSessionRows("full")).find(({ user_id }) => user_id === other.id)?.id;
    advance(400);
    mockOrigin();
    const upgrade = { Upgrade: "websocket", Origin: "https://evil.example" };
    lines.length = 0;
    const fresh = await mintSessionToken();
    const bare = await mintSessionToken(firstFactorOnly);
    await client.call("/session", { token: pending });
    await client.call("/session", { token: `${full.slice(0, -5)}AAAAA` });
    await client.call(`/sessions/${theirs}`, { method: "DELETE", token: full });
    await client.post("/totp/setup", {}, { token: full });
    await client.post("/v1/users", { username: "eve" }, { token: "x".repeat(43) });
    await client.post("/logout", {}, { token: full, headers: { Origin: "https://evil.example" } });
    await visit(gated(), "/private", { session: bare });
    await visit(gated(), "/private%00", { session: fresh });
    await visit(gated(), "/socket", { session: fresh, headers: upgrade });
    expect(parseLines(lines).map(({ event, status, reason }) => [event, status, reason])).toEqual([
      ["request.refused", 401, "unauthenticated"],
      ["request.refused", 401, "unauthenticated"],
      ["request.refused", 404, "no_such_session"],
      ["request.refused", 403, "step_up_required"],
      ["request.refused", 401, "invalid_api_key"],
      ["request.refused", 403, "cross_origin"],
      ["request.refused", 401, "second_factor_required"],
      ["request.refused", 400, "malformed_request"],
      ["request.refused", 403, "cross_origin"],
    ]);
  });

  it("LG-07 has internal errors, with the error and without data of the account", async () => {
    const account = await createAccount();
    lines.length = 0;
    const answers = [
      await new Client(environment({ DB: failAlways(env.DB) })).login(account),
      await new Client(environment({ DB: {} })).login(account),
    ];
    expect(answers.map(({ status }) => status)).toEqual([503, 500]);
    const failures = parseLines(lines).filter(({ event }) => event !== "request.refused");
    expect(failures).toMatchObject([
      {
        level: "error",
        event: "store_unavailable",
        request_id: answers[0]?.json.request_id,
        error: expect.stringContaining("D1_ERROR"),
        stack: expect.stringContaining("at "),
      },
      {
        level: "error",
        event: "internal_error",
        request_id: answers[1]?.json.request_id,
        error: expect.stringContaining("TypeError"),
        stack: expect.stringContaining("at "),
      },
    ]);
  });

  it("LG-07 has a sealed field that does not open, in the log and among the events", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account, client, options);
    await query("UPDATE users SET totp_secret = backup_codes");
    lines.length = 0;
    const answer = await verify(token, await code(account.secret), options);
    const request_id = answer.json.request_id;
    expect(parseLines(lines)).toMatchObject([
      { level: "error", event: "integrity.failed", user_id: account.id, column: "totp_secret", request_id },
      { level: "error", event: "request.refused", status: 503, reason: "field_unreadable", request_id },
    ]);
    expect(await listEvents("integrity.failed")).toMatchObject([
      { user_id: account.id, client_address: options.address, user_agent: "Firefox", request_id },
    ]);
  });

  it("LG-07 has no line for a redirect to sign-in", async () => {
    mockOrigin();
    lines.length = 0;
    expect((await visit(gated(), "/private", { headers: pageLoad })).status).toBe(303);
    expect(lines).toEqual([]);
  });
});
