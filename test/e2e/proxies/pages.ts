import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { type ApiAccount, createApiAccount, enrol } from "../support/api-account.ts";
import { Client, pageLoad, scriptLoad } from "../support/client.ts";
import { findFreePorts } from "../support/processes.ts";
import { type ProxyName, type RunningProxy, startProxy } from "../support/proxies.ts";
import type { RunningServer } from "../support/server.ts";
import { type Seen, startDemoOrigin, valuesSeen } from "../support/site.ts";
import { canonicalName, identityHeaders } from "../support/spellings.ts";
import type { Worker } from "../support/worker.ts";
import {
  assertLeadsTo,
  assertSiteNotReached,
  identitySeen,
  isNamed,
  refusedAsMalformed,
  spoofedClaims,
  timeChunks,
} from "./findings.ts";

/** The `max_age` of `/admin/*`. */
export const freshSeconds = 4;

/** A site of pages, from the first visit to the sign-out. The tests build on each other. */
export function describePages(name: ProxyName, getWorker: () => Worker): void {
  let worker: Worker;
  let site: RunningServer;
  let proxy: RunningProxy;
  let visitor: Client;
  let account: ApiAccount;
  let backupCodes: string[];

  before(async () => {
    worker = getWorker();
    const [sitePort = 0] = await findFreePorts(1);
    proxy = await startProxy(name, { workerPort: worker.port, sitePort, proxyKey: worker.proxyKey });
    const publicOrigin = proxy.seenByWorker;
    const jwksUrl = `${proxy.baseUrl}/api/auth/.well-known/jwks.json`;
    site = await startDemoOrigin(sitePort, jwksUrl, publicOrigin, new URL(proxy.baseUrl).host);
    visitor = new Client(proxy.baseUrl);
    account = await createApiAccount(worker, name);
  });
  after(async () => {
    await proxy?.stop();
    await site?.stop();
  });

  const stranger = () => new Client(proxy.baseUrl);

  it("sends a page load to the sign-in page, which knows the way back", async () => {
    const page = "/headers?a=1&b=%2F%20x";
    for (const headers of [pageLoad, { Accept: "text/html" }]) {
      for (const method of ["GET", "HEAD"]) {
        const answer = await stranger().ask(page, { method, headers });
        assert.equal(answer.status, 303);
        assertLeadsTo(answer, "/api/auth/sign-in", page);
      }
    }
    const { headers } = await stranger().ask(page, { headers: pageLoad });
    const form = await stranger().ask(headers.location ?? "", { headers: pageLoad });
    assert.equal(form.status, 200);
    assert.match(form.body, /<form[^>]* method="post"/);
  });

  it("refuses a script with a problem document that names the sign-in page", async () => {
    const answer = await stranger().ask("/headers?a=1", { headers: scriptLoad });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.location, undefined);
    assert.match(answer.headers["content-type"] ?? "", /^application\/problem\+json/);
    const problem = JSON.parse(answer.body);
    assert.equal(problem.code, "unauthenticated");
    assert.equal(problem.sign_in, `/api/auth/sign-in?${new URLSearchParams({ rd: "/headers?a=1" })}`);
    assertSiteNotReached(answer);
  });

  it("gives a script that asks for HTML no page and no redirect, and leads back to the page of the script", async () => {
    const headers = { Accept: "text/html", Referer: `${proxy.baseUrl}/app?tab=2` };
    for (const script of [{ "X-Requested-With": "XMLHttpRequest" }, { "Sec-Fetch-Mode": "cors" }]) {
      const answer = await stranger().ask("/headers", { headers: { ...headers, ...script } });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.location, undefined);
      const { sign_in: way } = JSON.parse(answer.body);
      assert.equal(way, `/api/auth/sign-in?${new URLSearchParams({ rd: "/app?tab=2" })}`);
    }
  });

  it("treats an address of Sallyport with a slash at its end like the one without", async () => {
    for (const path of ["/api/auth", "/api/auth/", "/api/auth/sign-in/", "/api/auth/health/"]) {
      const answer = await stranger().ask(path, { headers: pageLoad });
      const way =
        path.startsWith("/api/auth/") && path !== "/api/auth/" ? path.slice(0, -1) : "/api/auth/account";
      assert.deepEqual(
        [path, answer.status, answer.headers.location],
        [path, way.endsWith("account") ? 303 : 308, way],
      );
    }
    for (const question of ["/api/auth/auth-request/", "/api/auth/forward-auth/"]) {
      const answer = await stranger().ask(question, { headers: { "X-Forwarded-Uri": "/public/" } });
      assert.ok([308, 404].includes(answer.status), `${question}: ${answer.status}`);
      for (const header of identityHeaders) assert.equal(answer.headers[header.toLowerCase()], undefined);
    }
  });

  it("redirects no form, because what is in it would be lost", async () => {
    for (const method of ["POST", "PUT", "DELETE"]) {
      const answer = await stranger().ask("/echo", { method, headers: pageLoad, body: "a=1" });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.location, undefined);
      assert.match(answer.body, /not sent/);
      assertSiteNotReached(answer);
    }
    const fromScript = await stranger().ask("/echo", { method: "POST", headers: scriptLoad, body: "a=1" });
    assert.equal(fromScript.status, 401);
    assert.equal(JSON.parse(fromScript.body).code, "unauthenticated");
  });

  it("passes what needs nobody", async () => {
    const answer = await stranger().ask("/public/", { headers: pageLoad });
    assert.equal(answer.status, 200);
    assert.match(answer.body, /This page needs no sign-in/);
  });

  it("INC-08 WB-05: tells the site nothing that a stranger says about himself, in any spelling", async () => {
    for (const claims of spoofedClaims()) {
      const answer = await stranger().ask("/headers", { method: "OPTIONS", headers: claims });
      if (refusedAsMalformed(answer)) continue;
      assert.equal(answer.status, 200);
      assert.deepEqual(
        identitySeen(answer).filter(([, value]) => value !== ""),
        [],
      );
    }
  });

  it("INC-04: judges the request itself, not one that the client names", async () => {
    const claims: Array<[string, string]> = ["Uri", "URL", "Method", "Host", "Proto"].flatMap((part) =>
      ["X-Forwarded-", "X-Original-", "X_Forwarded_", "X.Original."].map((head) => [
        head + part,
        part === "Method" ? "OPTIONS" : part === "Host" ? "evil.example" : "/public/",
      ]),
    );
    for (const headers of [claims, claims.filter(([name]) => !/[_.]/.test(name))]) {
      const answer = await stranger().ask("/headers", { headers });
      if (!refusedAsMalformed(answer)) assert.equal(answer.status, 401);
      assertSiteNotReached(answer);
    }
  });

  it("INC-05: passes no path that is a public one only at first sight", async () => {
    const paths = [
      "/public/../headers",
      "/public/%2e%2e/headers",
      "/public/..%2fheaders",
      "/public/..%5cheaders",
      "/public/%252e%252e/headers",
      "/public//../headers",
      "/public/..;/headers",
      "/api/auth/../../headers",
      "/api/auth/..%2f..%2fheaders",
      "//headers",
      "/HEADERS",
      "/headers#/public/",
    ];
    for (const path of paths) {
      const answer = await stranger().ask(path);
      assert.ok(answer.status >= 300, `${path}: ${answer.status}`);
      assertSiteNotReached(answer);
    }
  });

  it("passes who has signed in, and tells the site who that is", async () => {
    backupCodes = await enrol(visitor, account);
    visitor.setCookie("theme", "dark");
    const answer = await visitor.ask("/headers?a=1&b=%2F", { headers: pageLoad });
    assert.equal(answer.status, 200);
    const seen: Seen = JSON.parse(answer.body);
    assert.equal(seen.url, "/headers?a=1&b=%2F");
    const identity = Object.fromEntries(identitySeen(answer));
    assert.equal(identity["remote-user"], account.username);
    assert.equal(identity["remote-email"], account.email);

    const { body: jwks } = await stranger().ask("/api/auth/.well-known/jwks.json");
    const keys = createLocalJWKSet(JSON.parse(jwks) as JSONWebKeySet);
    const { payload } = await jwtVerify(identity["x-sallyport-assertion"] ?? "", keys, {
      algorithms: ["EdDSA"],
      issuer: `${proxy.seenByWorker}/api/auth`,
      audience: proxy.seenByWorker,
    });
    assert.equal(payload.preferred_username, account.username);
    assert.ok(Array.isArray(payload.amr) && payload.amr.includes("otp"));

    const home = await visitor.ask("/", { headers: pageLoad });
    assert.match(home.body, new RegExp(`Hello, ${account.username}`));
    assert.match(home.body, /<span class="yes">yes<\/span>/);
  });

  it("INC-34 lets nobody outside ask the proxy's question, because the answer is good for going around the proxy", async () => {
    const questions = [
      "auth-request",
      "forward-auth",
      "%61uth-request",
      "./forward-auth",
      "x/../auth-request",
      "x\\..\\auth-request",
      "x\\..\\forward-auth",
      "/auth-request",
      "x/%2e%2e/auth-request",
      "x%2f..%2fforward-auth",
    ];
    for (const question of questions) {
      const headers = { "X-Forwarded-Uri": "/public/", "X-Forwarded-Method": "GET" };
      const answer = await visitor.ask(`/api/auth/${question}`, { headers });
      assert.ok([403, 404].includes(answer.status), `${question}: ${answer.status}`);
      for (const header of identityHeaders) assert.equal(answer.headers[header.toLowerCase()], undefined);
    }
  });

  it("hands the visitor the renewed session, and the site's own cookies to the site alone", async () => {
    // A cookie that the Worker takes back at the same time must not get in the way.
    visitor.setCookie("__Host-sallyport-pending", "over");
    visitor.setCookie("__Host-sallyport-challenge", "over");
    const answer = await visitor.ask("/headers", { headers: pageLoad });
    const [renewed = ""] = answer.headers["set-cookie"] ?? [];
    assert.match(renewed, /^__Host-sallyport=[^;]+;(?=.* Secure)(?=.* HttpOnly)(?=.* SameSite=Lax)/);
    // A shared cache in front of the proxy must not store it (INC-37).
    if (proxy.marksRenewalsPrivate) assert.match([answer.headers["cache-control"]].join(), /\bprivate\b/);
    if (!proxy.hidesCookies) return;
    assert.deepEqual(valuesSeen(JSON.parse(answer.body), isNamed("cookie")), ["theme=dark"]);
  });

  it("INC-08 WB-05: tells the site nothing that a visitor says about himself, in any spelling", async () => {
    for (const claims of spoofedClaims()) {
      const answer = await visitor.ask("/headers", { headers: claims });
      if (refusedAsMalformed(answer)) continue;
      assert.equal(answer.status, 200);
      const identity = identitySeen(answer);
      assert.deepEqual(
        identity.map(([header]) => header).sort(),
        [...identityHeaders].map(canonicalName).sort(),
      );
      assert.ok(!JSON.stringify(identity).includes("evil"));
      const secret = valuesSeen(JSON.parse(answer.body), isNamed("x-sallyport-proxy-key"));
      assert.deepEqual(secret, []);
    }
  });

  it("takes nothing away that Sallyport says, because a client calls it a matter of the connection", async () => {
    const names = [...identityHeaders, "X-Forwarded-Uri", "X-Forwarded-Method", "X-Sallyport-Proxy-Key"];
    const headers = { Connection: ["close", ...names].join(", ") };
    const refused = await stranger().ask("/headers", { headers });
    assert.ok(refused.status >= 400, `${refused.status}`);
    assertSiteNotReached(refused);
    const answer = await visitor.ask("/headers", { headers });
    if (refusedAsMalformed(answer)) return;
    assert.equal(answer.status, 200);
    const { "remote-user": user } = Object.fromEntries(identitySeen(answer));
    assert.equal(user, proxy.heedsConnection ? undefined : account.username);
  });

  it("tells the Worker the visitor's address, whatever the visitor says it is", async () => {
    const client = new Client(proxy.baseUrl);
    const headers = {
      ...scriptLoad,
      "Content-Type": "application/json",
      "X-Forwarded-For": "203.0.113.9",
      "CF-Connecting-IP": "203.0.113.9",
      "X-Sallyport-Proxy-Key": "evil",
    };
    const { username, password } = await createApiAccount(worker, name);
    const body = JSON.stringify({ username, password });
    const answer = await client.ask("/api/auth/login", { method: "POST", headers, body });
    assert.equal(answer.status, 200);
    const { body: sessions } = await client.ask("/api/auth/sessions");
    assert.equal(JSON.parse(sessions).data.sessions[0].client_address, "127.0.0.1");
  });

  it("passes bodies, ranges and event streams as they come", async () => {
    const echoed = await visitor.ask("/echo", { method: "POST", headers: scriptLoad, body: "a=1&b=2" });
    assert.equal(echoed.status, 200);
    assert.equal(echoed.body, "a=1&b=2");

    const part = await visitor.ask("/download?bytes=100000", { headers: { Range: "bytes=10-19" } });
    assert.equal(part.status, 206);
    assert.equal(part.headers["content-range"], "bytes 10-19/100000");
    assert.deepEqual([...Buffer.from(part.body)], [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);

    const arrivals = await timeChunks(`${proxy.baseUrl}/stream`, visitor.cookies);
    assert.ok(arrivals.length >= 4, `five events, 100 ms apart, came in ${arrivals.length} pieces`);
    const [first = 0, last = 0] = [arrivals[0], arrivals.at(-1)];
    assert.ok(last - first > 250, `five events, 100 ms apart, came within ${last - first} ms`);
  });

  it("asks for a fresh second factor where the policy does, and passes after it", async () => {
    await sleep((freshSeconds + 1) * 1000);
    const stale = await visitor.ask("/admin/?tab=1", { headers: pageLoad });
    assert.equal(stale.status, 303);
    assertLeadsTo(stale, "/api/auth/second-factor", "/admin/?tab=1");
    const script = await visitor.ask("/admin/", { headers: scriptLoad });
    assert.equal(script.status, 401);
    assert.equal(JSON.parse(script.body).code, "step_up_required");
    assertSiteNotReached(script);

    await visitor.call("/step-up", { code: backupCodes[0] });
    const fresh = await visitor.ask("/admin/?tab=1", { headers: pageLoad });
    assert.equal(fresh.status, 200);
    assert.match(fresh.body, /<h1>Admin<\/h1>/);
  });

  it("passes nobody who has signed out, with an old cookie neither", async () => {
    const thief = visitor.copy();
    await visitor.call("/logout");
    for (const client of [visitor, thief]) {
      const answer = await client.ask("/headers", { headers: pageLoad });
      assert.equal(answer.status, 303);
      assertLeadsTo(answer, "/api/auth/sign-in", "/headers");
      assertSiteNotReached(answer);
    }
  });

  it("INC-02: takes a cookie that is garbage for none", async () => {
    for (const garbage of ["x", "a.b.c", '"', "%00", "ä", "x".repeat(3000)]) {
      const client = stranger();
      client.setCookie("__Host-sallyport", garbage);
      const answer = await client.ask("/headers", { headers: pageLoad });
      assert.notEqual(answer.status, 200);
      assertSiteNotReached(answer);
    }
  });
}
