import { beforeEach, describe, expect, it, vi } from "vitest";
import { proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, pageLoad, scripted, visit } from "../support/gate.ts";
import { rawRequest } from "../support/raw-request.ts";
import { environment, send } from "../support/worker.ts";

useFreshWorker();
beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));

const workers = () => [gated(), environment({ ORIGIN_URL: "" })];

describe("an address of Sallyport with a slash at its end", () => {
  it("leads to the account page when it is BASE_PATH, as without the slash", async () => {
    const origin = mockOrigin();
    for (const bindings of workers())
      for (const path of ["/api/auth", "/api/auth/"])
        for (const headers of [pageLoad, scripted]) {
          const { status, headers: sent } = await visit(bindings, path, { headers });
          expect([path, status, sent.get("Location")]).toEqual([path, 303, "/api/auth/account"]);
        }
    expect(origin.requests).toEqual([]);
  });

  it.each([
    ["GET", "/sign-in/?rd=%2Fa", "/sign-in?rd=%2Fa"],
    ["HEAD", "/sign-in/", "/sign-in"],
    ["POST", "/sign-in/", "/sign-in"],
    ["POST", "/login/", "/login"],
    ["GET", "/health/", "/health"],
    ["GET", "/.well-known/jwks.json/", "/.well-known/jwks.json"],
    ["GET", "/nothing/", "/nothing"],
  ])("is redirected to its twin: %s %s", async (method, path, twin) => {
    const origin = mockOrigin();
    for (const bindings of workers())
      for (const headers of [pageLoad, scripted]) {
        const { status, headers: sent } = await visit(bindings, `/api/auth${path}`, { method, headers });
        expect([status, sent.get("Location")]).toEqual([308, `/api/auth${twin}`]);
      }
    expect(origin.requests).toEqual([]);
  });

  it.each(["GET", "POST", "PUT", "DELETE", "PATCH"])(
    "is not redirected with %s in the service API, because an empty id is no list",
    async (method) => {
      for (const path of ["/v1/users/", "/v1/users/ada/sessions/", "/v1/users/a%2Fb/verify/"]) {
        const { status, headers } = await visit(gated(), `/api/auth${path}`, { method, headers: scripted });
        expect([status, headers.get("Location")]).toEqual([404, null]);
      }
    },
  );

  it.each(["PUT", "DELETE", "PATCH"])(
    "is not redirected with %s, because an empty id is no list",
    async (method) => {
      for (const path of ["/sessions/", "/totp/enable/"]) {
        const { status, headers } = await visit(gated(), `/api/auth${path}`, { method, headers: scripted });
        expect([status, headers.get("Location")]).toEqual([404, null]);
      }
    },
  );

  it.each([
    "/api/auth//",
    "/api/auth//evil.example/",
    "/api/auth/x/../",
    "/api/auth/./",
    "/api/auth\\sign-in/",
    "/api/auth/%2e%2e/",
    "/API/AUTH/sign-in/",
    "/api/auth/sign-in//",
  ])("INC-34 is not redirected when a server may read another path in it: %j", async (path) => {
    mockOrigin();
    for (const bindings of workers()) {
      const response = await send(rawRequest(path, { headers: scripted }), bindings);
      expect([response.status, response.headers.get("Location")]).toEqual([404, null]);
    }
  });

  it("INC-28 INC-34 gives no assertion, because a proxy forbids only the exact address of its endpoints", async () => {
    for (const endpoint of ["/forward-auth/", "/auth-request/"]) {
      const headers = {
        "X-Sallyport-Proxy-Key": proxyKey,
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": "/public/",
      };
      const bindings = gated([{ path: "/*", require: "none" }], { PROXY_KEY: proxyKey });
      const response = await visit(bindings, `/api/auth${endpoint}`, { headers });
      expect([response.status, response.headers.get("X-Sallyport-Assertion")]).toEqual([308, null]);
    }
  });
});

describe("an address below BASE_PATH that Sallyport does not have", () => {
  it.each(["/authenticate", "/v2/x", "/settings"])(
    "names BASE_PATH and what the operator can do: %s",
    async (path) => {
      const origin = mockOrigin();
      for (const method of ["GET", "POST"]) {
        const headers = { ...scripted, "Sec-Fetch-Site": "same-origin" };
        const refused = await visit(gated(), `/api/auth${path}`, { method, headers });
        expect(await refused.json()).toMatchObject({
          status: 404,
          code: "not_found",
          detail: expect.stringMatching(/no address below \/api\/auth .* must set BASE_PATH/),
        });
        const moved = gated([], { BASE_PATH: "/sallyport" });
        expect((await visit(moved, `/api/auth${path}`, { method, headers })).status).toBe(401);
      }
      expect(origin.requests).toEqual([]);
    },
  );

  it("says so on a page, too", async () => {
    const refused = await visit(gated(), "/api/auth/authenticate", { headers: pageLoad });
    expect(refused.status).toBe(404);
    expect(await refused.text()).toContain("must set BASE_PATH");
  });

  it("is not what is said about an address elsewhere", async () => {
    const refused = await visit(environment({ ORIGIN_URL: "" }), "/x", { headers: scripted });
    expect([refused.status, JSON.stringify(await refused.json())]).not.toContain("BASE_PATH");
  });
});
