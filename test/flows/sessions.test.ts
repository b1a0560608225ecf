import { base64urlnopad } from "@scure/base";
import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  type JWTHeaderParameters,
  SignJWT,
} from "jose";
import { describe, expect, it } from "vitest";
import { generateSessionSecret } from "../../src/core/tokens/session-token.ts";
import { createReadyAccount, fullToken, signInWith, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import {
  browserHeaders,
  cookieValue,
  parseSetCookies,
  pendingCookieName,
  sessionCookieName,
} from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, pageLoad, standOrigin, visit, workersKeyring } from "../support/gate.ts";
import { listRoutes, type Route } from "../support/routes.ts";
import { listEvents, listSessionRows, query, readUser } from "../support/rows.ts";
import {
  type Answer,
  base,
  Client,
  code,
  createAccount,
  type EnrolledAccount,
  environment,
  pendingToken,
  wrongCode,
} from "../support/worker.ts";

useFreshWorker();

const client = () => new Client();
const whoAmI = (token: string, worker = client()) => worker.call("/session", { token });
const asBrowser = (token: string) => ({ headers: browserHeaders({ [sessionCookieName]: token }) });

async function expectDead(token: string): Promise<void> {
  expect((await whoAmI(token)).status).toBe(401);
}

async function expectAlive(token: string): Promise<void> {
  expect((await whoAmI(token)).status).toBe(200);
}

/** A session with the password alone, in a browser. */
async function passwordCookie(account: { username: string; password: string }): Promise<string> {
  return cookieValue(await client().login(account), sessionCookieName) ?? "";
}

describe("a pending session", () => {
  /** What anybody may call. It is no door, so it opens to a pending session as to anybody. */
  const open = new Set([
    "GET /health",
    "GET /.well-known/jwks.json",
    "GET /openapi.json",
    "GET /docs",
    "POST /login",
    "GET /assets/sallyport.css",
    "GET /assets/sallyport.js",
    "GET /sign-in",
    "POST /sign-in",
    "GET /sign-out",
    // It has no challenge: `challenge-level.test.ts` knocks with one that has.
    "GET /challenge/x",
  ]);
  /** What it is there for: the second-factor step, and sign-out. */
  const itsOwn = new Set([
    "POST /totp/verify",
    "POST /logout",
    "POST /sign-out",
    "GET /second-factor",
    "POST /second-factor",
  ]);
  const pages = /^\/(sign-in|sign-out|second-factor|account)/;

  const bodies: Record<string, (account: EnrolledAccount, text: string) => object> = {
    "/totp/enable": (_, text) => ({ code: text }),
    "/totp/disable": ({ password }, text) => ({ code: text, password }),
    "/step-up": (_, text) => ({ code: text }),
    "/backup-codes": (_, text) => ({ code: text }),
    "/v1/users": () => ({ username: "mallory", password: "long enough for this" }),
    "/account/two-factor": () => ({ step: "start" }),
    "/account/backup-codes": (_, text) => ({ code: text }),
    "/account/two-factor/disable": ({ password }, text) => ({ code: text, password }),
    "/account/sessions/end": () => ({ id: "x" }),
  };

  const carriers = {
    "a bearer token": (token: string) => ({ Authorization: `Bearer ${token}` }),
    "the session cookie": (token: string) => browserHeaders({ [sessionCookieName]: token }),
    "the pending cookie": (token: string) => browserHeaders({ [pendingCookieName]: token }),
    "both cookies": (token: string) =>
      browserHeaders({ [sessionCookieName]: token, [pendingCookieName]: token }),
  };

  const nameOf = ({ method, path }: Route) => `${method} ${path.slice(base.length)}`;
  const closed = listRoutes().filter((route) => !open.has(nameOf(route)) && !itsOwn.has(nameOf(route)));

  it("SE-01 has a matrix of all routes: every exception from it is there", () => {
    const names = new Set(listRoutes().map(nameOf));
    for (const exception of [...open, ...itsOwn]) expect(names).toContain(exception);
    expect(closed.length).toBeGreaterThanOrEqual(18);
  });

  it.each(Object.entries(carriers))("SE-01 INC-11 opens none of them as %s", async (_, carry) => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const text = await code(account.secret);
    const before = await readUser(account.id);
    for (const route of closed) {
      const path = route.path.slice(base.length);
      const isPage = pages.test(path);
      const fields = bodies[path]?.(account, text) ?? {};
      const body = isPage ? String(new URLSearchParams(Object.entries(fields))) : fields;
      const answer = await client().call(path, {
        method: route.method,
        headers: {
          // What a proxy asks about, where one asks.
          "X-Forwarded-Method": "GET",
          "X-Forwarded-Uri": "/inbox",
          ...carry(token),
          ...(isPage ? { "Content-Type": "application/x-www-form-urlencoded" } : {}),
        },
        ...(route.method === "GET" ? {} : { body }),
      });
      const what = `${nameOf(route)}: ${answer.status}`;
      if (isPage) {
        expect(what).toBe(`${nameOf(route)}: 303`);
        expect(answer.headers.get("Location")).toMatch(/^\/api\/auth\/sign-in(\?|$)/);
      } else {
        expect(what).toBe(`${nameOf(route)}: 401`);
        if (path === "/auth-request") expect(answer.headers.get("Location")).toContain("/api/auth/sign-in");
        else expect(answer.json.code).toBe(path.startsWith("/v1/") ? "invalid_api_key" : "unauthenticated");
      }
      expect(cookieValue(answer, sessionCookieName) ?? "").toBe("");
      expect(answer.text).not.toContain(account.id);
    }
    expect(await readUser(account.id)).toEqual(before);
    expect(await listSessionRows()).toMatchObject([{ kind: "pending", attempts: 0 }]);
    // It was good all the time.
    expect((await verify(token, text)).status).toBe(200);
  });

  it.each(Object.entries(carriers))("SE-01 INC-11 does not pass the gate as %s", async (_, carry) => {
    const token = await pendingToken(await createReadyAccount());
    const origin = standOrigin();
    for (const level of ["first_factor", "second_factor"] as const) {
      const bindings = gated([{ path: "/*", require: level }]);
      for (const method of ["GET", "POST", "DELETE"]) {
        expect((await visit(bindings, "/private", { method, headers: carry(token) })).status).toBe(401);
      }
      const page = await visit(bindings, "/private", { headers: { ...pageLoad, ...carry(token) } });
      expect([page.status, page.headers.get("Location")]).toEqual([303, `${base}/sign-in?rd=%2Fprivate`]);
    }
    expect(origin.requests).toEqual([]);
    // Where nobody is asked for, it is nobody's.
    await visit(gated([{ path: "/*", require: "none" }]), "/public", { headers: carry(token) });
    expect(origin.only().headers.has("Remote-User")).toBe(false);
  });

  it("SE-01 is no full session without its prefix, and a full one is no pending one with it", async () => {
    const account = await createReadyAccount();
    const full = await fullToken(account);
    const pending = await pendingToken(account);
    await expectDead(pending.replace("pending_", ""));
    for (const token of [full, `pending_${full}`]) {
      const answer = await verify(token, await code(account.secret));
      expect(answer).toMatchObject({ status: 401, json: { code: "session_expired" } });
    }
  });

  it("SE-01 can be signed out of, by bearer token and by cookie, and then opens nothing", async () => {
    const account = await createReadyAccount();
    for (const carry of [carriers["a bearer token"], carriers["the pending cookie"]]) {
      const token = await pendingToken(account);
      expect((await client().post("/logout", {}, { headers: carry(token) })).status).toBe(200);
      expect((await verify(token, await code(account.secret))).json.code).toBe("session_expired");
    }
    // The rows stay: how many were opened counts, and further clients may share them (INC-30).
    expect(await listSessionRows()).toHaveLength(2);
  });

  it("SE-02 lives for 300 seconds and not one more", async () => {
    const account = await createReadyAccount();
    const [first, second] = [await pendingToken(account), await pendingToken(account)];
    advance(299);
    expect((await verify(first, await code(account.secret))).status).toBe(200);
    advance(1);
    const answer = await verify(second, await code(account.secret, 1));
    expect(answer).toMatchObject({ status: 401, json: { code: "session_expired" } });
    const [pending] = await listSessionRows("pending");
    expect(pending?.attempts).toBe(0);
  });

  it("SE-02 ends by the store's time as well as by the token's", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    await query("UPDATE sessions SET expires_at = ?", Date.now());
    expect((await verify(token, await code(account.secret))).json.code).toBe("session_expired");
  });

  it("SE-02 SE-03 INC-10 dies when it has done its work, and another session takes its place", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const [pending] = await listSessionRows();
    const answer = await verify(token, await code(account.secret));
    const [full, ...others] = await listSessionRows();
    expect([pending?.kind, full?.kind, others]).toEqual(["pending", "full", []]);
    expect(full?.id).not.toBe(pending?.id);
    expect(decodeJwt(answer.json.session_token).sid).not.toBe(decodeJwt(token.slice("pending_".length)).sid);
    advance(30);
    expect((await verify(token, await code(account.secret))).json.code).toBe("session_expired");
    expect((await verify(token, account.backupCodes[0])).json.code).toBe("session_expired");
  });
});

describe("a change of level", () => {
  it("SE-03 INC-10 gives a browser a new session at enrolment, and the old one is dead", async () => {
    const account = await createAccount();
    const old = await passwordCookie(account);
    const setup = await client().post("/totp/setup", {}, asBrowser(old));
    const body = { code: await code(setup.json.data.secret) };
    const raised =
      cookieValue(await client().post("/totp/enable", body, asBrowser(old)), sessionCookieName) ?? "";
    expect(decodeJwt(raised).sid).not.toBe(decodeJwt(old).sid);
    await expectDead(old);
    expect((await whoAmI(raised)).json.data).toMatchObject({ aal: 2, amr: ["pwd", "otp"] });
  });

  it("SE-03 gives a new session when a second factor is shown for the first time, and the old one is dead", async () => {
    const account = await createAccount();
    const token = (await client().login(account)).json.session_token;
    const { secret } = (await client().post("/totp/setup", {}, { token })).json.data;
    await client().post("/totp/enable", { code: await code(secret) }, { token });
    // A program's token can't be replaced in the answer to this, so it stays what it was.
    expect((await whoAmI(token)).json.data).toMatchObject({ aal: 1, amr: ["pwd"] });
    advance(30);
    const raised = (await client().post("/step-up", { code: await code(secret) }, { token })).json
      .session_token;
    expect(decodeJwt(raised).sid).not.toBe(decodeJwt(token).sid);
    await expectDead(token);
    expect((await whoAmI(raised)).json.data).toMatchObject({ aal: 2, amr: ["pwd", "otp"] });
  });

  it("SE-03 gives a browser a new session when the second factor is switched off, and the old one is dead", async () => {
    const account = await createReadyAccount();
    const old = await fullToken(account);
    const body = { code: await code(account.secret), password: account.password };
    const answer = await client().post("/totp/disable", body, asBrowser(old));
    const lowered = cookieValue(answer, sessionCookieName) ?? "";
    await expectDead(old);
    expect((await whoAmI(lowered)).json.data).toMatchObject({ aal: 1, amr: ["pwd"] });
  });

  it("SE-07 makes no session older than it may become", async () => {
    const account = await createAccount();
    const old = await passwordCookie(account);
    for (let i = 0; i < 14; i++) {
      advance(3000);
      expect((await client().call("/session", asBrowser(old))).status).toBe(200);
    }
    const setup = await client().post("/totp/setup", {}, asBrowser(old));
    const body = { code: await code(setup.json.data.secret) };
    const raised =
      cookieValue(await client().post("/totp/enable", body, asBrowser(old)), sessionCookieName) ?? "";
    advance(43_200 - 14 * 3000 - 1);
    await expectAlive(raised);
    advance(1);
    await expectDead(raised);
  });
});

describe("a session's token and cookies", () => {
  it("SE-04 carry 256 random bits that nobody has twice", async () => {
    const account = await createReadyAccount();
    const tokens = [(await pendingToken(account)).slice("pending_".length), await fullToken(account)];
    for (const token of tokens) {
      expect(base64urlnopad.decode(String(decodeJwt(token).sid))).toHaveLength(32);
    }
    const secrets = Array.from({ length: 10_000 }, generateSessionSecret);
    expect(new Set(secrets).size).toBe(10_000);
    const bits = secrets.map((secret) => base64urlnopad.decode(secret)).flatMap((bytes) => [...bytes]);
    const ones = bits.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
    // 2 560 000 fair bits stay within half a per cent but for a chance below 10^-50.
    expect(Math.abs(ones / (bits.length * 8) - 0.5)).toBeLessThan(0.005);
  });

  it("SE-05 come in cookies that only this host gets back, over TLS, out of the reach of scripts", async () => {
    const plain = await createAccount("plain");
    const account = await createReadyAccount();
    const login = await client().login(plain);
    const pending = await client().login(account);
    const token = cookieValue(pending, pendingCookieName) ?? "";
    const headers = browserHeaders({ [pendingCookieName]: token });
    const verified = await client().post("/totp/verify", { code: await code(account.secret) }, { headers });
    const full = cookieValue(verified, sessionCookieName) ?? "";
    const renewed = await client().call("/session", asBrowser(full));
    const out = await client().post("/logout", {}, asBrowser(full));

    const seen = [login, pending, verified, renewed, out].flatMap(parseSetCookies);
    expect(seen.map(({ name, value }) => `${name}${value === "" ? " cleared" : ""}`)).toEqual([
      "__Host-sallyport",
      "__Host-sallyport-device",
      "__Host-sallyport-pending",
      "__Host-sallyport",
      "__Host-sallyport-pending cleared",
      "__Host-sallyport-device",
      "__Host-sallyport",
      "__Host-sallyport cleared",
      "__Host-sallyport-pending cleared",
    ]);
    for (const { value, attributes } of seen) {
      expect(attributes).toEqual({
        "max-age": value === "" ? "0" : expect.stringMatching(/^[1-9]\d*$/),
        path: "/",
        httponly: true,
        secure: true,
        samesite: "Lax",
      });
    }
    const ages = [login, pending, verified].map(
      (answer) => parseSetCookies(answer)[0]?.attributes["max-age"],
    );
    expect(ages).toEqual(["43200", "300", "43200"]);
  });

  it("SE-05 are not given to who brings a bearer token", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    for (const answer of [
      await whoAmI(token),
      await client().call("/totp", { token }),
      await client().post("/step-up", { code: await code(account.secret) }, { token }),
    ]) {
      expect([answer.status, parseSetCookies(answer)]).toEqual([200, []]);
    }
  });

  it("SE-08 say what was shown, and when", async () => {
    const plain = await createAccount("plain");
    const passwordOnly = (await client().login(plain)).json.session_token;
    expect((await whoAmI(passwordOnly)).json.data).toMatchObject({
      user: { username: "plain", email: "plain@example.com" },
      aal: 1,
      amr: ["pwd"],
      auth_time: new Date().toISOString(),
      expires_at: new Date(Date.now() + 43_200_000).toISOString(),
    });

    const account = await createReadyAccount();
    const pending = await pendingToken(account);
    advance(60);
    const both = (await verify(pending, await code(account.secret))).json.session_token;
    const shownAt = new Date().toISOString();
    advance(100);
    expect((await whoAmI(both)).json.data).toMatchObject({ aal: 2, amr: ["pwd", "otp"], auth_time: shownAt });

    const stepped = await client().post("/step-up", { code: account.backupCodes[0] }, { token: both });
    expect((await whoAmI(stepped.json.session_token)).json.data).toMatchObject({
      aal: 2,
      amr: ["pwd", "backup_code"],
      auth_time: new Date().toISOString(),
    });
    const origin = standOrigin();
    await visit(gated(), "/", { session: stepped.json.session_token });
    const assertion = decodeJwt(origin.only().headers.get("X-Sallyport-Assertion") ?? "");
    expect(assertion).toMatchObject({ amr: ["pwd", "backup_code"], auth_time: Date.now() / 1000 });
  });

  it("SE-08 say no more than was shown: a password alone is no second factor at the gate", async () => {
    const token = (await client().login(await createAccount())).json.session_token;
    const origin = standOrigin();
    const strict = await visit(gated(), "/", { session: token });
    expect(strict.status).toBe(401);
    expect(origin.requests).toEqual([]);
    await visit(gated([{ path: "/*", require: "first_factor" }]), "/", { session: token });
    const assertion = decodeJwt(origin.only().headers.get("X-Sallyport-Assertion") ?? "");
    expect(assertion.amr).toEqual(["pwd"]);
  });
});

describe("the end of a session", () => {
  it("SE-06 by signing out is at once under the base path", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const out = await client().post("/logout", {}, { token });
    expect(out.json).toEqual({ status: "success", message: "Signed out" });
    for (const path of ["/session", "/sessions", "/totp"]) {
      expect((await client().call(path, { token })).json.code).toBe("session_expired");
    }
    const text = await code(account.secret);
    for (const [path, body] of [
      ["/totp/setup", {}],
      ["/step-up", { code: text }],
      ["/backup-codes", { code: text }],
      ["/totp/disable", { code: text, password: account.password }],
    ] as const) {
      const answer = await client().post(path, body, { token });
      expect([path, answer.status, answer.json.code]).toEqual([path, 401, "session_expired"]);
    }
    const page = await client().call("/account", asBrowser(token));
    expect([page.status, page.headers.get("Location")]).toEqual([
      303,
      "/api/auth/sign-in?rd=%2Fapi%2Fauth%2Faccount",
    ]);
    expect((await signInWith(account, text)).status).toBe(200);
  });

  it("SE-06 by signing out is within SESSION_RECHECK at the gate, and renews nothing", async () => {
    const token = await fullToken(await createReadyAccount());
    await whoAmI(token);
    const issuedAgo = 30;
    await client().post("/logout", {}, { token });
    const origin = standOrigin();
    advance(60 - issuedAgo - 1);
    expect((await visit(gated(), "/", { session: token })).status).toBe(200);
    advance(1);
    const answer = await visit(gated(), "/", { session: token });
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([401, []]);
    expect(origin.requests).toHaveLength(1);
  });

  it("SE-06 by signing out is at once at the gate, too, where SESSION_RECHECK is 0", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = standOrigin();
    const bindings = gated([], { SESSION_RECHECK: "0" });
    expect((await visit(bindings, "/", { session: token })).status).toBe(200);
    await client().post("/logout", {}, { token });
    expect((await visit(bindings, "/", { session: token })).status).toBe(401);
    expect(origin.requests).toHaveLength(1);
  });

  it("SE-06 by signing out ends every session that the request carries, and no other one", async () => {
    const account = await createReadyAccount();
    const [full, kept] = [await fullToken(account), await fullToken(account)];
    const pending = await pendingToken(account);
    const headers = browserHeaders({ [sessionCookieName]: full, [pendingCookieName]: pending });
    expect((await client().post("/logout", {}, { headers })).status).toBe(200);
    await expectDead(full);
    expect((await verify(pending, await code(account.secret))).status).toBe(401);
    await expectAlive(kept);
    expect((await client().post("/logout", {})).json.code).toBe("unauthenticated");
  });

  it("SE-07 comes after an hour without use", async () => {
    const token = await fullToken(await createReadyAccount());
    advance(3569);
    await expectAlive(token);
    advance(3599);
    await expectAlive(token);
    advance(3600);
    await expectDead(token);
    // Asking did not wake it.
    await expectDead(token);
    expect((await client().call("/sessions", { token })).status).toBe(401);
  });

  it("SE-07 comes after an hour without use at the gate, and not while it is used there", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = standOrigin();
    for (let i = 0; i < 3; i++) {
      advance(3500);
      expect((await visit(gated(), "/", { session: token })).status).toBe(200);
    }
    advance(3600);
    expect((await visit(gated(), "/", { session: token })).status).toBe(401);
    expect(origin.requests).toHaveLength(3);
  });

  it("SE-07 comes after twelve hours, however much it is used, under the base path and at the gate", async () => {
    const account = await createReadyAccount();
    let token = (await signInWith(account, await code(account.secret))).json.session_token;
    standOrigin();
    for (let waited = 0; waited < 42_000; waited += 3000) {
      advance(3000);
      const answer = await client().call("/session", asBrowser(token));
      token = cookieValue(answer, sessionCookieName) ?? "";
    }
    advance(1199);
    await expectAlive(token);
    const recent = cookieValue(await client().call("/session", asBrowser(token)), sessionCookieName) ?? "";
    expect((await visit(gated(), "/", { session: recent })).status).toBe(200);
    advance(1);
    await expectDead(recent);
    expect((await visit(gated(), "/", { session: recent })).status).toBe(401);
  });

  it("SE-07 comes when the operator has decided that it comes", async () => {
    const account = await createReadyAccount();
    const worker = new Client(
      environment({ SESSION_MAX_AGE: "600", SESSION_IDLE: "120", SESSION_RECHECK: "0" }),
    );
    const pending = await pendingToken(account, worker);
    const idle = (await verify(pending, account.backupCodes[0], {}, worker)).json.session_token;
    const again = await pendingToken(account, worker);
    const used = (await verify(again, account.backupCodes[1], {}, worker)).json.session_token;
    for (let i = 0; i < 5; i++) {
      advance(119);
      expect((await whoAmI(used, worker)).status).toBe(200);
    }
    expect((await whoAmI(idle, worker)).status).toBe(401);
    advance(4);
    expect((await whoAmI(used, worker)).status).toBe(200);
    advance(1);
    expect((await whoAmI(used, worker)).status).toBe(401);
  });

  it("SE-07 comes by the store's time as well as by the token's", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await query("UPDATE sessions SET expires_at = ?", Date.now());
    await expectDead(token);
    const answer = await client().post("/step-up", { code: await code(account.secret) }, { token });
    expect(answer.json.code).toBe("session_expired");
    standOrigin();
    advance(60);
    expect((await visit(gated(), "/", { session: token })).status).toBe(401);
  });

  it("SE-11 comes at once when its account is disabled, and at the gate within SESSION_RECHECK", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const pending = await pendingToken(account);
    const origin = standOrigin();
    await query("UPDATE users SET disabled_at = ? WHERE id = ?", Date.now(), account.id);
    for (const path of ["/session", "/sessions", "/totp"]) {
      expect((await client().call(path, { token })).status).toBe(401);
    }
    const text = await code(account.secret);
    expect((await verify(pending, text)).json.code).toBe("session_expired");
    expect((await client().post("/step-up", { code: text }, { token })).json.code).toBe("session_expired");
    expect((await client().post("/totp/setup", {}, { token })).json.code).toBe("session_expired");
    advance(60);
    expect((await visit(gated(), "/", { session: token })).status).toBe(401);
    expect(origin.requests).toEqual([]);
    expect(await listEvents("second_factor.accepted")).toHaveLength(1);
  });

  it.each([
    ["idle", () => advance(3600)],
    ["disabled with its account", () => query("UPDATE users SET disabled_at = ?", Date.now())],
  ])("SE-07 SE-11 is the end of asking for the password in it, too: %s", async (_, end) => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await end();
    for (const password of [account.password, "wrong password"]) {
      const body = { code: await code(account.secret), password };
      const answer = await client().post("/totp/disable", body, { token });
      expect([password, answer.status, answer.json.code]).toEqual([password, 401, "session_expired"]);
    }
    expect(await listEvents("first_factor.refused")).toEqual([]);
  });

  it("SE-11 comes when its row is gone", async () => {
    const token = await fullToken(await createReadyAccount());
    await query("DELETE FROM sessions");
    await expectDead(token);
  });
});

describe("a person's sessions", () => {
  it("SE-10 are listed, each with what it takes to recognise it", async () => {
    const account = await createReadyAccount();
    const stranger = await createAccount("eve");
    await client().login(stranger);
    await pendingToken(account);
    const options = { address: "203.0.113.7", headers: { "User-Agent": "Firefox on Debian" } };
    const first = await signInWith(account, await code(account.secret), options);
    advance(100);
    const token = (await signInWith(account, account.backupCodes[0])).json.session_token;
    const listed = await client().call("/sessions", { token });
    expect(listed.json.data.sessions).toEqual([
      expect.objectContaining({ current: true, aal: 2, amr: ["pwd", "backup_code"] }),
      {
        id: expect.any(String),
        current: false,
        aal: 2,
        amr: ["pwd", "otp"],
        created_at: new Date(Date.now() - 100_000).toISOString(),
        last_seen_at: new Date(Date.now() - 100_000).toISOString(),
        expires_at: new Date(Date.now() + 43_100_000).toISOString(),
        client_address: "203.0.113.7",
        user_agent: "Firefox on Debian",
      },
    ]);
    // An id is no token: whoever reads the list can't become one of the others.
    const { sid } = decodeJwt(first.json.session_token);
    expect(listed.text).not.toContain(String(sid));
    for (const { id } of listed.json.data.sessions) await expectDead(id);
  });

  it("SE-10 can be ended one by one, at once", async () => {
    const account = await createReadyAccount();
    const [first, second, token] = [
      await fullToken(account),
      await fullToken(account),
      await fullToken(account),
    ];
    const { sessions } = (await client().call("/sessions", { token: first })).json.data;
    const own = sessions.find(({ current }: { current: boolean }) => current);
    const ended = await client().call(`/sessions/${own.id}`, { method: "DELETE", token });
    expect(ended.json).toEqual({ status: "success", data: { ended: 1 } });
    await expectDead(first);
    await expectAlive(second);
    await expectAlive(token);
    const again = await client().call(`/sessions/${own.id}`, { method: "DELETE", token });
    expect(again).toMatchObject({ status: 404, json: { code: "not_found" } });
    expect((await listEvents("session.ended")).map(({ session_id }) => session_id)).toEqual([own.id]);
  });

  it("SE-10 can be ended all but the own one, those that wait for a code as well", async () => {
    const account = await createReadyAccount();
    const stranger = (await client().login(await createAccount("eve"))).json.session_token;
    const [first, second, token] = [
      await fullToken(account),
      await fullToken(account),
      await fullToken(account),
    ];
    const pending = await pendingToken(account);
    const ended = await client().call("/sessions", { method: "DELETE", token });
    expect(ended.json).toEqual({ status: "success", data: { ended: 3 } });
    await expectDead(first);
    await expectDead(second);
    expect((await verify(pending, await code(account.secret))).status).toBe(401);
    await expectAlive(token);
    await expectAlive(stranger);
    expect(await listEvents("session.others_ended")).toHaveLength(1);
    const none = await client().call("/sessions", { method: "DELETE", token });
    expect(none.json.data).toEqual({ ended: 0 });
  });

  it("SE-10 can't be ended from a session that is over", async () => {
    const account = await createReadyAccount();
    const [dead, alive] = [await fullToken(account), await fullToken(account)];
    await client().post("/logout", {}, { token: dead });
    const [row] = await listSessionRows("full");
    for (const path of ["/sessions", `/sessions/${row?.id}`]) {
      expect((await client().call(path, { method: "DELETE", token: dead })).status).toBe(401);
    }
    await expectAlive(alive);
  });

  it("SE-10 when the own one is ended, its cookies go", async () => {
    const token = await fullToken(await createReadyAccount());
    const [row] = await listSessionRows("full");
    const answer = await client().call(`/sessions/${row?.id}`, { method: "DELETE", ...asBrowser(token) });
    expect(answer.status).toBe(200);
    expect(cookieValue(answer, sessionCookieName)).toBe("");
    await expectDead(token);
  });

  it("WB-09 of another account are not found, and go on", async () => {
    const ada = await createReadyAccount("ada");
    const eve = await createReadyAccount("eve");
    const victim = await fullToken(ada);
    const [row] = await listSessionRows("full");
    const waiting = await pendingToken(ada);
    const [pendingRow] = await listSessionRows("pending");
    const token = await fullToken(eve);
    for (const id of [row?.id, pendingRow?.id, ada.id, "nonsense", "%00", "..%2f"]) {
      const answer = await client().call(`/sessions/${id}`, { method: "DELETE", token });
      expect([id, answer.status]).toEqual([id, 404]);
    }
    const form = String(new URLSearchParams({ id: row?.id ?? "" }));
    const headers = {
      ...browserHeaders({ [sessionCookieName]: token }),
      "Content-Type": "application/x-www-form-urlencoded",
    };
    await client().call("/account/sessions/end", { method: "POST", body: form, headers });
    await expectAlive(victim);
    expect((await verify(waiting, await code(ada.secret))).status).toBe(200);
    expect(await listEvents("session.ended")).toEqual([]);
    const listed = await client().call("/sessions", { token });
    expect(listed.json.data.sessions).toHaveLength(1);
  });
});

describe("a token that this Worker did not sign", () => {
  type Header = JWTHeaderParameters & Record<string, unknown>;

  interface Parts {
    readonly token: string;
    readonly header: Header;
    readonly payload: Record<string, unknown>;
  }

  const read = (token: string): Parts => ({
    token,
    header: decodeProtectedHeader(token) as Header,
    payload: { ...decodeJwt(token) },
  });

  const text = (value: unknown) => base64urlnopad.encode(new TextEncoder().encode(JSON.stringify(value)));

  /** The same claims, signed with the Worker's own key but for what is changed about them. */
  async function resign(
    { header, payload }: Parts,
    changes: { header?: Record<string, unknown>; payload?: Record<string, unknown> },
  ): Promise<string> {
    const key = await workersKeyring().sessionTokenKey(String(header.kid));
    if (key === null) throw new Error("The key is gone");
    const claims = Object.fromEntries(
      Object.entries({ ...payload, ...changes.payload }).filter(([, value]) => value !== undefined),
    );
    const protectedHeader = Object.fromEntries(
      Object.entries({ ...header, ...changes.header }).filter(([, value]) => value !== undefined),
    );
    const signingInput = `${text(protectedHeader)}.${text(claims)}`;
    const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(signingInput));
    return `${signingInput}.${base64urlnopad.encode(new Uint8Array(mac))}`;
  }

  function flip(part: string, at: number): string {
    const bytes = base64urlnopad.decode(part);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return base64urlnopad.encode(bytes);
  }

  /** Hostile forms of a token. Those that are signed are signed with the right key, and wrong in one thing. */
  async function mutations(parts: Parts, other: Parts): Promise<Record<string, string>> {
    const { token, header, payload } = parts;
    const [head = "", body = "", signature = ""] = token.split(".");
    const attacker = await generateKeyPair("EdDSA", { extractable: true });
    const attackerKey = crypto.getRandomValues(new Uint8Array(32));
    const jwk = await exportJWK(attacker.publicKey);
    const sign = (changes: Record<string, unknown>) =>
      new SignJWT(payload).setProtectedHeader({ ...header, ...changes } as Header).sign(attackerKey);
    const unsigned = (alg: string) => `${text({ ...header, alg })}.${body}.`;
    const now = Math.floor(Date.now() / 1000);
    const throttleKey = await workersKeyring().throttleKey();
    const otherPurpose = await crypto.subtle.sign(
      "HMAC",
      throttleKey,
      new TextEncoder().encode(`${head}.${body}`),
    );
    return {
      "alg none": unsigned("none"),
      "alg None": unsigned("None"),
      "alg none with a signature": `${unsigned("none")}${signature}`,
      "alg empty": unsigned(""),
      "alg HS512": await resign(parts, { header: { alg: "HS512" } }),
      "alg RS256": await resign(parts, { header: { alg: "RS256" } }),
      "no alg": await resign(parts, { header: { alg: undefined } }),
      "another's key": await sign({}),
      "another's key, with its jwk": await new SignJWT(payload)
        .setProtectedHeader({ ...header, alg: "EdDSA", jwk } as Header)
        .sign(attacker.privateKey),
      "another's symmetric key as a jwk": await sign({
        jwk: { kty: "oct", k: base64urlnopad.encode(attackerKey) },
      }),
      "another's key, with its address": await sign({
        jku: "https://evil.example/jwks.json",
        x5u: "https://evil.example/cert.pem",
      }),
      "the assertion's public key as a secret": await new SignJWT(payload)
        .setProtectedHeader(header)
        .sign(
          base64urlnopad.decode((await workersKeyring().assertionKeys(String(header.kid)))?.publicX ?? ""),
        ),
      "a key of another purpose": `${head}.${body}.${base64urlnopad.encode(new Uint8Array(otherPurpose))}`,
      "another kid": await resign(parts, { header: { kid: "other" } }),
      "no kid": await resign(parts, { header: { kid: undefined } }),
      "a kid that is a list": await resign(parts, { header: { kid: [header.kid] } }),
      "a kid of every object": await resign(parts, { header: { kid: "__proto__" } }),
      "a kid that is a path": await resign(parts, { header: { kid: "../../dev/null" } }),
      "another typ": await resign(parts, { header: { typ: "JWT" } }),
      "the other kind's typ": await resign(parts, { header: { typ: other.header.typ } }),
      "no typ": await resign(parts, { header: { typ: undefined } }),
      "a typ that is a number": await resign(parts, { header: { typ: 5 } }),
      "a crit that nobody knows": await resign(parts, { header: { crit: ["x"], x: 1 } }),
      "an unencoded payload": await resign(parts, { header: { b64: false, crit: ["b64"] } }),
      "another audience": await resign(parts, { payload: { aud: "other" } }),
      "no audience": await resign(parts, { payload: { aud: undefined } }),
      expired: await resign(parts, { payload: { exp: now } }),
      "without an end": await resign(parts, { payload: { exp: undefined } }),
      "an end that is text": await resign(parts, { payload: { exp: "9999999999" } }),
      "not valid yet": await resign(parts, { payload: { nbf: now + 60 } }),
      "without a session": await resign(parts, { payload: { sid: undefined } }),
      "a session that is a number": await resign(parts, { payload: { sid: 5 } }),
      "the other kind": other.token,
      "a bit of the header": `${flip(head, 2)}.${body}.${signature}`,
      "a bit of the payload": `${head}.${flip(body, 12)}.${signature}`,
      "the first bit of the signature": `${head}.${body}.${flip(signature, 0)}`,
      "the last bit of the signature": `${head}.${body}.${flip(signature, 31)}`,
      "no signature": `${head}.${body}.`,
      "half a signature": `${head}.${body}.${signature.slice(0, 20)}`,
      "two parts": `${head}.${body}`,
      "one part": head,
      "four parts": `${token}.${signature}`,
      "no payload": `${head}..${signature}`,
      "another's payload": `${head}.${other.token.split(".")[1]}.${signature}`,
      "white space inside": `${head}.\t${body}.${signature}`,
      padding: `${token}==`,
      "a letter of no alphabet": `${head}.${body}.*${signature.slice(1)}`,
      "a payload that is a list": `${head}.${text([payload])}.${signature}`,
      "a payload that is no JSON": `${head}.${base64urlnopad.encode(new Uint8Array([123]))}.${signature}`,
      "the JSON form of a JWS": text({ payload: body, protected: head, signature }),
      nothing: "",
      dots: "..",
      "very long": "a".repeat(10_000),
      "very long parts": `${"a".repeat(3000)}.${"a".repeat(3000)}.${"a".repeat(3000)}`,
    };
  }

  it("SE-15 is nobody's as a full session, under the base path and at the gate", async () => {
    const account = await createReadyAccount();
    const full = read(await fullToken(account));
    const pending = read((await pendingToken(account)).slice("pending_".length));
    const origin = standOrigin();
    const hostile = Object.entries({
      ...(await mutations(full, pending)),
      "with the pending prefix": `pending_${full.token}`,
    });
    expect(await resign(full, {})).toBe(full.token);
    for (const [what, token] of hostile) {
      const bearer = await whoAmI(token);
      expect([what, bearer.status]).toEqual([what, 401]);
      const cookie = await client().call("/session", asBrowser(token));
      expect([what, cookie.status]).toEqual([what, 401]);
      const gate = await visit(gated(), "/", { headers: { Authorization: `Bearer ${token}` } });
      expect([what, gate.status]).toEqual([what, 401]);
      const visited = await visit(gated(), "/", { session: token });
      expect([what, visited.status]).toEqual([what, 401]);
    }
    expect(origin.requests).toEqual([]);
    await expectAlive(full.token);
  });

  it("SE-15 is nobody's as a pending session", async () => {
    const account = await createReadyAccount();
    const full = read(await fullToken(account));
    const pending = read((await pendingToken(account)).slice("pending_".length));
    const right = await code(account.secret);
    for (const [what, token] of Object.entries(await mutations(pending, full))) {
      const answer = await verify(`pending_${token}`, right);
      // 422: longer than any token.
      const expected = token.length > 4000 ? [401, 422] : [401];
      expect([what, expected.includes(answer.status)]).toEqual([what, true]);
    }
    for (const token of [pending.token, `PENDING_${pending.token}`, `pending_pending_${pending.token}`]) {
      expect((await verify(token, right)).status).toBe(401);
    }
    expect(await listSessionRows("full")).toHaveLength(1);
    expect((await verify(`pending_${pending.token}`, right)).status).toBe(200);
  });

  it("INC-02 is no cookie at all when it is garbage, whatever stands around it", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = standOrigin();
    for (const cookie of [
      `${sessionCookieName}=`,
      `${sessionCookieName}`,
      `${sessionCookieName}=%`,
      `${sessionCookieName}=%00`,
      `=${token}`,
      `${token}`,
      `sallyport=${token}`,
      `__host-sallyport=${token}`,
      `__Host-sallyport2=${token}`,
      `__Secure-sallyport=${token}`,
      `x=${sessionCookieName}=${token}`,
      ";;;;",
    ]) {
      const gate = await visit(gated(), "/", { headers: { Cookie: cookie } });
      expect([cookie, gate.status]).toEqual([cookie, 401]);
      const answer = await client().call("/session", { headers: { Cookie: cookie } });
      expect([cookie, answer.status]).toEqual([cookie, 401]);
    }
    expect(origin.requests).toEqual([]);
  });
});

describe("setting two-factor authentication up", () => {
  async function signedIn(username = "ada") {
    const account = await createAccount(username);
    return { account, token: (await client().login(account)).json.session_token as string };
  }

  it("EN-01 leaves it off until a right code turns it on", async () => {
    const { account, token } = await signedIn();
    const { secret } = (await client().post("/totp/setup", {}, { token })).json.data;
    expect((await client().login(account)).json.status).toBe("success");
    const wrong = await client().post("/totp/enable", { code: await wrongCode(secret) }, { token });
    expect(wrong).toMatchObject({ status: 401, json: { code: "invalid_code" } });
    const status = await client().call("/totp", { token });
    expect(status.json.data).toEqual({ enabled: false, setup_at: null, backup_codes_remaining: 0 });
    expect((await client().login(account)).json.status).toBe("success");

    const enabled = await client().post("/totp/enable", { code: await code(secret) }, { token });
    expect(enabled.status).toBe(200);
    expect((await client().login(account)).json.status).toBe("totp_required");
    expect((await client().call("/totp", { token })).json.data).toEqual({
      enabled: true,
      setup_at: new Date().toISOString(),
      backup_codes_remaining: 10,
    });
  });

  it("EN-01 needs an enrolment that has begun", async () => {
    const { token } = await signedIn();
    const answer = await client().post("/totp/enable", { code: "123456" }, { token });
    expect(answer).toMatchObject({ status: 410, json: { code: "enrolment_expired" } });
    const account = await createReadyAccount("bob");
    const full = await fullToken(account);
    const again = await client().post("/totp/enable", { code: await code(account.secret) }, { token: full });
    expect(again).toMatchObject({ status: 409, json: { code: "already_enabled" } });
  });

  it("EN-01 takes the secret that was shown, and no other", async () => {
    const { account, token } = await signedIn();
    const { secret } = (await client().post("/totp/setup", {}, { token })).json.data;
    const own = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    for (const other of [own, secret.toLowerCase(), `${secret.slice(0, -1)}=`, ""]) {
      const body = { code: await code(own), secret: other };
      const answer = await client().post("/totp/enable", body, { token });
      expect(answer).toMatchObject({ status: 409, json: { code: "conflict" } });
    }
    expect(await readUser(account.id)).toMatchObject({ totp_enabled: 0, second_factor_failures: 0 });
    const body = { code: await code(secret), secret };
    expect((await client().post("/totp/enable", body, { token })).status).toBe(200);
  });

  it("EN-02 again needs a second factor not older than five minutes", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    advance(269);
    expect((await client().post("/totp/setup", {}, { token })).status).toBe(200);
    advance(2);
    const before = await readUser(account.id);
    const stale = await client().post("/totp/setup", {}, { token });
    expect(stale).toMatchObject({ status: 403, json: { code: "step_up_required", max_age: 300 } });
    expect(await readUser(account.id)).toEqual(before);

    const stepped = await client().post("/step-up", { code: await code(account.secret) }, { token });
    expect(stepped.json.data).toMatchObject({ method: "totp", auth_time: new Date().toISOString() });
    const fresh = stepped.json.session_token;
    expect((await client().post("/totp/setup", {}, { token: fresh })).status).toBe(200);
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
      expect((await client().post("/totp/disable", body, { token })).status).toBe(status);
    }
    expect((await readUser(account.id)).totp_enabled).toBe(1);
    expect((await client().post("/totp/disable", { code: right, password }, { token })).status).toBe(200);
  });

  it("EN-02 who has only a stolen session learns nothing about codes by switching it off", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const bodies = [await code(account.secret), await wrongCode(account.secret), account.backupCodes[0]];
    const answers: Answer[] = [];
    for (const text of bodies) {
      const body = { code: text, password: "wrong password" };
      answers.push(await client().post("/totp/disable", body, { token }));
    }
    for (const { status, json } of answers) expect([status, json.code]).toEqual([401, "invalid_credentials"]);
    expect(await readUser(account.id)).toMatchObject({ second_factor_failures: 0 });
    expect((await signInWith(account, account.backupCodes[0])).status).toBe(200);
  });

  it("EN-03 again is not for a session that has shown the password alone", async () => {
    const { token } = await signedIn();
    const { secret } = (await client().post("/totp/setup", {}, { token })).json.data;
    await client().post("/totp/enable", { code: await code(secret) }, { token });
    expect((await whoAmI(token)).json.data.aal).toBe(1);
    const answer = await client().post("/totp/setup", {}, { token });
    expect(answer).toMatchObject({ status: 403, json: { code: "step_up_required", max_age: 300 } });
  });

  it("EN-04 again leaves the old authenticator in force until the new one is confirmed", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const before = await readUser(account.id);
    const secrets: string[] = [];
    for (let i = 0; i < 2; i++) {
      const setup = await client().post("/totp/setup", {}, { token });
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
    expect((await client().post("/totp/enable", { code: await code(second) }, { token })).status).toBe(200);
    advance(30);
    expect((await signInWith(account, await code(account.secret))).status).toBe(401);
    expect((await signInWith(account, await code(second))).status).toBe(200);
  });

  it("EN-05 waits ten minutes for the first code and not one second more", async () => {
    const { account, token } = await signedIn();
    const setup = await client().post("/totp/setup", {}, { token });
    expect(setup.json.data.expires_in).toBe(600);
    const { secret } = setup.json.data;
    advance(599);
    expect((await client().post("/totp/enable", { code: await wrongCode(secret) }, { token })).status).toBe(
      401,
    );
    advance(1);
    const late = await client().post("/totp/enable", { code: await code(secret) }, { token });
    expect(late).toMatchObject({ status: 410, json: { code: "enrolment_expired" } });
    expect((await readUser(account.id)).totp_enabled).toBe(0);
  });

  it("EN-05 anew voids what was begun before", async () => {
    const { token } = await signedIn();
    const first = (await client().post("/totp/setup", {}, { token })).json.data.secret;
    const second = (await client().post("/totp/setup", {}, { token })).json.data.secret;
    expect(first).not.toBe(second);
    expect((await client().post("/totp/enable", { code: await code(first) }, { token })).status).toBe(401);
    const named = { code: await code(first), secret: first };
    expect((await client().post("/totp/enable", named, { token })).status).toBe(409);
    expect((await client().post("/totp/enable", { code: await code(second) }, { token })).status).toBe(200);
  });

  it("EN-05 TH-07 takes five wrong codes, and then makes one wait", async () => {
    const { account, token } = await signedIn();
    const { secret } = (await client().post("/totp/setup", {}, { token })).json.data;
    for (let i = 0; i < 5; i++) {
      const answer = await client().post("/totp/enable", { code: await wrongCode(secret, i) }, { token });
      expect(answer.status).toBe(401);
    }
    const again = (await client().post("/totp/setup", {}, { token })).json.data.secret;
    const refused = await client().post("/totp/enable", { code: await code(again) }, { token });
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "60"]);
    expect((await readUser(account.id)).totp_enabled).toBe(0);
    advance(60);
    expect((await client().post("/totp/enable", { code: await code(again) }, { token })).status).toBe(200);
  });

  it("EN-06 shows the secret in its own answer, and nowhere else", async () => {
    const { token } = await signedIn();
    const { secret } = (await client().post("/totp/setup", {}, { token })).json.data;
    const enabled = await client().post("/totp/enable", { code: await code(secret), secret }, { token });
    const answers = [enabled];
    for (const { method, path } of listRoutes()) {
      if (method === "GET") {
        answers.push(await client().call(path, { token }), await client().call(path, asBrowser(token)));
      }
    }
    expect(answers.length).toBeGreaterThan(15);
    for (const answer of answers) expect(answer.text).not.toContain(secret);
  });

  it("EN-07 EN-13 is written down, and so are its end and its backup codes: when, by whom, and from where", async () => {
    const { account, token } = await signedIn();
    const options = { token, address: "203.0.113.7" };
    const started = Date.now();
    const { secret } = (await client().post("/totp/setup", {}, options)).json.data;
    advance(30);
    await client().post("/totp/enable", { code: await code(secret) }, options);
    advance(30);
    await client().post("/backup-codes", { code: await code(secret) }, options);
    advance(30);
    const { password } = account;
    await client().post("/totp/disable", { code: await code(secret), password }, options);
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
    await client().post("/totp/disable", body, { token });
    advance(30);
    const text = await code(account.secret);
    expect((await verify(pending, text)).json.code).toBe("session_expired");
    expect((await verify(pending, account.backupCodes[0])).json.code).toBe("session_expired");
    for (const path of ["/step-up", "/backup-codes"]) {
      for (const each of [text, account.backupCodes[0]]) {
        const answer = await client().post(path, { code: each }, { token });
        expect(answer).toMatchObject({ status: 409, json: { code: "not_enabled" } });
      }
    }
    expect((await client().login(account)).json.status).toBe("success");
    expect((await client().call("/totp", { token })).json.data).toEqual({
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
      what === "on" ? (await client().login(account)).json.session_token : fullToken(account);
    const [first, second, token] = [await open(), await open(), await open()];
    const stranger = (await client().login(await createAccount("eve"))).json.session_token;
    if (what === "off") {
      const body = { code: await code(account.secret), password: account.password };
      expect((await client().post("/totp/disable", body, { token })).status).toBe(200);
    } else {
      const { secret } = (await client().post("/totp/setup", {}, { token })).json.data;
      const answer = await client().post("/totp/enable", { code: await code(secret) }, { token });
      expect(answer.status).toBe(200);
    }
    await expectDead(first);
    await expectDead(second);
    await expectAlive(token);
    await expectAlive(stranger);
  });

  it("EN-14 leaves no way in without a code", async () => {
    const account = await createReadyAccount();
    const { username, password } = account;
    const login = await client().login(account);
    expect(login.json).toEqual({
      status: "totp_required",
      session_token: expect.stringMatching(/^pending_/),
      expires_in: 300,
    });
    expect(cookieValue(login, sessionCookieName)).toBeUndefined();

    const page = await client().call("/sign-in", {
      method: "POST",
      body: String(new URLSearchParams({ username, password, rd: "/private" })),
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
    expect([page.status, page.headers.get("Location")]).toEqual([303, `${base}/second-factor?rd=%2Fprivate`]);
    expect(cookieValue(page, sessionCookieName)).toBeUndefined();
    expect(cookieValue(page, pendingCookieName)).toMatch(/^pending_/);

    const basic = btoa(`${username}:${password}`);
    const origin = standOrigin();
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
    const token = (await client().login(account)).json.session_token;
    const { secret } = (await client().post("/totp/setup", {}, { token })).json.data;
    await client().post("/totp/enable", { code: await code(secret) }, { token });
    const origin = standOrigin();
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
      const answer = await client().post("/totp/setup", fields, { token });
      expect(answer).toMatchObject({ status: 400, json: { code: "malformed_request" } });
    }
    const headers = {
      "X-Forwarded-User": "mallory",
      "Remote-User": "mallory",
      "Remote-Email": "m@evil.example",
    };
    const setup = await client().post("/totp/setup", {}, { token, headers });
    const uri = new URL(setup.json.data.provisioning_uri);
    expect(`${uri.host}${decodeURIComponent(uri.pathname)}`).toBe(`totp/Sallyport:${account.username}`);
    expect(uri.searchParams.get("issuer")).toBe("Sallyport");
  });
});
