import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  gated,
  mintSessionToken,
  mockOrigin,
  pageLoad,
  scripted,
  secondsAgo,
  visit,
} from "../support/gate.ts";
import { firstFactorOnly } from "../support/session-token.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const html = { Accept: pageLoad.Accept };

describe("a visitor without a session", () => {
  it("is sent to sign-in from a page load, with the way back", async () => {
    const origin = mockOrigin();
    const response = await visit(gated(), "/reports/2026?q=a b&n=1", { headers: pageLoad });
    expect(response.status).toBe(303);
    const back = encodeURIComponent("/reports/2026?q=a%20b&n=1");
    expect(response.headers.get("Location")).toBe(`/api/auth/sign-in?rd=${back}`);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(origin.requests).toEqual([]);
  });

  it("is sent to sign-in without a way back from the root, which is where it goes anyway", async () => {
    mockOrigin();
    const response = await visit(gated(), "/", { headers: pageLoad });
    expect(response.headers.get("Location")).toBe("/api/auth/sign-in");
  });

  it("is taken for a browser when it asks for HTML and says no more", async () => {
    mockOrigin();
    const response = await visit(gated(), "/", { headers: html });
    expect(response.status).toBe(303);
  });

  it("is redirected on HEAD as on GET", async () => {
    const origin = mockOrigin();
    const response = await visit(gated(), "/x", { method: "HEAD", headers: pageLoad });
    expect([response.status, response.headers.get("Location")]).toEqual([303, "/api/auth/sign-in?rd=%2Fx"]);
    const program = await visit(gated(), "/x", { method: "HEAD" });
    expect([program.status, await program.text()]).toEqual([401, ""]);
    expect(origin.requests).toEqual([]);
  });

  it.each([
    ["a script", scripted],
    ["a script that asks for HTML", { ...scripted, ...html }],
    ["an image", { Accept: "image/avif,*/*", "Sec-Fetch-Mode": "no-cors" }],
    ["curl", { Accept: "*/*" }],
    ["a client that says nothing", {}],
  ])("is refused with 401, not redirected, when it is %s", async (_who, headers) => {
    const origin = mockOrigin();
    const response = await visit(gated(), "/data", { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get("Location")).toBeNull();
    expect(origin.requests).toEqual([]);
  });

  it("gets a problem document with a code, as a program", async () => {
    mockOrigin();
    const response = await visit(gated(), "/data", { headers: scripted });
    expect(response.headers.get("Content-Type")).toBe("application/problem+json; charset=utf-8");
    expect(await response.json()).toEqual({
      type: "urn:sallyport:problem:unauthenticated",
      title: "Not signed in",
      status: 401,
      detail: expect.any(String),
      code: "unauthenticated",
      request_id: response.headers.get("X-Request-Id"),
      sign_in: "/api/auth/sign-in?rd=%2Fdata",
    });
  });

  it.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
    "is never redirected away from a %s, whose body would be lost",
    async (method) => {
      const origin = mockOrigin();
      const body = method === "OPTIONS" ? {} : { body: "a=1" };
      const page = await visit(gated(), "/form", { method, headers: pageLoad, ...body });
      expect([page.status, page.headers.get("Location")]).toEqual([401, null]);
      expect(page.headers.get("Content-Type")).toBe("text/html; charset=UTF-8");
      const program = await visit(gated(), "/form", { method, headers: scripted, ...body });
      expect(program.status).toBe(401);
      expect(await program.json()).toMatchObject({ code: "unauthenticated" });
      expect(origin.requests).toEqual([]);
    },
  );
});

describe("a session with a first factor only", () => {
  it("is sent to set up the second one where everybody has to have it", async () => {
    const origin = mockOrigin();
    const session = await mintSessionToken(firstFactorOnly);
    const page = await visit(gated(), "/a", { session, headers: pageLoad });
    expect([page.status, page.headers.get("Location")]).toEqual([
      303,
      "/api/auth/account/two-factor?rd=%2Fa",
    ]);
    const program = await visit(gated(), "/a", { session, headers: scripted });
    expect(program.status).toBe(401);
    expect(await program.json()).toMatchObject({ code: "second_factor_required", status: 401 });
    expect(origin.requests).toEqual([]);
  });

  it("passes where a second factor is optional and the account has none", async () => {
    const origin = mockOrigin();
    const session = await mintSessionToken(firstFactorOnly);
    const response = await visit(gated([], { ENROLMENT: "optional" }), "/a", { session });
    expect(await response.text()).toBe("from the origin");
    expect(origin.only().headers.get("Remote-User")).toBe("ada");
  });

  it("is asked for the second factor that the account has, optional or not", async () => {
    const origin = mockOrigin();
    const session = await mintSessionToken({ ...firstFactorOnly, enrolled: true });
    for (const ENROLMENT of ["required", "optional"]) {
      const response = await visit(gated([], { ENROLMENT }), "/a", { session, headers: pageLoad });
      expect([response.status, response.headers.get("Location")]).toEqual([
        303,
        "/api/auth/second-factor?rd=%2Fa",
      ]);
    }
    expect(origin.requests).toEqual([]);
  });

  it("passes a rule that asks for a first factor, and no other", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/wiki/*", require: "first_factor" }]);
    const session = await mintSessionToken(firstFactorOnly);
    expect((await visit(bindings, "/wiki/start", { session })).status).toBe(200);
    expect(origin.only().headers.get("Remote-User")).toBe("ada");
    expect((await visit(bindings, "/wikipedia", { session })).status).toBe(401);
    expect((await visit(bindings, "/wiki/start", {})).status).toBe(401);
    expect(origin.requests).toHaveLength(1);
  });
});

describe("a session with both factors", () => {
  it("passes", async () => {
    const origin = mockOrigin();
    const response = await visit(gated(), "/a?b=c", { session: await mintSessionToken() });
    expect([response.status, await response.text()]).toEqual([200, "from the origin"]);
    expect(origin.only().url).toBe("http://origin.test/a?b=c");
  });

  it("SE-12 passes a rule with max_age while the second factor is fresh", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/pay", require: "second_factor", max_age: 300 }]);
    const session = await mintSessionToken({
      firstFactorAt: secondsAgo(4000),
      secondFactorAt: secondsAgo(299),
    });
    expect((await visit(bindings, "/pay", { session })).status).toBe(200);
    expect(origin.requests).toHaveLength(1);
  });

  it("SE-12 is asked for a fresh code by a rule with max_age when the second factor is older", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/pay", require: "second_factor", max_age: 300 }]);
    const session = await mintSessionToken({ secondFactorAt: secondsAgo(302) });
    const page = await visit(bindings, "/pay?to=x", { session, headers: pageLoad });
    expect([page.status, page.headers.get("Location")]).toEqual([
      303,
      "/api/auth/second-factor?rd=%2Fpay%3Fto%3Dx",
    ]);
    const program = await visit(bindings, "/pay", { session, headers: scripted, method: "POST", body: "{}" });
    expect(program.status).toBe(401);
    expect(await program.json()).toMatchObject({ code: "step_up_required", status: 401, max_age: 300 });
    expect(origin.requests).toEqual([]);
    expect((await visit(bindings, "/elsewhere", { session })).status).toBe(200);
  });

  it("SE-12 is sent to sign in again by a rule with max_age when there is no second factor to show", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/pay", require: "first_factor", max_age: 300 }]);
    const stale = await mintSessionToken({ ...firstFactorOnly, firstFactorAt: secondsAgo(302) });
    const page = await visit(bindings, "/pay", { session: stale, headers: pageLoad });
    expect([page.status, page.headers.get("Location")]).toEqual([303, "/api/auth/sign-in?rd=%2Fpay&again=1"]);
    const program = await visit(bindings, "/pay", { session: stale, headers: scripted });
    expect([program.status, (await program.json<{ code: string }>()).code]).toEqual([401, "session_expired"]);
    expect(origin.requests).toEqual([]);
    const fresh = await mintSessionToken({ ...firstFactorOnly, firstFactorAt: secondsAgo(200) });
    expect((await visit(bindings, "/pay", { session: fresh })).status).toBe(200);
  });
});

describe("a public path", () => {
  const open = gated([{ path: "/public/*", require: "none" }]);

  it("INC-02 lets anonymous requests pass, without identity headers", async () => {
    const origin = mockOrigin();
    expect((await visit(open, "/public/logo.svg")).status).toBe(200);
    const names = [...origin.only().headers.keys()];
    expect(names.filter((name) => /^(remote-|x-sallyport)/.test(name))).toEqual([]);
  });

  it("still names a signed-in visitor", async () => {
    const origin = mockOrigin();
    await visit(open, "/public/logo.svg", { session: await mintSessionToken() });
    expect(origin.only().headers.get("Remote-User")).toBe("ada");
    expect(origin.only().headers.get("X-Sallyport-Assertion")).toMatch(/^ey/);
  });

  it("WB-14 tells the cache to store no response and to find none, and adds no header for that", async () => {
    const origin = mockOrigin();
    const session = await mintSessionToken();
    await visit(open, "/public/style.css");
    await visit(open, "/public/style.css", { session });
    await visit(open, "/account/style.css", { session });
    for (const request of origin.requests) {
      expect([request.cache, request.cf]).toEqual([undefined, { cacheTtl: -1, cacheLevel: "bypass" }]);
      expect([request.headers.get("Cache-Control"), request.headers.get("Pragma")]).toEqual([null, null]);
    }
    expect(origin.requests).toHaveLength(3);
  });

  it("holds for its methods only", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/feed", methods: ["GET"], require: "none" }]);
    expect((await visit(bindings, "/feed")).status).toBe(200);
    expect((await visit(bindings, "/feed", { method: "HEAD" })).status).toBe(200);
    for (const method of ["POST", "DELETE", "OPTIONS", "QUERY"])
      expect((await visit(bindings, "/feed", { method })).status).toBe(401);
    expect(origin.requests.map(({ method }) => method)).toEqual(["GET", "HEAD"]);
  });
});
