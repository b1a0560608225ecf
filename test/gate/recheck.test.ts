import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createReadyAccount, fullToken } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { cookieValue, parseSetCookies, sessionCookieName } from "../support/cookies.ts";
import { countTrips } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mintSessionToken, mockOrigin, pageLoad, secondsAgo, visit } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { query } from "../support/rows.ts";
import { Client } from "../support/worker.ts";

useFreshWorker();
beforeEach(() => {
  collectLogLines();
});

/** Signs in with both factors. */
async function signedIn() {
  const account = await createReadyAccount();
  return { account, session: await fullToken(account) };
}

/** A gate that counts its trips to D1. */
function counted(overrides = {}) {
  const { db, trips } = countTrips(env.DB);
  return { bindings: gated([{ path: "/public", require: "none" }], { DB: db, ...overrides }), trips };
}

/** Headers that a cache obeys instead of `Cache-Control`. */
const targetedForCaches = {
  "CDN-Cache-Control": "max-age=600",
  "Cloudflare-CDN-Cache-Control": "max-age=600",
  "Surrogate-Control": "max-age=600",
};

describe("a session at the gate", () => {
  it("is accepted without a trip to the store while it is fresh", async () => {
    const { bindings, trips } = counted();
    const origin = mockOrigin();
    const session = await mintSessionToken({ checkedAt: secondsAgo(59) });
    const response = await visit(bindings, "/a", { session });
    expect([response.status, trips]).toEqual([200, { reads: 0, batches: 0 }]);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(origin.requests).toHaveLength(1);
  });

  it("is accepted without a check for exactly SESSION_RECHECK seconds, and never where that is 0", async () => {
    mockOrigin();
    const ages = [
      ["60", 59.999, 200],
      ["60", 60, 401],
      ["5", 5, 401],
      ["0", 0, 401],
    ] as const;
    for (const [SESSION_RECHECK, age, status] of ages) {
      // This session has no row, so a check with the store would reject it.
      const session = await mintSessionToken({ checkedAt: new Date(Date.now()) });
      advance(age);
      expect([age, (await visit(gated([], { SESSION_RECHECK }), "/a", { session })).status]).toEqual([
        age,
        status,
      ]);
      advance(1 - (age % 1));
    }
  });

  it("costs no trip without a session either", async () => {
    const { bindings, trips } = counted();
    mockOrigin();
    await visit(bindings, "/a");
    await visit(bindings, "/public");
    await visit(bindings, "/a", { session: "garbage" });
    expect(trips).toEqual({ reads: 0, batches: 0 });
  });

  it("is checked with one batch when SESSION_RECHECK is over, and renewed beside the origin's cookies", async () => {
    const { session } = await signedIn();
    const { bindings, trips } = counted();
    mockOrigin(() => {
      const headers = new Headers([
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
      ]);
      return new Response("ok", { headers });
    });
    advance(60);
    const response = await visit(bindings, "/a", { session });
    expect([response.status, await response.text(), trips]).toEqual([200, "ok", { reads: 0, batches: 1 }]);
    expect(parseSetCookies(response).map(({ name }) => name)).toEqual(["a", "b", sessionCookieName]);
    const [, , renewed] = parseSetCookies(response);
    expect(renewed?.attributes).toMatchObject({ path: "/", secure: true, httponly: true, samesite: "Lax" });
    expect(renewed?.attributes).not.toHaveProperty("domain");

    const token = cookieValue(response, sessionCookieName) ?? "";
    expect(token).not.toBe(session);
    advance(59);
    expect((await visit(bindings, "/a", { session: token })).status).toBe(200);
    expect(trips.batches).toBe(1);
  });

  it("is renewed on what the origin answers to HEAD, with a redirect, and with an error", async () => {
    const { session } = await signedIn();
    advance(60);
    for (const [method, status] of [
      ["HEAD", 200],
      ["GET", 302],
      ["GET", 304],
      ["POST", 500],
    ] as const) {
      mockOrigin(() => new Response(null, { status }));
      const response = await visit(gated(), "/a", { session, method });
      expect([response.status, cookieValue(response, sessionCookieName)]).toEqual([
        status,
        expect.any(String),
      ]);
      vi.mocked(fetch).mockRestore();
    }
  });

  it.each([
    [
      "what the origin calls public",
      { "Cache-Control": "public, max-age=600" },
      "public, max-age=600, private",
    ],
    [
      "what it calls public for shared caches alone",
      { "Cache-Control": "s-maxage=600" },
      "s-maxage=600, private",
    ],
    ["what only a date makes storable", { Expires: "Fri, 01 Jan 2100 00:00:00 GMT" }, "private"],
    ["what a header for one kind of cache makes storable", targetedForCaches, "private"],
  ])(
    "INC-37 is renewed on a response that no shared cache may store: %s",
    async (_what, headers, expected) => {
      const { session } = await signedIn();
      advance(60);
      mockOrigin(() => new Response("ok", { headers }));
      const response = await visit(gated(), "/a", { session });
      expect(cookieValue(response, sessionCookieName)).toEqual(expect.any(String));
      expect(response.headers.get("Cache-Control")).toBe(expected);
      for (const name of Object.keys(targetedForCaches)) expect(response.headers.has(name), name).toBe(false);

      const unrenewed = await visit(gated(), "/a", {
        session: cookieValue(response, sessionCookieName) ?? "",
      });
      expect(unrenewed.headers.getSetCookie()).toEqual([]);
      for (const [name, value] of Object.entries(headers))
        expect(unrenewed.headers.get(name), name).toBe(value);
    },
  );

  it("gets no cookie that it did not come with: a bearer token stays as it is", async () => {
    const { session } = await signedIn();
    const { bindings, trips } = counted();
    mockOrigin();
    advance(60);
    const response = await visit(bindings, "/a", { headers: { Authorization: `Bearer ${session}` } });
    expect([response.status, response.headers.getSetCookie(), trips.batches]).toEqual([200, [], 1]);
  });

  it("is asked about every time when SESSION_RECHECK is 0", async () => {
    const { session } = await signedIn();
    const { bindings, trips } = counted({ SESSION_RECHECK: "0" });
    mockOrigin();
    await visit(bindings, "/a", { session });
    await visit(bindings, "/a", { session });
    expect(trips.batches).toBe(2);
  });

  it("SE-06 dies within SESSION_RECHECK after signing out elsewhere, and at once where that is 0", async () => {
    const { session } = await signedIn();
    await new Client().post("/logout", {}, { token: session });
    const origin = mockOrigin();
    const atOnce = gated([], { SESSION_RECHECK: "0" });
    expect((await visit(atOnce, "/a", { session })).status).toBe(401);
    expect(origin.requests).toEqual([]);
    advance(60);
    expect((await visit(gated(), "/a", { session })).status).toBe(401);
    const page = await visit(gated(), "/a", { session, headers: pageLoad });
    expect(page.headers.get("Location")).toBe("/api/auth/sign-in?rd=%2Fa");
    expect(origin.requests).toEqual([]);
  });

  it("SE-06 that has ended is anonymous on public paths", async () => {
    const { session } = await signedIn();
    await new Client().post("/logout", {}, { token: session });
    const origin = mockOrigin();
    advance(60);
    const { bindings } = counted();
    expect((await visit(bindings, "/public", { session })).status).toBe(200);
    expect(origin.only().headers.has("Remote-User")).toBe(false);
    expect(origin.only().headers.get("Cookie")).toBeNull();
  });

  it("SE-11 dies with its account", async () => {
    const { account, session } = await signedIn();
    await query("UPDATE users SET disabled_at = ? WHERE id = ?", Date.now(), account.id);
    const origin = mockOrigin();
    advance(60);
    expect((await visit(gated(), "/a", { session })).status).toBe(401);
    expect(origin.requests).toEqual([]);
  });

  it("SE-07 ends when it was idle for SESSION_IDLE, and not while it is used", async () => {
    let { session } = await signedIn();
    const origin = mockOrigin();
    for (let use = 0; use < 3; use++) {
      advance(3500);
      const response = await visit(gated(), "/a", { session });
      expect(response.status).toBe(200);
      session = cookieValue(response, sessionCookieName) ?? "";
    }
    advance(3600);
    expect((await visit(gated(), "/a", { session })).status).toBe(401);
    expect(origin.requests).toHaveLength(3);
  });

  it("SE-07 ends after SESSION_MAX_AGE, however busy it is", async () => {
    let { session } = await signedIn();
    mockOrigin();
    for (let hour = 1; hour <= 12; hour++) {
      advance(3540);
      const response = await visit(gated(), "/a", { session });
      expect(response.status, `hour ${hour}`).toBe(200);
      session = cookieValue(response, sessionCookieName) ?? "";
    }
    advance(12 * 60);
    expect((await visit(gated(), "/a", { session })).status).toBe(401);
  });

  it("learns with the next check that its account has a second factor now", async () => {
    const { account, session } = await signedIn();
    await query(
      "UPDATE sessions SET second_factor_at = NULL, amr = '[\"pwd\"]' WHERE user_id = ?",
      account.id,
    );
    const origin = mockOrigin();
    advance(60);
    const page = await visit(gated([], { ENROLMENT: "optional" }), "/a", { session, headers: pageLoad });
    expect([page.status, page.headers.get("Location")]).toEqual([303, "/api/auth/second-factor?rd=%2Fa"]);
    expect(origin.requests).toEqual([]);
  });
});
