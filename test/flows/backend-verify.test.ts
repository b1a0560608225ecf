import { env } from "cloudflare:workers";
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { receiptTypHeader } from "../../src/core/tokens/receipt.ts";
import {
  type Backend,
  createBackendUser,
  createRealm,
  type EnrolledBackendUser,
  enrol,
  enrolBackendUser,
  operator,
  userPath,
} from "../support/backend.ts";
import { Browser } from "../support/browser.ts";
import { advance } from "../support/clock.ts";
import { pendingCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { mintSessionToken } from "../support/gate.ts";
import { randomKey } from "../support/keyring.ts";
import { countEvaluated, listEvents, query, readUser } from "../support/rows.ts";
import { type Answer, Client, code, environment, pendingToken, wrongCode } from "../support/worker.ts";

useFreshWorker();

const start = (backend: Backend, text?: string): Promise<Answer> =>
  backend.post(`${userPath("42")}/totp`, text === undefined ? {} : { code: text });
const confirm = (backend: Backend, text: string): Promise<Answer> =>
  backend.post(`${userPath("42")}/totp/confirm`, { code: text });
const statusOf = async (backend: Backend) => (await backend.get(userPath("42"))).json.data;

/** Sends this many wrong codes, each of which is evaluated. */
async function fail(backend: Backend, user: EnrolledBackendUser, times: number): Promise<void> {
  for (let i = 0; i < times; i++)
    expect((await backend.verify(user.id, await wrongCode(user.secret, i))).status).toBe(401);
}

describe("checking a code for a backend", () => {
  it("OTP-08 OTP-09 OTP-10 takes a step either side, each once, and none before the last", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    advance(300);
    const outcomes: [number, number][] = [];
    for (const k of [-2, 2, -1, -1, 0, -1, 0, 1, 1, 0])
      outcomes.push([k, (await shop.verify("42", await code(secret, k))).status]);
    expect(outcomes).toEqual([
      [-2, 401],
      [2, 401],
      [-1, 200],
      [-1, 401],
      [0, 200],
      [-1, 401],
      [0, 401],
      [1, 200],
      [1, 401],
      [0, 401],
    ]);
    // What was right once has cost the account nothing.
    expect((await readUser("shop:42")).second_factor_failures).toBe(0);
    expect(await countEvaluated()).toMatchObject({ refused: 2, replayed: 5 });
  });

  it("BC-01 BC-08 BC-10 takes a backup code once, however it is written, and says how many are left", async () => {
    const shop = await createRealm();
    const { backupCodes } = await enrolBackendUser(shop);
    const [one = "", two = "", three = ""] = backupCodes;
    const spellings = [one, two.toLowerCase().replace("-", ""), ` ${three.replace("-", " ")} `];
    for (const [index, spelling] of spellings.entries()) {
      const { json } = await shop.verify("42", spelling);
      expect(json.data).toMatchObject({ method: "backup_code", backup_codes_remaining: 9 - index });
    }
    for (const spent of [one, two, three])
      expect(await shop.verify("42", spent)).toMatchObject({ status: 401, json: { code: "invalid_code" } });
    expect((await readUser("shop:42")).second_factor_failures).toBe(0);
  });

  it("OTP-17 answers to wrong and to spent codes alike, and writes down which it was", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    await shop.verify("42", await code(secret));
    const answers = [
      await shop.verify("42", await code(secret)),
      await shop.verify("42", await wrongCode(secret)),
    ];
    const told = answers.map(({ status, json: { request_id: _, ...rest } }) => ({ status, rest }));
    expect(told[0]).toEqual(told[1]);
    const types = ["second_factor.accepted", "second_factor.replayed", "second_factor.refused"];
    const written = await listEvents(...types);
    expect(written.slice(1).map(({ type }) => type)).toEqual(types);
  });

  it("LG-01 LG-02 records the backend, the user and the visitor's address", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const backend = { address: "192.0.2.1", headers: { "User-Agent": "shop/1.0" } };
    await shop.verify("42", await wrongCode(secret), { ip: "2001:db8::7" }, backend);
    await shop.verify("42", await code(secret), {}, backend);
    const { events } = (await shop.get("/v1/events?user=42&order=desc&limit=2")).json.data;
    const common = {
      user: "42",
      session: null,
      actor: shop.actor,
      user_agent: "shop/1.0",
      detail: { method: "totp" },
    };
    expect(events).toMatchObject([
      { type: "second_factor.accepted", client_address: "192.0.2.1", ...common },
      { type: "second_factor.refused", client_address: "2001:db8::7", ...common },
    ]);
  });

  it("BC-07 makes ten new backup codes for a code, and voids all old ones", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const regenerate = (text: string) => shop.post(`${userPath("42")}/backup-codes`, { code: text });
    expect((await regenerate(await wrongCode(user.secret))).status).toBe(401);
    const first = await regenerate(await code(user.secret));
    expect(first.json.data.backup_codes).toHaveLength(10);
    for (const old of user.backupCodes.slice(0, 3)) expect((await shop.verify("42", old)).status).toBe(401);
    // One of the new ones does for the next, and is void with the rest.
    const second = await regenerate(first.json.data.backup_codes[0]);
    expect((await shop.verify("42", first.json.data.backup_codes[1])).status).toBe(401);
    const codes: string[] = second.json.data.backup_codes;
    expect((await shop.verify("42", codes[9])).json.data.backup_codes_remaining).toBe(9);
    expect(new Set([...user.backupCodes, ...first.json.data.backup_codes, ...codes]).size).toBe(30);
    expect(await listEvents("backup_codes.regenerated")).toHaveLength(2);
  });

  it("is 409 without a second factor, and 403 for a disabled account, for every call with a code", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const calls = [
      (text: string) => shop.verify("42", text),
      (text: string) => shop.post(`${userPath("42")}/backup-codes`, { code: text }),
      (text: string) => start(shop, text),
    ];
    for (const call of calls)
      expect(await call("123456")).toMatchObject({ status: 409, json: { code: "not_enabled" } });
    const { secret } = await enrol(shop, "42");
    await shop.post(`${userPath("42")}/disable`);
    const closed = [...calls, (text: string) => confirm(shop, text), () => start(shop)];
    for (const call of closed)
      expect(await call(await code(secret))).toMatchObject({ status: 403, json: { code: "forbidden" } });
    await shop.post(`${userPath("42")}/enable`);
    expect((await shop.verify("42", await code(secret))).status).toBe(200);
  });

  it("CR-02 accepts nothing with another account's secret or backup codes", async () => {
    const shop = await createRealm("shop");
    const books = await createRealm("books");
    const user = await enrolBackendUser(shop, "42");
    await enrolBackendUser(books, "42");
    for (const column of ["totp_secret", "backup_codes"])
      await query(
        `UPDATE users SET ${column} = (SELECT ${column} FROM users WHERE realm = 'shop') WHERE realm = 'books'`,
      );
    for (const text of [await code(user.secret), user.backupCodes[0]]) {
      const answer = await books.verify("42", text);
      expect(answer).toMatchObject({ status: 503, json: { code: "store_unavailable" } });
    }
    expect(await listEvents("integrity.failed")).toHaveLength(2);
    expect((await shop.verify("42", await code(user.secret))).status).toBe(200);
  });
});

describe("the budget of an account, over the service API and the visitor's own calls", () => {
  /** A user of the realm in which people sign in with a password. */
  async function createVisitor() {
    const admin = operator();
    const password = "correct horse battery";
    const user = await enrolBackendUser(admin, "42", { username: "ada", password });
    const account = { id: user.storedId, username: "ada", password };
    return { admin, user, account, client: admin.client };
  }
  const signIn = (client: Client, token: string, text: unknown) =>
    client.post("/totp/verify", { session_token: token, code: text });

  it("TH-02 TH-03 INC-12 INC-15 three wrong codes at sign-in and two through a backend are one cool-down for all", async () => {
    const { admin, user, account, client } = await createVisitor();
    const token = await pendingToken(account, client);
    for (const i of [0, 1])
      expect((await signIn(client, token, await wrongCode(user.secret, i))).status).toBe(401);
    // The third one is typed into the page, by a browser that has the same sign-in going on.
    const browser = new Browser(client.bindings);
    browser.adopt({ [pendingCookieName]: token });
    const type = (text: string) => browser.post("/second-factor", { code: text, rd: "/" });
    expect((await type(await wrongCode(user.secret, 2))).status).toBe(401);
    await fail(admin, user, 2);

    const right = await code(user.secret);
    const refused = [await admin.verify("42", right), await signIn(client, token, right)];
    for (const { status, json, headers } of refused)
      expect([status, json.code, headers.get("Retry-After")]).toEqual([429, "too_many_attempts", "60"]);
    expect((await type(right)).status).toBe(429);
    expect((await admin.verify("42", await wrongCode(user.secret))).status).toBe(429);
    expect((await readUser(user.storedId)).second_factor_failures).toBe(5);
    advance(59);
    expect((await admin.verify("42", right)).headers.get("Retry-After")).toBe("1");
    advance(1);
    expect((await signIn(client, token, await code(user.secret))).status).toBe(200);
    expect((await readUser(user.storedId)).second_factor_failures).toBe(0);
  });

  it("TH-02 INC-12 four wrong codes through a backend leave a sign-in one, and each cool-down is twice as long", async () => {
    const { admin, user, account, client } = await createVisitor();
    await fail(admin, user, 4);
    const token = await pendingToken(account, client);
    expect((await signIn(client, token, await wrongCode(user.secret))).status).toBe(401);
    expect((await signIn(client, token, await code(user.secret))).headers.get("Retry-After")).toBe("60");
    for (const seconds of [60, 120, 240]) {
      expect((await admin.verify("42", await code(user.secret))).headers.get("Retry-After")).toBe(
        String(seconds),
      );
      advance(seconds);
      await fail(admin, user, 5);
    }
    expect((await admin.verify("42", await code(user.secret))).headers.get("Retry-After")).toBe("480");
  });

  it("OTP-09 a code that a backend has spent is refused at sign-in, and the reverse", async () => {
    const { admin, user, account, client } = await createVisitor();
    const first = await code(user.secret);
    expect((await admin.verify("42", first)).status).toBe(200);
    const token = await pendingToken(account, client);
    expect((await signIn(client, token, first)).status).toBe(401);
    expect((await signIn(client, token, user.backupCodes[0])).status).toBe(200);
    expect((await admin.verify("42", user.backupCodes[0])).status).toBe(401);
    expect((await admin.verify("42", user.backupCodes[1])).status).toBe(200);
    advance(30);
    const next = await code(user.secret);
    const another = await pendingToken(account, client);
    expect((await signIn(client, another, next)).status).toBe(200);
    expect((await admin.verify("42", next)).status).toBe(401);
    expect((await signIn(client, await pendingToken(account, client), user.backupCodes[1])).status).toBe(401);
  });

  it("TH-05 INC-13 a code that a backend accepts takes the failures back, and nothing less does", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await fail(shop, user, 4);
    await shop.put(userPath("42"), { email: "new@example.com" });
    await shop.post(`${userPath("42")}/disable`);
    await shop.post(`${userPath("42")}/enable`);
    await shop.delete(`${userPath("42")}/sessions`);
    expect((await readUser(user.storedId)).second_factor_failures).toBe(4);
    expect((await shop.verify("42", await code(user.secret))).status).toBe(200);
    await fail(shop, user, 4);
    expect((await shop.verify("42", user.backupCodes[0])).status).toBe(200);
  });

  it("BC-06 has one counter for TOTP and backup codes, and for every call that takes one", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const wrong = await wrongCode(user.secret);
    const statuses = [
      await shop.verify("42", wrong),
      await shop.verify("42", "0000-0000"),
      await shop.post(`${userPath("42")}/backup-codes`, { code: wrong }),
      await start(shop, wrong),
      await shop.verify("42", "ZZZZ-ZZZZ"),
      await shop.verify("42", user.backupCodes[0]),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  });

  it("TH-01 a hundred failures are the end, for right and wrong codes, until an unlock", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await query("UPDATE users SET second_factor_failures = 99");
    await fail(shop, user, 1);
    advance(3600);
    const refused = [
      await shop.verify("42", await code(user.secret)),
      await shop.verify("42", user.backupCodes[0]),
      await shop.verify("42", await wrongCode(user.secret)),
      await shop.post(`${userPath("42")}/backup-codes`, { code: await code(user.secret) }),
      await start(shop, await code(user.secret)),
    ];
    for (const { status, json, headers } of refused) {
      expect([status, json.code]).toEqual([403, "second_factor_disabled"]);
      expect(headers.get("Retry-After")).toBeNull();
    }
    expect(await statusOf(shop)).toMatchObject({ second_factor_disabled: true, totp_enabled: true });
    const unlocked = await shop.post(`${userPath("42")}/unlock`);
    expect(unlocked).toMatchObject({ status: 200, json: { data: { totp_enabled: true } } });
    expect((await shop.verify("42", await code(user.secret))).status).toBe(200);
    expect(await listEvents("second_factor.unlocked")).toMatchObject([
      { user_id: user.storedId, actor: shop.actor, detail: '{"failures":100}' },
    ]);
  });

  it("TH-01 a hundred failures are not got rid of by removing the second factor, but by a reset", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await query("UPDATE users SET second_factor_failures = 100");
    expect((await shop.delete(`${userPath("42")}/totp`)).status).toBe(200);
    expect(await statusOf(shop)).toMatchObject({ second_factor_disabled: true, totp_enabled: false });
    const { secret } = (await start(shop)).json.data;
    expect(await confirm(shop, await code(secret))).toMatchObject({
      status: 403,
      json: { code: "second_factor_disabled" },
    });
    await shop.post(`${userPath("42")}/reset`);
    advance(60);
    expect((await enrol(shop, "42")).secret).not.toBe(user.secret);
  });
});

describe("the receipt of a code", () => {
  const jwksOf = async (client: Client) =>
    (await client.call("/.well-known/jwks.json")).json as JSONWebKeySet;
  const checkReceipt = (receipt: string, jwks: JSONWebKeySet, audience = "shop") =>
    jwtVerify(receipt, createLocalJWKSet(jwks), {
      algorithms: ["EdDSA"],
      issuer: "https://site.example/api/auth",
      audience,
      typ: receiptTypHeader,
      currentDate: new Date(),
    });

  it.each([
    ["a TOTP code", "otp", (user: EnrolledBackendUser) => code(user.secret)],
    ["a backup code", "backup_code", async (user: EnrolledBackendUser) => user.backupCodes[0]],
  ])("names user, action and method %s, and verifies with the published keys", async (_, method, write) => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop, "a/B 3".replace(" ", "%"));
    const words = { action: "transfer 100 € to ‘Bob’", nonce: "n-81" };
    const { receipt } = (await shop.verify(user.id, await write(user), words)).json.data;
    expect(decodeProtectedHeader(receipt)).toEqual({ alg: "EdDSA", kid: "k1", typ: receiptTypHeader });
    const { payload } = await checkReceipt(receipt, await jwksOf(shop.client));
    const now = Math.floor(Date.now() / 1000);
    expect(payload).toEqual({
      iss: "https://site.example/api/auth",
      aud: "shop",
      sub: user.id,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...words,
      amr: [method],
      auth_time: now,
      iat: now,
      exp: now + 300,
    });
  });

  it("is good for five minutes, in its own realm, once a code", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const { receipt } = (await shop.verify("42", await code(user.secret))).json.data;
    const other = (await shop.verify("42", user.backupCodes[0])).json.data.receipt;
    const jwks = await jwksOf(shop.client);
    await expect(checkReceipt(receipt, jwks, "books")).rejects.toThrow('"aud"');
    const [one, two] = [await checkReceipt(receipt, jwks), await checkReceipt(other, jwks)];
    expect(one.payload.jti).not.toBe(two.payload.jti);
    expect(one.payload).not.toHaveProperty("action");
    advance(299);
    await expect(checkReceipt(receipt, jwks)).resolves.toBeDefined();
    advance(1);
    await expect(checkReceipt(receipt, jwks)).rejects.toThrow('"exp"');
  });

  it("SE-15 is no session and no API key, and neither is one of these a receipt", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const { receipt } = (await shop.verify("42", await code(user.secret))).json.data;
    const client = new Client(environment({ ORIGIN_URL: "http://origin.test" }));
    for (const path of ["/session", "/totp", "/sessions", "/v1/users"])
      expect((await client.call(path, { token: receipt })).status, path).toBe(401);
    const cookies = { Cookie: `__Host-sallyport=${receipt}; __Host-sallyport-pending=${receipt}` };
    expect((await client.call("/session", { headers: cookies })).status).toBe(401);
    const pending = { session_token: `pending_${receipt}`, code: "123456" };
    expect((await client.post("/totp/verify", pending)).status).toBe(401);

    const jwks = await jwksOf(shop.client);
    for (const token of [await mintSessionToken(), shop.key])
      await expect(checkReceipt(token, jwks)).rejects.toThrow();
  });

  it("SE-15 does not verify when anything of it has been changed", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const { receipt } = (await shop.verify("42", await code(user.secret), { action: "pay 1" })).json.data;
    const jwks = await jwksOf(shop.client);
    const [header = "", payload = "", signature = ""] = receipt.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const none = encode({ alg: "none", typ: receiptTypHeader });
    const hmac = encode({ alg: "HS256", kid: "k1", typ: receiptTypHeader });
    for (const forged of [
      `${header}.${encode({ ...claims, action: "pay 1000" })}.${signature}`,
      `${header}.${encode({ ...claims, sub: "43" })}.${signature}`,
      `${none}.${payload}.`,
      `${hmac}.${payload}.${signature}`,
      `${header}.${payload}.${signature.replace(/^./, (first: string) => (first === "A" ? "B" : "A"))}`,
    ])
      await expect(checkReceipt(forged, jwks)).rejects.toThrow();
    await expect(checkReceipt(receipt, jwks)).resolves.toBeDefined();
  });

  it("CR-08 verifies with the published keys after a rotation, and new ones are of the new key", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const old = (await shop.verify("42", await code(user.secret))).json.data.receipt;
    const rotated = shop.at(new Client(environment({ KEYRING: `k2:${randomKey()},${env.KEYRING}` })));
    const jwks = await jwksOf(rotated.client);
    expect(jwks.keys.map(({ kid }) => kid)).toEqual(["k2", "k1"]);
    await expect(checkReceipt(old, jwks)).resolves.toBeDefined();
    const fresh = (await rotated.verify("42", user.backupCodes[0])).json.data.receipt;
    expect(decodeProtectedHeader(fresh).kid).toBe("k2");
    await expect(checkReceipt(fresh, jwks)).resolves.toBeDefined();
    await expect(checkReceipt(fresh, await jwksOf(shop.client))).rejects.toThrow("no applicable key");
  });
});
