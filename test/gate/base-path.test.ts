import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gated, mintToken, pageLoad, scripted, standOrigin, visit } from "../support/gate.ts";
import { createAccount, environment, host, resetStores, send } from "../support/worker.ts";

beforeEach(async () => {
  vi.spyOn(console, "info").mockImplementation(() => {});
  await resetStores();
});
afterEach(() => vi.restoreAllMocks());

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
    // Encoded letters of the base path itself: still the Worker's.
    "/api/%61uth/login",
    "/%61%70%69/%61%75%74%68/nothing",
    "/api/%61uth",
  ])("never reaches the origin: %j", async (path) => {
    const origin = standOrigin();
    const session = await mintToken();
    for (const method of methods) {
      const response = await visit(gated([{ path: "/*", require: "none" }]), path, { method, session });
      expect(response.status, method).not.toBe(500);
    }
    expect(origin.requests).toEqual([]);
  });

  // A server hands over a path as it came; only the `Request` constructor of a test resolves it.
  it.each([
    "/x/../api/auth/login",
    "/x/%2e%2e/api/auth/login",
    "/./api/auth/login",
    "/api/./auth/login",
    "/api\\auth\\login",
  ])("never reaches the origin, however it is written on the wire: %j", async (path) => {
    const origin = standOrigin();
    const request = new Request(host, { headers: scripted });
    Object.defineProperty(request, "url", { value: host + path });
    const response = await send(request, gated([{ path: "/*", require: "none" }]));
    expect(origin.requests).toEqual([]);
    expect(response.status).not.toBe(500);
  });

  it.each([
    "/api/auth%2flogin",
    "/api%2fauth/login",
    "/api/%2561uth/login",
    "/API/AUTH/login",
    "//api/auth/login",
    "/api/auth;x/login",
    "/api/authentication",
    "/api/auth-x/login",
  ])("is not what the origin gets under another path, by its policy: %j", async (path) => {
    const origin = standOrigin();
    expect((await visit(gated(), path, { headers: scripted })).status).toBe(401);
    expect(origin.requests).toEqual([]);
    expect((await visit(gated(), path, { session: await mintToken() })).status).toBe(200);
    expect(origin.only().url).toBe(`http://origin.test${path}`);
  });

  it("says 404 for what it has not, as a page or as a problem document", async () => {
    standOrigin();
    const page = await visit(gated(), "/api/auth/nothing", { headers: pageLoad });
    expect([page.status, page.headers.get("Content-Type")]).toEqual([404, "text/html; charset=UTF-8"]);
    const program = await visit(gated(), "/api/auth/nothing", { headers: scripted });
    expect(program.status).toBe(404);
    expect(await program.json()).toMatchObject({ code: "not_found" });
  });

  it("WB-06 says 405 and what is allowed for another method", async () => {
    standOrigin();
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
    standOrigin();
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
    const origin = standOrigin();
    expect((await visit(moved, "/api/auth/login", { method: "POST", body: "{}" })).status).toBe(401);
    expect(origin.requests).toEqual([]);
    const session = await mintToken();
    expect((await visit(moved, "/api/auth/login", { method: "POST", body: "{}", session })).status).toBe(200);
    expect(origin.only().url).toBe("http://origin.test/api/auth/login");
  });
});

describe("without ORIGIN_URL", () => {
  it.each(["/", "/a", "/robots.txt", "/%zz"])("there is nothing at %j, for anybody", async (path) => {
    const origin = standOrigin();
    const bindings = environment({ ORIGIN_URL: "" });
    for (const session of [undefined, await mintToken()]) {
      const page = await visit(bindings, path, { headers: pageLoad, ...(session && { session }) });
      expect([page.status, page.headers.get("Content-Type")]).toEqual([404, "text/html; charset=UTF-8"]);
      const program = await visit(bindings, path, { headers: scripted, ...(session && { session }) });
      expect([program.status, (await program.json<{ code: string }>()).code]).toEqual([404, "not_found"]);
    }
    expect(origin.requests).toEqual([]);
  });
});
