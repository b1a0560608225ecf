import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, signInWith, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { cookieValue, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, pageLoad, visit } from "../support/gate.ts";
import { listRoutes } from "../support/routes.ts";
import { listEvents, listSessionRows, readUser } from "../support/rows.ts";
import { asBrowser, expectActive, expectEnded, readSession } from "../support/sessions.ts";
import {
  type Answer,
  base,
  Client,
  code,
  createAccount,
  type EnrolledAccount,
  pendingToken,
  wrongCode,
} from "../support/worker.ts";

useFreshWorker();

describe("setting two-factor authentication up", () => {
  async function signedIn(username = "ada") {
    const account = await createAccount(username);
    return { account, token: (await new Client().login(account)).json.session_token as string };
  }

  it("EN-01 leaves it off until a right code turns it on", async () => {
    const { account, token } = await signedIn();
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    expect((await new Client().login(account)).json.status).toBe("success");
    const wrong = await new Client().post("/totp/enable", { code: await wrongCode(secret) }, { token });
    expect(wrong).toMatchObject({ status: 401, json: { code: "invalid_code" } });
    const status = await new Client().call("/totp", { token });
    expect(status.json.data).toEqual({ enabled: false, setup_at: null, backup_codes_remaining: 0 });
    expect((await new Client().login(account)).json.status).toBe("success");

    const enabled = await new Client().post("/totp/enable", { code: await code(secret) }, { token });
    expect(enabled.status).toBe(200);
    expect((await new Client().login(account)).json.status).toBe("totp_required");
    expect((await new Client().call("/totp", { token })).json.data).toEqual({
      enabled: true,
      setup_at: new Date().toISOString(),
      backup_codes_remaining: 10,
    });
  });

  it("EN-01 needs an enrolment that has begun", async () => {
    const { token } = await signedIn();
    const answer = await new Client().post("/totp/enable", { code: "123456" }, { token });
    expect(answer).toMatchObject({ status: 410, json: { code: "enrolment_expired" } });
    const account = await createReadyAccount("bob");
    const full = await fullToken(account);
    const again = await new Client().post(
      "/totp/enable",
      { code: await code(account.secret) },
      { token: full },
    );
    expect(again).toMatchObject({ status: 409, json: { code: "already_enabled" } });
  });

  it("EN-01 takes the secret that was shown, and no other", async () => {
    const { account, token } = await signedIn();
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    const own = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    for (const other of [own, secret.toLowerCase(), `${secret.slice(0, -1)}=`, ""]) {
      const body = { code: await code(own), secret: other };
      const answer = await new Client().post("/totp/enable", body, { token });
      expect(answer).toMatchObject({ status: 409, json: { code: "conflict" } });
    }
    expect(await readUser(account.id)).toMatchObject({ totp_enabled: 0, second_factor_failures: 0 });
    const body = { code: await code(secret), secret };
    expect((await new Client().post("/totp/enable", body, { token })).status).toBe(200);
  });

  it("EN-02 again needs a second factor not older than five minutes", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    advance(269);
    expect((await new Client().post("/totp/setup", {}, { token })).status).toBe(200);
    advance(2);
    const before = await readUser(account.id);
    const stale = await new Client().post("/totp/setup", {}, { token });
    expect(stale).toMatchObject({ status: 403, json: { code: "step_up_required", max_age: 300 } });
    expect(await readUser(account.id)).toEqual(before);

    const stepped = await new Client().post("/step-up", { code: await code(account.secret) }, { token });
    expect(stepped.json.data).toMatchObject({ method: "totp", auth_time: new Date().toISOString() });
    const fresh = stepped.json.session_token;
    expect((await new Client().post("/totp/setup", {}, { token: fresh })).status).toBe(200);
  });

  it("EN-02 EN-14 to switch it off takes password and code, however fresh the session is", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const right = await code(account.secret);
    const { password } = account;
    for (const [body, status] of [
      [{}, 422],
      [{ password }, 422],
      [{ code: right }, 401],
      [{ code: right, password: "wrong password" }, 401],
      [{ code: await wrongCode(account.secret), password }, 401],
    ] as const) {
      expect((await new Client().post("/totp/disable", body, { token })).status).toBe(status);
    }
    expect((await readUser(account.id)).totp_enabled).toBe(1);
    expect((await new Client().post("/totp/disable", { code: right, password }, { token })).status).toBe(200);
  });

  it("EN-02 a client with a stolen session only learns nothing about codes by disabling it", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const bodies = [await code(account.secret), await wrongCode(account.secret), account.backupCodes[0]];
    const answers: Answer[] = [];
    for (const text of bodies) {
      const body = { code: text, password: "wrong password" };
      answers.push(await new Client().post("/totp/disable", body, { token }));
    }
    for (const { status, json } of answers) expect([status, json.code]).toEqual([401, "invalid_credentials"]);
    expect(await readUser(account.id)).toMatchObject({ second_factor_failures: 0 });
    expect((await signInWith(account, account.backupCodes[0])).status).toBe(200);
  });

  it("EN-03 again is not for a session that has shown the password alone", async () => {
    const { token } = await signedIn();
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    await new Client().post("/totp/enable", { code: await code(secret) }, { token });
    expect((await readSession(token)).json.data.aal).toBe(1);
    const answer = await new Client().post("/totp/setup", {}, { token });
    expect(answer).toMatchObject({ status: 403, json: { code: "step_up_required", max_age: 300 } });
  });

  it("EN-04 again leaves the old authenticator in force until the new one is confirmed", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const before = await readUser(account.id);
    const secrets: string[] = [];
    for (let i = 0; i < 2; i++) {
      const setup = await new Client().post("/totp/setup", {}, { token });
      secrets.push(setup.json.data.secret);
      expect(setup.text).not.toContain(account.secret);
    }
    const { totp_secret, totp_enabled, backup_codes } = await readUser(account.id);
    expect({ totp_secret, totp_enabled, backup_codes }).toEqual({
      totp_secret: before.totp_secret,
      totp_enabled: 1,
      backup_codes: before.backup_codes,
    });
    expect((await signInWith(account, await code(account.secret))).status).toBe(200);
    advance(30);
    const [, second = ""] = secrets;
    expect((await signInWith(account, await code(second))).status).toBe(401);
    expect((await new Client().post("/totp/enable", { code: await code(second) }, { token })).status).toBe(
      200,
    );
    advance(30);
    expect((await signInWith(account, await code(account.secret))).status).toBe(401);
    expect((await signInWith(account, await code(second))).status).toBe(200);
  });

  it("EN-05 waits ten minutes for the first code and not one second more", async () => {
    const { account, token } = await signedIn();
    const setup = await new Client().post("/totp/setup", {}, { token });
    expect(setup.json.data.expires_in).toBe(600);
    const { secret } = setup.json.data;
    advance(599);
    expect(
      (await new Client().post("/totp/enable", { code: await wrongCode(secret) }, { token })).status,
    ).toBe(401);
    advance(1);
    const late = await new Client().post("/totp/enable", { code: await code(secret) }, { token });
    expect(late).toMatchObject({ status: 410, json: { code: "enrolment_expired" } });
    expect((await readUser(account.id)).totp_enabled).toBe(0);
  });

  it("EN-05 anew voids what was begun before", async () => {
    const { token } = await signedIn();
    const first = (await new Client().post("/totp/setup", {}, { token })).json.data.secret;
    const second = (await new Client().post("/totp/setup", {}, { token })).json.data.secret;
    expect(first).not.toBe(second);
    expect((await new Client().post("/totp/enable", { code: await code(first) }, { token })).status).toBe(
      401,
    );
    const named = { code: await code(first), secret: first };
    expect((await new Client().post("/totp/enable", named, { token })).status).toBe(409);
    expect((await new Client().post("/totp/enable", { code: await code(second) }, { token })).status).toBe(
      200,
    );
  });

  it("EN-05 TH-07 takes five wrong codes, and then makes one wait", async () => {
    const { account, token } = await signedIn();
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    for (let i = 0; i < 5; i++) {
      const answer = await new Client().post("/totp/enable", { code: await wrongCode(secret, i) }, { token });
      expect(answer.status).toBe(401);
    }
    const again = (await new Client().post("/totp/setup", {}, { token })).json.data.secret;
    const refused = await new Client().post("/totp/enable", { code: await code(again) }, { token });
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "60"]);
    expect((await readUser(account.id)).totp_enabled).toBe(0);
    advance(60);
    expect((await new Client().post("/totp/enable", { code: await code(again) }, { token })).status).toBe(
      200,
    );
  });

  it("EN-06 shows the secret in its own answer, and nowhere else", async () => {
    const { token } = await signedIn();
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    const enabled = await new Client().post("/totp/enable", { code: await code(secret), secret }, { token });
    const answers = [enabled];
    for (const { method, path } of listRoutes()) {
      if (method === "GET") {
        answers.push(
          await new Client().call(path, { token }),
          await new Client().call(path, asBrowser(token)),
        );
      }
    }
    expect(answers.length).toBeGreaterThan(15);
    for (const answer of answers) expect(answer.text).not.toContain(secret);
  });

  it("EN-07 EN-13 is written down, and so are its end and its backup codes: when, by whom, and from where", async () => {
    const { account, token } = await signedIn();
    const options = { token, address: "203.0.113.7" };
    const started = Date.now();
    const { secret } = (await new Client().post("/totp/setup", {}, options)).json.data;
    advance(30);
    await new Client().post("/totp/enable", { code: await code(secret) }, options);
    advance(30);
    await new Client().post("/backup-codes", { code: await code(secret) }, options);
    advance(30);
    const { password } = account;
    await new Client().post("/totp/disable", { code: await code(secret), password }, options);
    expect(await readUser(account.id)).toMatchObject({ totp_secret: null, backup_codes: null });

    const events = await listEvents(
      "totp.setup_started",
      "totp.enabled",
      "backup_codes.regenerated",
      "totp.disabled",
    );
    const facts = events.map(({ type, at, user_id, client_address }) => [
      type,
      at - started,
      user_id,
      client_address,
    ]);
    expect(facts).toEqual([
      ["totp.setup_started", 0, account.id, "203.0.113.7"],
      ["totp.enabled", 30_000, account.id, "203.0.113.7"],
      ["backup_codes.regenerated", 60_000, account.id, "203.0.113.7"],
      ["totp.disabled", 90_000, account.id, "203.0.113.7"],
    ]);
  });

  it("EN-08 off makes its codes worthless at once, in every session", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const pending = await pendingToken(account);
    const body = { code: await code(account.secret), password: account.password };
    await new Client().post("/totp/disable", body, { token });
    advance(30);
    const text = await code(account.secret);
    expect((await verify(pending, text)).json.code).toBe("session_expired");
    expect((await verify(pending, account.backupCodes[0])).json.code).toBe("session_expired");
    for (const path of ["/step-up", "/backup-codes"]) {
      for (const each of [text, account.backupCodes[0]]) {
        const answer = await new Client().post(path, { code: each }, { token });
        expect(answer).toMatchObject({ status: 409, json: { code: "not_enabled" } });
      }
    }
    expect((await new Client().login(account)).json.status).toBe("success");
    expect((await new Client().call("/totp", { token })).json.data).toEqual({
      enabled: false,
      setup_at: null,
      backup_codes_remaining: 0,
    });
    const { totp_secret, backup_codes, totp_pending_secret } = await readUser(account.id);
    expect([totp_secret, backup_codes, totp_pending_secret]).toEqual([null, null, null]);
  });

  it.each([
    ["on", async () => (await createAccount("new")) as EnrolledAccount],
    ["off", () => createReadyAccount()],
    ["over to another app", () => createReadyAccount()],
  ])("EN-10 %s ends every other session of the account", async (what, make) => {
    const account = await make();
    const open = async () =>
      what === "on" ? (await new Client().login(account)).json.session_token : fullToken(account);
    const [first, second, token] = [await open(), await open(), await open()];
    const stranger = (await new Client().login(await createAccount("eve"))).json.session_token;
    if (what === "off") {
      const body = { code: await code(account.secret), password: account.password };
      expect((await new Client().post("/totp/disable", body, { token })).status).toBe(200);
    } else {
      const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
      const answer = await new Client().post("/totp/enable", { code: await code(secret) }, { token });
      expect(answer.status).toBe(200);
    }
    await expectEnded(first);
    await expectEnded(second);
    await expectActive(token);
    await expectActive(stranger);
  });

  it("EN-14 leaves no way in without a code", async () => {
    const account = await createReadyAccount();
    const { username, password } = account;
    const login = await new Client().login(account);
    expect(login.json).toEqual({
      status: "totp_required",
      session_token: expect.stringMatching(/^pending_/),
      expires_in: 300,
    });
    expect(cookieValue(login, sessionCookieName)).toBeUndefined();

    const page = await new Client().call("/sign-in", {
      method: "POST",
      body: String(new URLSearchParams({ username, password, rd: "/private" })),
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
    expect([page.status, page.headers.get("Location")]).toEqual([303, `${base}/second-factor?rd=%2Fprivate`]);
    expect(cookieValue(page, sessionCookieName)).toBeUndefined();
    expect(cookieValue(page, pendingCookieName)).toMatch(/^pending_/);

    const basic = btoa(`${username}:${password}`);
    const origin = mockOrigin();
    for (const headers of [
      { Authorization: `Basic ${basic}` },
      { Authorization: `Bearer ${login.json.session_token}` },
      { "Remote-User": username },
      { "X-Sallyport-Assertion": "x" },
    ]) {
      expect((await visit(gated(), "/", { headers })).status).toBe(401);
    }
    expect(origin.requests).toEqual([]);
    expect(await listSessionRows("full")).toEqual([]);
  });

  it("EN-14 a session from before it was on is no way round it", async () => {
    const { account, token: early } = await signedIn();
    const token = (await new Client().login(account)).json.session_token;
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    await new Client().post("/totp/enable", { code: await code(secret) }, { token });
    const origin = mockOrigin();
    const bindings = gated([], { ENROLMENT: "optional" });
    // Fresh tokens are believed for a minute; then the account's own state counts.
    advance(60);
    for (const each of [early, token]) {
      const answer = await visit(bindings, "/", { session: each });
      expect(answer.status).toBe(401);
    }
    const page = await visit(bindings, "/", { session: token, headers: pageLoad });
    expect(page.headers.get("Location")).toBe(`${base}/second-factor`);
    expect(origin.requests).toEqual([]);
  });

  it("INC-19 names the account as the server knows it, whatever the request says", async () => {
    const { account, token } = await signedIn();
    for (const fields of [
      { email: "mallory@evil.example" },
      { username: "mallory" },
      { account: "mallory" },
      { issuer: "Evil" },
      { secret: "JBSWY3DPEHPK3PXP" },
      { user_id: "x" },
    ]) {
      const answer = await new Client().post("/totp/setup", fields, { token });
      expect(answer).toMatchObject({ status: 400, json: { code: "malformed_request" } });
    }
    const headers = {
      "X-Forwarded-User": "mallory",
      "Remote-User": "mallory",
      "Remote-Email": "m@evil.example",
    };
    const setup = await new Client().post("/totp/setup", {}, { token, headers });
    const uri = new URL(setup.json.data.provisioning_uri);
    expect(`${uri.host}${decodeURIComponent(uri.pathname)}`).toBe(`totp/Sallyport:${account.username}`);
    expect(uri.searchParams.get("issuer")).toBe("Sallyport");
  });
});
