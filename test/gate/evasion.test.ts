import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gated, mintSessionToken, mockOrigin, pageLoad, scripted, visit } from "../support/gate.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

describe("ways around a rule", () => {
  const rules = gated([
    { path: "/admin/*", require: "second_factor" },
    { path: "/*", require: "none" },
  ]);

  it.each([
    "/admin",
    "/admin/",
    "/admin/users",
    "/admin%2fusers",
    "/admin%2Fusers",
    "/x%2f..%2fadmin/users",
    "/x/..%2fadmin",
    "/%2e%2e/admin",
    "/.%2e/admin",
    "/%61dmin/users",
    "/%2561dmin",
    "/x/%252e%252e/admin",
    "/admin%5cusers",
    "/x%5c..%5cadmin",
    "/x\\..\\admin",
    "//admin",
    "/./admin",
    "/x/../admin/users",
    "/admin;x=1/users",
    "/x/..;/admin",
    "/admin./users",
    "/admin%20/users",
    "/admin%3fx",
    "/admin%23x",
    "/admin?x=/public",
    "/admin#/public",
  ])("INC-05 %j needs what /admin needs", async (path) => {
    const origin = mockOrigin();
    expect((await visit(rules, path)).status).toBe(401);
    expect(origin.requests).toEqual([]);
  });

  it.each(["/ADMIN", "/Admin/users", "/aDmIn%2fusers", "/%41DMIN", "/adm%C4%B1n", "/ad%EF%BD%8Din"])(
    "INC-07 %j needs what /admin needs",
    async (path) => {
      const origin = mockOrigin();
      expect((await visit(rules, path)).status).toBe(401);
      expect(origin.requests).toEqual([]);
    },
  );

  it.each(["/files/a%2fb.txt", "/files/100%25", "/files/a%20b", "/a//b", "/caf%C3%A9?x=%2F..%2Fadmin"])(
    "INC-05 %j goes to the origin as it came",
    async (path) => {
      const origin = mockOrigin();
      expect((await visit(rules, path)).status).toBe(200);
      expect(origin.only().url).toBe(`http://origin.test${path}`);
    },
  );

  it.each([
    "/%",
    "/%zz",
    "/%1",
    "/a%",
    "/%u0061",
    "/%00",
    "/a%00b",
    "/%0d%0aX:%20y",
    "/%7f",
    "/%c0%af",
    "/%c0%ae%c0%ae/admin",
    "/%e0%80%af",
    "/%ff",
    "/%ed%a0%80",
    "/%2500",
    "/x%25%30%30",
    "/public/%c2%85",
    `/%${"25".repeat(600)}41`,
  ])("INC-01 %.40j is rejected with 400 for every client", async (path) => {
    const origin = mockOrigin();
    const session = await mintSessionToken();
    for (const headers of [pageLoad, scripted]) {
      expect((await visit(rules, path, { headers })).status).toBe(400);
      expect((await visit(rules, path, { headers, session })).status).toBe(400);
    }
    expect((await visit(rules, path, { method: "POST", body: "x", session })).status).toBe(400);
    expect(origin.requests).toEqual([]);
  });

  it("INC-01 says so in a problem document or on a page", async () => {
    mockOrigin();
    const program = await visit(rules, "/%zz", { headers: scripted });
    expect(await program.json()).toMatchObject({ code: "malformed_request", status: 400 });
    const page = await visit(rules, "/%zz", { headers: pageLoad });
    expect(await page.text()).toContain("The path can&#39;t be read.");
  });

  it("INC-01 a random path is judged or refused, and never answered with 500", async () => {
    const origin = mockOrigin();
    const pieces = [
      "/",
      "admin",
      "%",
      "%2f",
      "%5c",
      "..",
      ".",
      ";",
      "%25",
      "2e",
      "%00",
      "?",
      "\\",
      "é",
      "a",
      " ",
      "%c3",
    ];
    // A fixed sequence (Numerical Recipes' LCG), so that a failure can be had again.
    let state = 20261122;
    const draw = (below: number) => {
      state = (state * 1664525 + 1013904223) % 2 ** 32;
      return Math.floor((state / 2 ** 32) * below);
    };
    const closed = gated();
    for (let round = 0; round < 300; round++) {
      const path = `/${Array.from({ length: 1 + draw(12) }, () => pieces[draw(pieces.length)]).join("")}`;
      const response = await visit(closed, path, { headers: scripted });
      expect([400, 401], path).toContain(response.status);
    }
    expect(origin.requests).toEqual([]);
  });

  it("INC-04 headers that name another address or method change nothing", async () => {
    const origin = mockOrigin();
    const bindings = gated([
      { path: "/public", require: "none" },
      { path: "/form", methods: ["GET"], require: "none" },
    ]);
    const headers = {
      "X-Forwarded-Uri": "/public",
      "X-Forwarded-Method": "GET",
      "X-Forwarded-Path": "/public",
      "X-Forwarded-Prefix": "/public",
      "X-Original-URL": "/public",
      "X-Original-URI": "/public",
      "X-Original-Method": "GET",
      "X-Rewrite-URL": "/public",
      "X-HTTP-Method-Override": "GET",
      Forwarded: "for=127.0.0.1;host=site.example;proto=https",
    };
    expect((await visit(bindings, "/secret", { headers })).status).toBe(401);
    expect((await visit(bindings, "/form", { method: "POST", body: "x", headers })).status).toBe(401);
    expect(origin.requests).toEqual([]);
  });

  it("INC-04 a header that makes some servers answer for another path does not reach the origin", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/public", require: "none" }]);
    const headers = { "X-Original-URL": "/secret", "X-Rewrite-URL": "/secret", x_original_url: "/secret" };
    await visit(bindings, "/public", { headers });
    expect([...origin.only().headers].filter(([, value]) => value === "/secret")).toEqual([]);
  });

  it.each([
    ["a health check", { "User-Agent": "kube-probe/1.30" }],
    ["a load balancer", { "User-Agent": "GoogleHC/1.0" }],
    ["a search engine", { "User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)" }],
    ["an address of this machine", { "CF-Connecting-IP": "127.0.0.1", "X-Real-IP": "127.0.0.1" }],
    ["the Worker itself", { "CF-Worker": "site.example", "X-Sallyport-Proxy-Key": "x" }],
    ["a preview", { Purpose: "prefetch", "Sec-Purpose": "prefetch" }],
    ["a preflight", { "Access-Control-Request-Method": "GET", Origin: "https://site.example" }],
  ])("INC-06 opens nothing to a client that claims to be %s", async (_who, headers) => {
    const origin = mockOrigin();
    expect((await visit(gated(), "/a", { headers })).status).toBe(401);
    expect((await visit(gated(), "/a", { headers, method: "OPTIONS" })).status).toBe(401);
    expect(origin.requests).toEqual([]);
  });
});
