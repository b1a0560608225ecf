import { describe, expect, it } from "vitest";
import { decodeTotpSecret } from "../../src/core/crypto/totp.ts";
import {
  type Backend,
  createBackendUser,
  createRealm,
  type EnrolledBackendUser,
  enrolBackendUser,
  userPath,
} from "../support/backend.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { listEvents, query, readUser } from "../support/rows.ts";
import { type Answer, code, wrongCode } from "../support/worker.ts";

useFreshWorker();

const start = (backend: Backend, text?: string): Promise<Answer> =>
  backend.post(`${userPath("42")}/totp`, text === undefined ? {} : { code: text });
const confirm = (backend: Backend, text: string): Promise<Answer> =>
  backend.post(`${userPath("42")}/totp/confirm`, { code: text });
const statusOf = async (backend: Backend) => (await backend.get(userPath("42"))).json.data;

/** Puts a session behind the user, as if it had signed in. */
const giveSession = (userId: string) =>
  query(
    `INSERT INTO sessions (id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at)
     VALUES ('session', 'full', ?, 0, '["pwd"]', ?2, ?2, ?2, ?3)`,
    userId,
    Date.now(),
    Date.now() + 3_600_000,
  );
const sessions = () => query("SELECT id FROM sessions");

/** Sends this many wrong codes, each of which is evaluated. */
async function fail(backend: Backend, user: EnrolledBackendUser, times: number): Promise<void> {
  for (let i = 0; i < times; i++)
    expect((await backend.verify(user.id, await wrongCode(user.secret, i))).status).toBe(401);
}

describe("setting up through a backend", () => {
  it("EN-01 OTP-05 URI-02 shows a secret of 160 bits, and changes nothing until its first code", async () => {
    const shop = await createRealm();
    await createBackendUser(shop, "42", { username: "ada" });
    const { secret, provisioning_uri: uri, qr_code: qr, expires_in: seconds } = (await start(shop)).json.data;
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    const { protocol, host, pathname, searchParams } = new URL(uri);
    expect([protocol, host, decodeURIComponent(pathname)]).toEqual(["otpauth:", "totp", "/Sallyport:ada"]);
    expect(Object.fromEntries(searchParams)).toMatchObject({ secret, issuer: "Sallyport" });
    expect(atob(qr.replace("data:image/svg+xml;base64,", ""))).toContain("<svg");
    expect(seconds).toBe(600);
    expect(await statusOf(shop)).toMatchObject({ totp_enabled: false });
    expect(await shop.verify("42", await code(secret))).toMatchObject({
      status: 409,
      json: { code: "not_enabled" },
    });

    expect((await confirm(shop, await wrongCode(secret))).json.code).toBe("invalid_code");
    const confirmed = await confirm(shop, await code(secret));
    expect(confirmed.json.data.backup_codes).toHaveLength(10);
    expect(await statusOf(shop)).toMatchObject({ totp_enabled: true, backup_codes_remaining: 10 });
    expect(await confirm(shop, await code(secret, 1))).toMatchObject({
      status: 409,
      json: { code: "already_enabled" },
    });
  });

  it("OTP-12 spends the code that confirms it", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const { secret } = (await start(shop)).json.data;
    await confirm(shop, await code(secret));
    for (const k of [0, -1]) expect((await shop.verify("42", await code(secret, k))).status).toBe(401);
    expect((await shop.verify("42", await code(secret, 1))).status).toBe(200);
  });

  it("OTP-06 TH-07 draws a secret of its own each time, ten times in a quarter of an hour", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const secrets = new Set<string>();
    for (let i = 0; i < 10; i++) secrets.add((await start(shop)).json.data.secret);
    expect(secrets.size).toBe(10);
    const refused = await start(shop);
    expect([refused.status, refused.json.code]).toEqual([429, "too_many_attempts"]);
    expect(refused.headers.get("RateLimit")).toMatch(/^"setup";r=0;t=900$/);
    for (const secret of secrets) expect(decodeTotpSecret(secret)).toHaveLength(20);
  });

  it("EN-05 has ten minutes, and begins anew with the next secret", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const first = (await start(shop)).json.data.secret;
    const second = (await start(shop)).json.data.secret;
    expect((await confirm(shop, await code(first))).status).toBe(401);
    advance(600);
    expect(await confirm(shop, await code(second))).toMatchObject({
      status: 410,
      json: { code: "enrolment_expired" },
    });
    expect((await confirm(shop, "123456")).status).toBe(410);
    const third = (await start(shop)).json.data.secret;
    expect((await confirm(shop, await code(third))).status).toBe(200);
  });

  it("EN-03 EN-04 requires a code of an existing second factor, and shows and changes nothing else", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const before = await readUser(user.storedId);
    const refusals = [await start(shop), await start(shop, await wrongCode(user.secret))];
    expect(refusals.map(({ status, json }) => [status, json.code])).toEqual([
      [409, "already_enabled"],
      [401, "invalid_code"],
    ]);
    for (const { text } of refusals) expect(text).not.toMatch(/[A-Z2-7]{32}/);
    const after = await readUser(user.storedId);
    expect(after).toEqual({ ...before, second_factor_failures: 1 });
  });

  it.each([
    ["TOTP code", (user: EnrolledBackendUser) => code(user.secret)],
    ["backup code", async (user: EnrolledBackendUser) => user.backupCodes[0] ?? ""],
  ])(
    "EN-04 EN-08 EN-10 replaces an authenticator for a %s, and keeps the old one until then",
    async (_, write) => {
      const shop = await createRealm();
      const user = await enrolBackendUser(shop);
      await giveSession(user.storedId);
      const proof = await write(user);
      const { secret } = (await start(shop, proof)).json.data;
      expect(secret).not.toBe(user.secret);
      // The proof is spent.
      expect((await start(shop, proof)).status).toBe(401);
      advance(30);
      expect((await shop.verify("42", await code(user.secret))).status).toBe(200);
      expect((await shop.verify("42", await code(secret, 1))).status).toBe(401);
      expect(await sessions()).toHaveLength(1);
      advance(30);
      const confirmed = await confirm(shop, await code(secret));
      expect(confirmed.status).toBe(200);
      expect(await sessions()).toEqual([]);

      advance(30);
      for (const old of [await code(user.secret), user.backupCodes[1]])
        expect((await shop.verify("42", old)).status).toBe(401);
      expect((await shop.verify("42", await code(secret))).status).toBe(200);
      expect((await shop.verify("42", confirmed.json.data.backup_codes[1])).status).toBe(200);
    },
  );

  it("EN-04 leaves the authenticator alone when the new one is never confirmed", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await start(shop, await code(user.secret));
    advance(3600);
    expect((await shop.verify("42", await code(user.secret))).status).toBe(200);
  });

  it("BC-12 is not confirmed by a backup code, which is not spent by that", async () => {
    const shop = await createRealm();
    const { secret, backupCodes } = await enrolBackendUser(shop);
    await start(shop, await code(secret));
    const refused = await confirm(shop, backupCodes[0] ?? "");
    expect([refused.status, refused.json.code]).toEqual([422, "invalid_format"]);
    expect((await shop.verify("42", backupCodes[0])).status).toBe(200);
    expect((await readUser("shop:42")).second_factor_failures).toBe(0);
  });

  it("TH-02 counts wrong confirmations with every other code", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const { secret } = (await start(shop)).json.data;
    for (let i = 0; i < 5; i++) expect((await confirm(shop, await wrongCode(secret, i))).status).toBe(401);
    expect((await confirm(shop, await code(secret))).status).toBe(429);
    advance(60);
    expect((await confirm(shop, await code(secret))).status).toBe(200);
  });
});

describe("taking a second factor away", () => {
  it("EN-08 switches it off at once, signs out, and leaves the step that was spent", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await giveSession(user.storedId);
    const live = await code(user.secret);
    await shop.verify("42", live);
    const removed = await shop.delete(`${userPath("42")}/totp`);
    expect(removed.json.data).toMatchObject({ id: "42", totp_enabled: false, totp_setup_at: null });
    expect(await sessions()).toEqual([]);
    for (const text of [await code(user.secret, 1), user.backupCodes[0]])
      expect((await shop.verify("42", text)).json.code).toBe("not_enabled");
    expect((await shop.delete(`${userPath("42")}/totp`)).json.code).toBe("not_enabled");
    expect(await readUser(user.storedId)).toMatchObject({
      totp_secret: null,
      backup_codes: null,
      totp_pending_secret: null,
    });
    // A step is accepted once an account, whichever secret its code was made with.
    const { secret } = (await start(shop)).json.data;
    expect((await confirm(shop, await code(secret))).status).toBe(401);
    expect((await confirm(shop, await code(secret, 1))).status).toBe(200);
  });

  it("EN-12 by a reset removes it with its failures, shows nothing, signs out, and is recorded with the actor", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await start(shop, await code(user.secret));
    await fail(shop, user, 5);
    await giveSession(user.storedId);
    const reset = await shop.post(`${userPath("42")}/reset`);
    expect(reset.json).toEqual({
      status: "success",
      data: {
        id: "42",
        realm: "shop",
        username: "42",
        email: null,
        totp_enabled: false,
        totp_setup_at: null,
        created_at: new Date().toISOString(),
        updated_at: new Date().toISOString(),
        disabled_at: null,
      },
    });
    expect(await sessions()).toEqual([]);
    expect(await statusOf(shop)).toMatchObject({
      totp_enabled: false,
      backup_codes_remaining: 0,
      blocked_until: null,
      enrolment_expires_at: null,
    });
    expect((await shop.verify("42", await code(user.secret, 1))).json.code).toBe("not_enabled");
    expect(await listEvents("second_factor.reset")).toMatchObject([
      { realm: "shop", user_id: user.storedId, actor: shop.actor },
    ]);
  });

  it("EN-12 does not open an account that is closed", async () => {
    const shop = await createRealm();
    await enrolBackendUser(shop);
    await shop.post(`${userPath("42")}/disable`);
    for (const verb of ["reset", "unlock"])
      expect((await shop.post(`${userPath("42")}/${verb}`)).json.data.disabled_at).not.toBeNull();
    expect((await start(shop)).status).toBe(403);
  });

  it("by an unlock ends a cool-down, and keeps secret and backup codes", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await fail(shop, user, 5);
    expect((await shop.verify("42", await code(user.secret))).status).toBe(429);
    await shop.post(`${userPath("42")}/unlock`);
    expect((await shop.verify("42", await code(user.secret))).status).toBe(200);
    expect((await shop.verify("42", user.backupCodes[0])).status).toBe(200);
  });
});
