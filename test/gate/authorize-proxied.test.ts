import { env } from "cloudflare:workers";
import { createLocalJWKSet, jwtVerify } from "jose";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { FullSessionClaims } from "../../src/core/tokens/session-token.ts";
import { advance } from "../support/clock.ts";
import { countTrips, failAlways } from "../support/d1.ts";
import { ask, asked, endpoints, identityIn, noIdentity, page, proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { mintSessionToken, type Rule, secondsAgo } from "../support/gate.ts";
import { tapKv } from "../support/kv.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { query } from "../support/rows.ts";
import { Client, code, createEnrolledAccount, host, send } from "../support/worker.ts";

useFreshWorker();
beforeEach(() => {
  collectLogLines();
});

const policy: readonly Rule[] = [
  { path: "/public/*", require: "none" },
  { path: "/feed", require: "first_factor" },
  { path: "/api/*", methods: ["GET"], require: "first_factor" },
  { path: "/admin/*", require: "second_factor", max_age: 300 },
  { path: "/fresh", require: "first_factor", max_age: 300 },
];
const firstFactorOnly = { enrolled: false, amr: ["pwd"], secondFactorAt: null };
const notEnrolled = () => mintSessionToken(firstFactorOnly);

/** Denied sessions, by their claims, with the reason and the page that is linked. */
const refusals: [string, (() => Partial<FullSessionClaims>) | null, string, string][] = [
  ["nobody", null, "/inbox?x=1&y=2", "/api/auth/sign-in?rd=%2Finbox%3Fx%3D1%26y%3D2"],
  ["nobody at the root", null, "/", "/api/auth/sign-in"],
  [
    "an account that must set it up",
    () => firstFactorOnly,
    "/inbox",
    "/api/auth/account/two-factor?rd=%2Finbox",
  ],
  ["a session without it", () => ({ secondFactorAt: null }), "/inbox", "/api/auth/second-factor?rd=%2Finbox"],
  [
    "a session with it from too long ago",
    () => ({ secondFactorAt: secondsAgo(301) }),
    "/admin/x",
    "/api/auth/second-factor?rd=%2Fadmin%2Fx",
  ],
];

const sessionOf = async (claims: (() => Partial<FullSessionClaims>) | null) =>
  claims === null ? {} : { session: await mintSessionToken(claims()) };

describe("/auth-request, for nginx and HAProxy", () => {
  it.each(refusals)("answers %s with 401 and the page that helps", async (_who, claims, uri, location) => {
    const session = await sessionOf(claims);
    for (const headers of [page, {}, { Accept: "application/json" }]) {
      const response = await ask(asked(policy), "/auth-request", { uri, headers, ...session });
      expect([response.status, response.headers.get("Location"), await response.text()]).toEqual([
        401,
        location,
        "",
      ]);
      expect(response.headers.get("Cache-Control")).toBe("no-store");
      expect(identityIn(response)).toEqual([null, null, null]);
    }
  });

  it("answers a lost form with 401 and the page that helps, too: the proxy decides what to make of it", async () => {
    for (const [Referer, way] of [
      ["", "/api/auth/sign-in"],
      [`${host}/orders/new`, "/api/auth/sign-in?rd=%2Forders%2Fnew"],
    ] as const) {
      const response = await ask(asked(), "/auth-request", { method: "POST", headers: { ...page, Referer } });
      expect([response.status, response.headers.get("Location")]).toEqual([401, way]);
    }
  });

  it("answers 403 and nothing else when it can't judge: no store, no readable path, no request", async () => {
    const stale = { session: await mintSessionToken({ checkedAt: secondsAgo(61) }) };
    const broken = asked(policy, { DB: failAlways(env.DB) });
    const answers = [
      await ask(broken, "/auth-request", stale),
      await ask(broken, "/auth-request", { ...stale, headers: page }),
      await ask(asked(policy), "/auth-request", { uri: "/%zz" }),
      await ask(asked(policy), "/auth-request", { uri: "/%00", session: await mintSessionToken() }),
      await ask(asked(policy), "/auth-request", { uri: "", session: await mintSessionToken() }),
      await ask(asked(policy), "/auth-request", { method: "", session: await mintSessionToken() }),
    ];
    for (const response of answers) {
      expect([response.status, response.headers.get("Location")]).toEqual([403, null]);
      expect(identityIn(response)).toEqual([null, null, null]);
    }
  });

  it("answers HEAD as it answers GET", async () => {
    const headers = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/inbox" };
    const init = { method: "HEAD", headers, redirect: "manual" } as const;
    const response = await send(new Request(`${host}/api/auth/auth-request`, init), asked());
    expect([response.status, response.headers.get("Location")]).toEqual([
      401,
      "/api/auth/sign-in?rd=%2Finbox",
    ]);
  });
});

describe("/forward-auth, for Caddy and Traefik", () => {
  it.each(refusals)(
    "sends %s from a page load to the page that helps",
    async (_who, claims, uri, location) => {
      const session = await sessionOf(claims);
      for (const method of ["GET", "HEAD"]) {
        const response = await ask(asked(policy), "/forward-auth", {
          method,
          uri,
          headers: page,
          ...session,
        });
        expect([response.status, response.headers.get("Location")]).toEqual([303, location]);
      }
      const old = await ask(asked(policy), "/forward-auth", {
        uri,
        headers: { Accept: "text/html" },
        ...session,
      });
      expect(old.status).toBe(303);
    },
  );

  it.each(refusals)("tells %s in problem JSON otherwise", async (_who, claims, uri, location) => {
    const session = await sessionOf(claims);
    for (const headers of [
      {},
      { Accept: "application/json" },
      { Accept: "*/*", "Sec-Fetch-Mode": "cors" },
      { "Sec-Fetch-Mode": "websocket" },
    ] as Record<string, string>[]) {
      const response = await ask(asked(policy), "/forward-auth", { uri, headers, ...session });
      expect([response.status, response.headers.get("Location")]).toEqual([401, null]);
      expect(response.headers.get("Content-Type")).toBe("application/problem+json; charset=utf-8");
      expect(await response.json()).toMatchObject({ status: 401, sign_in: location });
    }
  });

  it("never sends a request that can change something away: a form gets a page that says that it is lost", async () => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
      const form = await ask(asked(), "/forward-auth", {
        method,
        uri: "/orders",
        headers: { ...page, Referer: `${host}/orders/new` },
      });
      expect([method, form.status, form.headers.get("Location")]).toEqual([method, 401, null]);
      const text = await form.text();
      expect(text).toContain("Your form was not sent");
      expect(text).toContain('href="/api/auth/sign-in?rd=%2Forders%2Fnew"');
      const program = await ask(asked(), "/forward-auth", { method, uri: "/orders" });
      expect([program.status, await program.json()]).toEqual([
        401,
        expect.objectContaining({ code: "unauthenticated", sign_in: "/api/auth/sign-in" }),
      ]);
    }
  });

  it("denies access with 503 when the store does not respond", async () => {
    const session = await mintSessionToken({ checkedAt: secondsAgo(61) });
    const response = await ask(asked(policy, { DB: failAlways(env.DB) }), "/forward-auth", { session });
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect(identityIn(response)).toEqual([null, null, null]);
  });
});

describe.each(endpoints)("%s", (endpoint) => {
  it("names an allowed visitor with all identity headers", async () => {
    const response = await ask(asked(), endpoint, { session: await mintSessionToken(), headers: page });
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(identityIn(response)).toEqual(["ada", "ada@example.com", expect.stringMatching(/^ey/)]);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it("has all identity headers for an anonymous request and for an account without an email address, and they are empty", async () => {
    const nobody = await ask(asked(policy), endpoint, { uri: "/public/x" });
    expect([nobody.status, identityIn(nobody)]).toEqual([200, noIdentity]);
    const names = [...nobody.headers.keys()];
    expect(names).toEqual(expect.arrayContaining(["remote-user", "remote-email", "x-sallyport-assertion"]));
    const noAddress = await ask(asked(), endpoint, { session: await mintSessionToken({ email: null }) });
    expect(identityIn(noAddress)).toEqual(["ada", "", expect.stringMatching(/^ey/)]);
  });

  it("WB-05 does not repeat what a client says of itself", async () => {
    const headers = { "Remote-User": "root", "Remote-Email": "root@x", "X-Sallyport-Assertion": "forged" };
    expect(identityIn(await ask(asked(policy), endpoint, { uri: "/public/x", headers }))).toEqual(noIdentity);
    const session = await mintSessionToken();
    expect(identityIn(await ask(asked(policy), endpoint, { headers, session }))[0]).toBe("ada");
  });

  it.each(["garbage", "", "a.b.c", "null", "%00", "x".repeat(4000), '"; Path=/'])(
    "INC-02 treats the cookie %j as absent: only a public path responds with 200, and without a name",
    async (session) => {
      const refused = await ask(asked(policy), endpoint, { session });
      expect([refused.status, identityIn(refused)]).toEqual([401, [null, null, null]]);
      const open = await ask(asked(policy), endpoint, { uri: "/public/x", session });
      expect([open.status, identityIn(open)]).toEqual([200, noIdentity]);
    },
  );

  it("SE-01 INC-11 opens nothing to a pending session", async () => {
    const account = await createEnrolledAccount();
    const { session_token: pending } = (await new Client().login(account)).json;
    for (const headers of [
      { Cookie: `__Host-sallyport-pending=${pending}` },
      { Cookie: `__Host-sallyport=${pending}` },
      { Authorization: `Bearer ${pending}` },
    ] as Record<string, string>[]) {
      for (const uri of ["/inbox", "/feed"])
        expect((await ask(asked(policy), endpoint, { uri, headers })).status).toBe(401);
    }
  });

  it("INC-15 takes no password: Basic credentials open nothing, and cost no hash and no counter", async () => {
    const account = await createEnrolledAccount();
    const Authorization = `Basic ${btoa(`${account.username}:${account.password}`)}`;
    const { db, trips } = countTrips(env.DB);
    const counters = await query("SELECT * FROM throttles");
    expect((await ask(asked([], { DB: db }), endpoint, { headers: { Authorization } })).status).toBe(401);
    expect(trips).toEqual({ reads: 0, batches: 0 });
    expect(await query("SELECT * FROM throttles")).toEqual(counters);
  });

  it("judges by the method and path of the original request", async () => {
    const session = await notEnrolled();
    const status = async (method: string, uri: string) =>
      (await ask(asked(policy), endpoint, { method, uri, session })).status;
    expect(await status("GET", "/feed")).toBe(200);
    expect(await status("GET", "/api/x")).toBe(200);
    expect(await status("HEAD", "/api/x")).toBe(200);
    // A method in lower case is another method for some sites (INC-31).
    expect(await status("get", "/api/x")).toBe(403);
    expect(await status("POST", "/api/x")).toBe(401);
    expect(await status("DELETE", "/api/x")).toBe(401);
    expect(await status("GET", "/inbox")).toBe(401);
    expect(await status("GET", "/fee")).toBe(401);
  });

  it("SE-12 asks for a fresh second factor where a rule has max_age", async () => {
    const session = await mintSessionToken();
    const status = async (uri: string) => (await ask(asked(policy), endpoint, { uri, session })).status;
    const stepped = { SESSION_RECHECK: "3600", SESSION_IDLE: "3600" };
    const later = async (uri: string) =>
      (await ask(asked(policy, stepped), endpoint, { uri, session })).status;
    expect(await status("/admin/x")).toBe(200);
    advance(300);
    expect([await later("/admin/x"), await later("/fresh")]).toEqual([200, 200]);
    advance(1);
    expect([await later("/admin/x"), await later("/fresh"), await later("/inbox")]).toEqual([401, 401, 200]);
    const response = await ask(asked(policy, stepped), "/forward-auth", { uri: "/admin/x", session });
    expect(await response.json()).toMatchObject({ code: "step_up_required", max_age: 300 });
  });

  it("costs no trip to D1 and no call of KV with a fresh session, and none without a session", async () => {
    const { db, trips } = countTrips(env.DB);
    const { kv, calls } = tapKv(env.BLOCKS);
    const fetched = vi.spyOn(globalThis, "fetch");
    const bindings = asked(policy, { DB: db, BLOCKS: kv });
    const session = await mintSessionToken({ checkedAt: secondsAgo(59) });
    expect((await ask(bindings, endpoint, { session })).status).toBe(200);
    expect((await ask(bindings, endpoint, { uri: "/public/x", session })).status).toBe(200);
    expect((await ask(bindings, endpoint)).status).toBe(401);
    expect([trips, calls, fetched.mock.calls.length]).toEqual([
      { reads: 0, batches: 0 },
      { gets: 0, puts: 0 },
      0,
    ]);
  });

  it("costs one trip to D1 when SESSION_RECHECK is over, and renews the cookie for the proxy to hand on", async () => {
    const account = await createEnrolledAccount();
    advance(60);
    const pending = (await new Client().login(account)).json.session_token;
    const verified = await new Client().post("/totp/verify", {
      session_token: pending,
      code: await code(account.secret),
    });
    const { session_token: session } = verified.json;
    const { db, trips } = countTrips(env.DB);
    const bindings = asked(policy, { DB: db });
    advance(60);
    const response = await ask(bindings, endpoint, { session });
    expect([response.status, trips]).toEqual([200, { reads: 0, batches: 1 }]);
    const [cookie = "", ...more] = response.headers.getSetCookie();
    expect(more).toEqual([]);
    for (const flag of ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="])
      expect(cookie).toContain(flag);
    const renewed = /^__Host-sallyport=([^;]+)/.exec(cookie)?.[1] ?? "";
    advance(59);
    expect((await ask(bindings, endpoint, { session: renewed })).status).toBe(200);
    expect(trips.batches).toBe(1);

    const bearer = await ask(bindings, endpoint, { headers: { Authorization: `Bearer ${session}` } });
    expect([bearer.status, bearer.headers.getSetCookie()]).toEqual([200, []]);

    await query("DELETE FROM sessions");
    advance(60);
    expect((await ask(bindings, endpoint, { session: renewed })).status).toBe(401);
  });

  it("WB-05 signs for the host and scheme that the visitor sees, behind a proxy that ends TLS", async () => {
    const inside = `${host.replace("https", "http")}/api/auth${endpoint}`;
    const assertionOf = async (extra: Record<string, string>, overrides = {}) => {
      const headers = {
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": "/inbox",
        Cookie: `__Host-sallyport=${await mintSessionToken()}`,
        ...extra,
      };
      const response = await send(new Request(inside, { headers }), asked([], overrides));
      return response.headers.get("X-Sallyport-Assertion") ?? "";
    };
    const jwks = await new Client().call("/.well-known/jwks.json");
    const verify = (assertion: string, scheme: string, audience = `${scheme}://site.example`) =>
      jwtVerify(assertion, createLocalJWKSet(jwks.json), {
        issuer: `${scheme}://site.example/api/auth`,
        audience,
        currentDate: new Date(),
        algorithms: ["EdDSA"],
      });
    const trusted = { "X-Forwarded-Proto": "https", "X-Sallyport-Proxy-Key": proxyKey };
    const { payload } = await verify(await assertionOf(trusted), "https");
    expect(payload).toMatchObject({ sub: "u-ada", preferred_username: "ada", amr: ["pwd", "otp"] });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(60);

    await verify(await assertionOf({ "X-Forwarded-Proto": "https" }), "http");
    await verify(await assertionOf({ ...trusted, "X-Sallyport-Proxy-Key": "wrong" }), "http");
    await verify(await assertionOf({ ...trusted, "X-Forwarded-Proto": "gopher" }), "http");
    await verify(await assertionOf({ "X-Forwarded-Host": "evil.example" }), "http");
    const origin = { ORIGIN_URL: "https://inside.example" };
    await verify(await assertionOf(trusted, origin), "https", "https://inside.example");
  });
});
