import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createReadyAccount } from "../../support/accounts.ts";
import { Browser, type Exchange } from "../../support/browser.ts";
import { failAlways } from "../../support/d1.ts";
import { useFreshWorker } from "../../support/fresh-worker.ts";
import { mintSessionToken, pageLoad, secondsAgo, visit } from "../../support/gate.ts";
import { openSite, passFirstFactor, site } from "../../support/site.ts";
import { code, createAccount, type EnrolledAccount, environment, host } from "../../support/worker.ts";

useFreshWorker();
beforeEach(openSite);

const base = "/api/auth";
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

/** One exchange for every page that there is, of good and of bad days. */
async function everyPage(user: EnrolledAccount): Promise<Exchange[]> {
  const newcomer = await createAccount("newcomer");
  const fresh = new Browser(site);
  await fresh.open("/");
  await fresh.signIn({ ...newcomer, password: "wrong-password-1" });
  await fresh.signIn(newcomer);
  await fresh.submit("/account/two-factor", { step: "start" });
  await fresh.submit("/account/two-factor", { step: "confirm", code: "000000" });
  await fresh.open(`${base}/sign-out`);
  await fresh.submit("/sign-out");

  const member = await passFirstFactor(user);
  await member.submit("/second-factor", { code: "x" });
  await member.submit("/second-factor", { code: await code(user.secret) });
  await member.open(`${base}/account`);
  await member.submit("/account/backup-codes", { code: user.backupCodes[0] ?? "" });
  await member.open(`${base}/second-factor`);

  const stranger = new Browser(site);
  await stranger.open(`${base}/nothing`);
  await stranger.open("/%zz");
  await stranger.open(`${base}/login`);
  await stranger.post("/sign-in", {}, { origin: "https://evil.example", site: "cross-site" });
  await stranger.post("/sign-in", {}, { contentType: "text/plain" });
  await stranger.post("/sign-in", { username: "x".repeat(20_000), password: "x" });
  await stranger.post("/nothing", {});

  const unlucky = new Browser(environment({ DB: failAlways(env.DB), ORIGIN_URL: "http://origin.test" }));
  unlucky.adopt({ "__Host-sallyport": await mintSessionToken({ checkedAt: secondsAgo(61) }) });
  await unlucky.open(`${base}/account`);
  await unlucky.open("/");
  vi.mocked(fetch).mockRejectedValueOnce(new TypeError("down"));
  unlucky.adopt({ "__Host-sallyport": await mintSessionToken() });
  await unlucky.open("/");
  return [fresh, member, stranger, unlucky]
    .flatMap(({ exchanges }) => exchanges)
    .filter(({ body }) => !body.startsWith("<h1>Hello"));
}

describe("every page of the Worker", () => {
  it("WB-03 SE-13 comes with the headers that protect it, whatever day it is", async () => {
    const exchanges = await everyPage(await createReadyAccount());
    const statuses = new Set(exchanges.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([200, 303, 400, 401, 403, 404, 405, 413, 415, 422, 502, 503]);
    for (const { method, path, status, headers } of exchanges) {
      const protection = {
        "cache-control": "no-store",
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "same-origin",
        "strict-transport-security": "max-age=31536000; includeSubDomains",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
      };
      expect(Object.fromEntries(headers), `${method} ${path} ${status}`).toMatchObject(protection);
      expect(headers.has("Access-Control-Allow-Origin")).toBe(false);
      expect(headers.has("X-Powered-By") || headers.has("Server")).toBe(false);
    }
  });

  it("WB-03 WB-06 is HTML that the policy leaves whole: nothing inline, nothing from elsewhere", async () => {
    const pages = (await everyPage(await createReadyAccount())).filter(({ body }) => body !== "");
    expect(pages.length).toBeGreaterThan(15);
    for (const { path, headers, body } of pages) {
      if (path === `${base}/login` || path === `${base}/nothing`) continue;
      expect(headers.get("Content-Type"), path).toBe("text/html; charset=UTF-8");
      expect(body.startsWith("<!doctype html><html lang="), path).toBe(true);
      expect(body, path).not.toMatch(/<script(?![^>]*\bsrc="\/api\/auth\/assets\/sallyport\.js")/);
      expect(body, path).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:/i);
      const addresses = [...body.matchAll(/\b(?:href|src|action|srcset|poster|data)="([^"]*)"/g)].map(
        ([, a]) => a,
      );
      expect(
        addresses.filter((address) => !/^(\/(?!\/)|otpauth:|data:image\/svg\+xml,)/.test(address ?? "")),
        path,
      ).toEqual([]);
    }
  });

  it("WB-11 says on a bad day what its code and request are, and nothing about the inside", async () => {
    const exchanges = await everyPage(await createReadyAccount());
    for (const { status, headers, body } of exchanges.filter(({ status }) => status >= 500)) {
      expect(body).toContain(headers.get("X-Request-Id"));
      expect(body).toContain(status === 502 ? "origin_unavailable" : "store_unavailable");
      expect(headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
      expect(body).not.toMatch(/D1|SELECT|injected|TypeError|\.ts:/);
    }
  });

  it.each(["/sign-in", "/sign-out", "/second-factor", "/account", "/account/two-factor"])(
    "WB-06 %s says 405 to other methods, with those that it takes, and answers HEAD like GET",
    async (path) => {
      for (const method of ["PUT", "DELETE", "PATCH"]) {
        const response = await visit(site, base + path, { method, headers: { ...pageLoad, Origin: host } });
        expect(response.status, method).toBe(405);
        expect(response.headers.get("Allow")).toContain("GET");
      }
      const get = await visit(site, base + path, { headers: pageLoad });
      const head = await visit(site, base + path, { method: "HEAD", headers: pageLoad });
      expect([head.status, head.headers.get("Location"), await head.text()]).toEqual([
        get.status,
        get.headers.get("Location"),
        "",
      ]);
    },
  );
});

describe("assets", () => {
  it.each([
    ["sallyport.css", "text/css; charset=utf-8", "@media"],
    ["sallyport.js", "text/javascript; charset=utf-8", "requestSubmit"],
  ])("%s comes with its type, may be kept for a while, and needs no session", async (name, type, content) => {
    const response = await visit(site, `${base}/assets/${name}`);
    expect([response.status, response.headers.get("Content-Type")]).toEqual([200, type]);
    expect(response.headers.get("Cache-Control")).toMatch(/^public, max-age=[1-9]\d*$/);
    expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await response.text()).toContain(content);
  });

  it("ask for nothing from elsewhere", async () => {
    for (const name of ["sallyport.css", "sallyport.js"]) {
      const text = await (await visit(site, `${base}/assets/${name}`)).text();
      expect(text).not.toMatch(/https?:|["'`]\/\/|@import|\burl\((?!["']?data:)/);
      expect(text).not.toMatch(/\b(fetch|eval|Function|XMLHttpRequest|WebSocket|sendBeacon)\b\(?|innerHTML/);
    }
  });

  it.each(["", "/nothing.css", "/sallyport.css/x", "/..%2fsign-in", "/sallyport.client.js"])(
    "are only those two: not assets%s",
    async (path) => {
      expect((await visit(site, `${base}/assets${path}`)).status).toBe(404);
    },
  );
});
