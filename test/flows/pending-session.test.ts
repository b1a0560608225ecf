import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, cookieValue, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, pageLoad, visit } from "../support/gate.ts";
import { listRoutes, type Route } from "../support/routes.ts";
import { listSessionRows, query, readUser } from "../support/rows.ts";
import { expectEnded } from "../support/sessions.ts";
import { base, Client, code, type EnrolledAccount, pendingToken } from "../support/worker.ts";

useFreshWorker();

describe("a pending session", () => {
  /** Public routes. They respond to a pending session as to any other request. */
  const open = new Set([
    "GET /health",
    "GET /.well-known/jwks.json",
    "GET /openapi.json",
    "GET /docs",
    "POST /login",
    "GET /assets/sallyport.css",
    "GET /assets/sallyport.js",
    "GET /assets/site.js",
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
  /** Where the first factor is a password, there is nothing to hand over, with or without a session. */
  const notFound = "POST /hand-over";
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
      const answer = await new Client().call(path, {
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
      } else if (nameOf(route) === notFound) {
        expect(what).toBe(`${notFound}: 404`);
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
    const origin = mockOrigin();
    for (const level of ["first_factor", "second_factor"] as const) {
      const bindings = gated([{ path: "/*", require: level }]);
      for (const method of ["GET", "POST", "DELETE"]) {
        expect((await visit(bindings, "/private", { method, headers: carry(token) })).status).toBe(401);
      }
      const page = await visit(bindings, "/private", { headers: { ...pageLoad, ...carry(token) } });
      expect([page.status, page.headers.get("Location")]).toEqual([303, `${base}/sign-in?rd=%2Fprivate`]);
    }
    expect(origin.requests).toEqual([]);
    // On public paths, the request is anonymous.
    await visit(gated([{ path: "/*", require: "none" }]), "/public", { headers: carry(token) });
    expect(origin.only().headers.has("Remote-User")).toBe(false);
  });

  it("SE-01 is no full session without its prefix, and a full one is no pending one with it", async () => {
    const account = await createReadyAccount();
    const full = await fullToken(account);
    const pending = await pendingToken(account);
    await expectEnded(pending.replace("pending_", ""));
    for (const token of [full, `pending_${full}`]) {
      const answer = await verify(token, await code(account.secret));
      expect(answer).toMatchObject({ status: 401, json: { code: "session_expired" } });
    }
  });

  it("SE-01 can be signed out of, by bearer token and by cookie, and then opens nothing", async () => {
    const account = await createReadyAccount();
    for (const carry of [carriers["a bearer token"], carriers["the pending cookie"]]) {
      const token = await pendingToken(account);
      expect((await new Client().post("/logout", {}, { headers: carry(token) })).status).toBe(200);
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
