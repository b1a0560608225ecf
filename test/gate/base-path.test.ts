import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mintSessionToken, mockOrigin, pageLoad, scripted, visit } from "../support/gate.ts";
import { rawRequest } from "../support/raw-request.ts";
import { query } from "../support/rows.ts";
import { createAccount, environment, send } from "../support/worker.ts";

useFreshWorker();
beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

describe("what is under BASE_PATH", () => {
  it.each([
    "/api/auth",
    "/api/auth/",
    "/api/auth/nothing",
    "/api/auth/login",
    "/api/auth/login/",
    "/api/auth/login/x",
    "/api/auth/sign-in",
    "/api/auth/assets/sallyport.css",
    "/api/auth/%2e%2e%2f%2e%2e%2fx",
    "/api/auth/..%2f..%2fx",
    "/api/auth//x",
    "/api/auth/%zz",
    "/api/auth/%00",
    "/api/auth?x=/y",
    "/api/auth/health?x",
    // Encoded letters of the base path itself: not a route, and not the origin's.
    "/api/%61uth/login",
    "/%61%70%69/%61%75%74%68/nothing",
    "/api/%61uth",
  ])("never reaches the origin: %j", async (path) => {
    const origin = mockOrigin();
    const session = await mintSessionToken();
    for (const method of methods) {
      const response = await visit(gated([{ path: "/*", require: "none" }]), path, { method, session });
      expect(response.status, method).not.toBe(500);
    }
    expect(origin.requests).toEqual([]);
  });

  it.each([
    "/api/auth%2flogin",
    "/api%2fauth/login",
    "/api/%2561uth/login",
    "/API/AUTH/login",
    "//api/auth/login",
    "/api//auth/login",
    "/api/auth;x/login",
    "/api/auth./login",
    "/x%2f..%2fapi/auth/login",
    "/x/../api/auth/login",
    "/x/%2e%2e/api/auth/login",
    "/./api/auth/login",
    "/api/./auth/login",
    "/api\\auth\\login",
    "/api/auth/../../x",
    "/api/auth/%2e%2e/x",
    "/api/auth\\..\\x",
  ])("INC-34 is never the origin's, in any reading: %j is 404 to everybody", async (path) => {
    const origin = mockOrigin();
    for (const ORIGIN_URL of ["http://origin.test", "route"]) {
      const bindings = gated([{ path: "/*", require: "none" }], { ORIGIN_URL });
      for (const Cookie of ["", `__Host-sallyport=${await mintSessionToken()}`]) {
        for (const method of ["GET", "POST"]) {
          const request = rawRequest(path, { method, headers: { ...scripted, Cookie } });
          const response = await send(request, bindings);
          expect([method, response.status]).toEqual([method, 404]);
          expect(await response.json()).toMatchObject({ code: "not_found" });
        }
      }
    }
    expect(origin.requests).toEqual([]);
  });

  it.each(["/api/authentication", "/api/auth-x/login", "/x/api/auth/login"])(
    "is not what is the origin's, by its policy: %j",
    async (path) => {
      const origin = mockOrigin();
      expect((await visit(gated(), path, { headers: scripted })).status).toBe(401);
      expect(origin.requests).toEqual([]);
      expect((await visit(gated(), path, { session: await mintSessionToken() })).status).toBe(200);
      expect(origin.only().url).toBe(`http://origin.test${path}`);
    },
  );

  it.each([
    ["/health", "/api/auth/%68ealth"],
    ["/health", "/api/%61uth/health"],
    ["/health", "/api/auth/./health"],
    ["/health", "/api/auth/x/../health"],
    ["/health", "/api/auth/x\\..\\health"],
    ["/health", "/api/auth/x/%2e%2e/health"],
    ["/health", "/api/auth//health"],
    ["/health", "/api/auth/health;x"],
    ["/health", "/api/auth/HEALTH"],
    ["/health", "/API/auth/health"],
    ["/health", "//api/auth/health"],
    ["/health", "/x/../api/auth/health"],
    ["/.well-known/jwks.json", "/api/auth/.well-known/./jwks.json"],
    ["/.well-known/jwks.json", "/api/auth/%2ewell-known/jwks.json"],
    ["/sign-in", "/api/auth\\sign-in"],
    ["/sign-in", "/api/auth/account/..%5csign-in"],
    ["/assets/sallyport.css", "/api/auth/assets/../assets/sallyport.css"],
  ])("INC-34 matches the raw path: %s is not at %j", async (route, path) => {
    const origin = mockOrigin();
    for (const bindings of [gated(), environment({ ORIGIN_URL: "" })]) {
      expect((await send(rawRequest(`/api/auth${route}`), bindings)).status).toBe(200);
      expect((await send(rawRequest(path, { headers: scripted }), bindings)).status).toBe(404);
    }
    expect(origin.requests).toEqual([]);
  });

  it("INC-34 takes the escapes of a parameter, and no dot segment for one", async () => {
    const headers = { Authorization: `Bearer ${env.ADMIN_KEY}`, "Content-Type": "application/json" };
    const put = (id: string) =>
      send(rawRequest(`/api/auth/v1/users/${id}`, { method: "PUT", headers, body: "{}" }));
    expect((await put("a%2Fb%40c")).status).toBe(201);
    expect(await query("SELECT id FROM users")).toEqual([{ id: "local:a/b@c" }]);
    for (const id of ["..", ".", "%2e%2e", ".%2E", "x\\y", ""])
      expect([id, (await put(id)).status]).toEqual([id, 404]);
  });

  it.each(["*", "", ":8443*", ":8443"])(
    "INC-01 says 400 or 404 for a target that is no path: %j",
    async (target) => {
      const origin = mockOrigin();
      for (const method of ["OPTIONS", "GET"]) {
        const gate = await send(rawRequest(target, { method }), gated([{ path: "/*", require: "none" }]));
        expect(gate.status).toBe(400);
        expect((await send(rawRequest(target, { method }), environment({ ORIGIN_URL: "" }))).status).toBe(
          404,
        );
      }
      expect(origin.requests).toEqual([]);
    },
  );

  it.each([" b", ":99999", "["])("INC-01 says 400 for a Host that is none: site.example%s", async (more) => {
    const origin = mockOrigin();
    for (const target of ["/x", "/api/auth/health", "*"]) {
      const response = await send(rawRequest(more + target), gated([{ path: "/*", require: "none" }]));
      expect([response.status, response.headers.get("X-Content-Type-Options")]).toEqual([400, "nosniff"]);
    }
    expect(origin.requests).toEqual([]);
  });

  it("says 404 for what it has not, as a page or as a problem document", async () => {
    mockOrigin();
    const page = await visit(gated(), "/api/auth/nothing", { headers: pageLoad });
    expect([page.status, page.headers.get("Content-Type")]).toEqual([404, "text/html; charset=UTF-8"]);
    const program = await visit(gated(), "/api/auth/nothing", { headers: scripted });
    expect(program.status).toBe(404);
    expect(await program.json()).toMatchObject({ code: "not_found" });
  });

  it("WB-06 says 405 and what is allowed for another method", async () => {
    mockOrigin();
    const response = await visit(gated(), "/api/auth/login", {
      method: "PUT",
      headers: scripted,
      body: "{}",
    });
    expect([response.status, response.headers.get("Allow")]).toEqual([405, "POST"]);
    expect(await response.json()).toMatchObject({ code: "method_not_allowed" });
  });
});

describe("BASE_PATH=/door", () => {
  const moved = gated([{ path: "/public", require: "none" }], { BASE_PATH: "/door" });

  it("moves every page, call and redirect there", async () => {
    mockOrigin();
    const account = await createAccount();
    const refused = await visit(moved, "/a", { headers: pageLoad });
    expect(refused.headers.get("Location")).toBe("/door/sign-in?rd=%2Fa");
    const page = await (await visit(moved, "/door/sign-in", { headers: pageLoad })).text();
    expect(page).toContain('action="/door/sign-in"');
    expect(page).toContain('href="/door/assets/sallyport.css"');
    expect(page).not.toContain("/api/auth");
    expect((await visit(moved, "/door/assets/sallyport.css")).status).toBe(200);
    expect((await visit(moved, "/door/.well-known/jwks.json")).status).toBe(200);
    expect((await visit(moved, "/door")).headers.get("Location")).toBe("/door/account");

    const { username, password } = account;
    const login = await visit(moved, "/door/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ username, password }),
    });
    const { session_token: session } = await login.json<{ session_token: string }>();
    const next = await visit(moved, "/a", { session, headers: pageLoad });
    expect(next.headers.get("Location")).toBe("/door/account/two-factor?rd=%2Fa");
    const wizard = await visit(moved, "/door/account/two-factor", { session, headers: pageLoad });
    expect([wizard.status, (await wizard.text()).includes("/api/auth")]).toEqual([200, false]);
  });

  it("leaves /api/auth to the origin, under its policy like any other path", async () => {
    const origin = mockOrigin();
    expect((await visit(moved, "/api/auth/login", { method: "POST", body: "{}" })).status).toBe(401);
    expect(origin.requests).toEqual([]);
    const session = await mintSessionToken();
    expect((await visit(moved, "/api/auth/login", { method: "POST", body: "{}", session })).status).toBe(200);
    expect(origin.only().url).toBe("http://origin.test/api/auth/login");
  });
});

describe("without ORIGIN_URL", () => {
  it.each(["/", "/a", "/robots.txt", "/%zz"])("%j is 404 for every client", async (path) => {
    const origin = mockOrigin();
    const bindings = environment({ ORIGIN_URL: "" });
    for (const session of [undefined, await mintSessionToken()]) {
      const page = await visit(bindings, path, { headers: pageLoad, ...(session && { session }) });
      expect([page.status, page.headers.get("Content-Type")]).toEqual([404, "text/html; charset=UTF-8"]);
      const program = await visit(bindings, path, { headers: scripted, ...(session && { session }) });
      expect([program.status, (await program.json<{ code: string }>()).code]).toEqual([404, "not_found"]);
    }
    expect(origin.requests).toEqual([]);
  });
});
