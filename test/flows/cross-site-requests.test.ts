import { describe, expect, it } from "vitest";
import { pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  exchange,
  expectProblem,
  expectUntouched,
  jsonHeaders,
  prepareJsonCalls,
} from "../support/json-calls.ts";
import { listRoutes } from "../support/routes.ts";
import { dumpDatabase, query } from "../support/rows.ts";
import { type Account, base, createAccount, host } from "../support/worker.ts";

useFreshWorker();

describe("a request that another site has caused", () => {
  const evil = "https://evil.example";

  /** Every call that changes something, as a page of this host would send it. */
  const formPaths = listRoutes()
    .filter(
      ({ method, path }) =>
        method === "POST" && /\/(sign-in|sign-out|second-factor|account(\/.*)?)$/.test(path),
    )
    .map(({ path }) => path);
  const changes = listRoutes().filter(({ method }) => method !== "GET");

  it.each([
    ["another origin", { Origin: evil }],
    ["an opaque origin", { Origin: "null" }],
    ["an origin that is none", { Origin: "nonsense" }],
    ["an origin that begins alike", { Origin: `${host}.evil.example` }],
    ["an origin that ends alike", { Origin: "https://evil-site.example" }],
    ["another port", { Origin: `${host}:8443` }],
    ["a subdomain", { Origin: "https://sub.site.example" }],
    ["a user name that looks alike", { Origin: "https://site.example@evil.example" }],
    ["a cross-site fetch", { "Sec-Fetch-Site": "cross-site" }],
    ["a same-site fetch", { "Sec-Fetch-Site": "same-site" }],
    ["a fetch from nowhere", { "Sec-Fetch-Site": "none" }],
    ["a cross-site fetch that says the right origin", { "Sec-Fetch-Site": "cross-site", Origin: host }],
    ["neither origin nor fetch metadata", {}],
  ])("WB-01 changes nothing with a cookie and %s", async (_, headers: Record<string, string>) => {
    const { full, pending } = await prepareJsonCalls();
    const before = await dumpDatabase();
    const Cookie = `${sessionCookieName}=${full}; ${pendingCookieName}=${pending}`;
    for (const { method, path } of changes) {
      for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
        const answer = await exchange(path, {
          method,
          headers: { ...headers, Cookie, "Content-Type": type },
          body: type === "application/json" ? "{}" : "x=1",
        });
        expect([method, path, answer.status]).toEqual([method, path, 403]);
        if (!formPaths.includes(path)) expectProblem(path, answer, 403, "csrf_rejected");
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
    }
    await expectUntouched(before);
  });

  it("WB-01 opens no session, though it needs no cookie for that", async () => {
    const account: Account = await createAccount();
    const { username, password } = account;
    for (const headers of [{ Origin: evil }, { "Sec-Fetch-Site": "cross-site" }, { Origin: "null" }]) {
      const form = { ...headers, "Content-Type": "application/x-www-form-urlencoded" };
      const page = await exchange(`${base}/sign-in`, {
        headers: form,
        body: String(new URLSearchParams({ username, password })),
      });
      expect([page.status, page.headers.getSetCookie()]).toEqual([403, []]);
      const api = await exchange(`${base}/login`, {
        headers: { ...headers, ...jsonHeaders },
        body: JSON.stringify({ username, password }),
      });
      expectProblem("login", api, 403, "csrf_rejected");
      expect(api.headers.getSetCookie()).toEqual([]);
    }
    expect(await query("SELECT id FROM sessions")).toEqual([]);
  });

  it("WB-01 is let through from this host's own pages, and from a program with its own token", async () => {
    const { full } = await prepareJsonCalls();
    const Cookie = `${sessionCookieName}=${full}`;
    for (const headers of [
      { Cookie, Origin: host },
      { Cookie, "Sec-Fetch-Site": "same-origin" },
      { Cookie, Origin: host, "Sec-Fetch-Site": "same-origin" },
      { Authorization: `Bearer ${full}` },
    ]) {
      const answer = await exchange(`${base}/totp/setup`, { method: "POST", headers });
      expect(answer.status).toBe(200);
    }
  });

  it("WB-01 does nothing by GET or HEAD", async () => {
    const { full } = await prepareJsonCalls();
    const before = await dumpDatabase();
    for (const { path } of changes) {
      for (const method of ["GET", "HEAD"]) {
        await exchange(path, { method, headers: { Cookie: `${sessionCookieName}=${full}`, Origin: evil } });
      }
    }
    await expectUntouched(before);
  });

  it("WB-02 is allowed to read nothing: no response has CORS headers", async () => {
    const { full } = await prepareJsonCalls();
    for (const { method, path } of listRoutes()) {
      for (const headers of [
        { Origin: evil },
        { Origin: "null" },
        { Origin: evil, Authorization: `Bearer ${full}` },
      ]) {
        const answer = await exchange(path, { method, headers });
        const cors = [...answer.headers.keys()].filter((name) => name.startsWith("access-control-"));
        expect([path, cors]).toEqual([path, []]);
      }
      const preflight = await exchange(path, {
        method: "OPTIONS",
        headers: {
          Origin: evil,
          "Access-Control-Request-Method": method,
          "Access-Control-Request-Headers": "authorization, content-type",
        },
      });
      expect([path, preflight.status]).toEqual([path, 405]);
      expect([...preflight.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
    }
  });
});
