import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, countCosts, nothing, openSite, type Site } from "../support/origin-site.ts";
import { listEvents, query } from "../support/rows.ts";
import { Traefik } from "../support/traefik.ts";
import { code, createEnrolledAccount, type EnrolledAccount } from "../support/worker.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
});

/** Puts Traefik between a browser and the site. */
function behindTraefik(browser: Browser) {
  const { bindings } = browser;
  const traefik = new Traefik({ bindings, site: site.fetch, proxyKey, clientAddress: "203.0.113.7" });
  browser.via = traefik.handle;
  return { browser, traefik };
}

const greet = ({ headers }: Request) => new Response(`hello ${headers.get("Remote-User") || "nobody"}`);

describe("behind Traefik, with passwords", () => {
  const setup = (overrides = {}) =>
    behindTraefik(
      new Browser({ FIRST_FACTOR: "password", ORIGIN_URL: "", PROXY_KEY: proxyKey, ...overrides }),
    );

  async function signIn(browser: Browser, { username, password, secret }: EnrolledAccount) {
    await browser.post("/api/auth/sign-in", { username, password, rd: "/inbox" });
    const done = await browser.post("/api/auth/second-factor", { code: await code(secret), rd: "/inbox" });
    expect(done.headers.get("Location")).toBe("/inbox");
  }

  it("goes all the way: refused, signed in, inside under one name, signed out", async () => {
    site.answer = greet;
    const account = await createEnrolledAccount();
    advance(60);
    const { browser } = setup();
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/sign-in?rd=%2Finbox");
    expect((await browser.load("/api/auth/sign-in?rd=%2Finbox")).status).toBe(200);
    await browser.post("/api/auth/sign-in", { username: "ada", password: account.password, rd: "/inbox" });
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/sign-in?rd=%2Finbox");
    expect(site.pages).toHaveLength(0);
    await browser.post("/api/auth/second-factor", { code: await code(account.secret), rd: "/inbox" });
    expect(await (await browser.load("/inbox")).text()).toBe("hello ada");
    expect(site.lastPage.headers.get("Remote-Email")).toBe("ada@example.com");
    expect(site.lastPage.headers.get("X-Sallyport-Assertion")).toMatch(/^ey/);
    await browser.post("/api/auth/sign-out", {});
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/sign-in?rd=%2Finbox");
    const addresses = await listEvents("first_factor.accepted");
    expect(addresses.at(-1)?.client_address).toBe("203.0.113.7");
  });

  it("hands refusals on: problem JSON for a script, a page for a lost form, nothing of the site", async () => {
    const { browser } = setup();
    const data = await browser.script("/data?x=1");
    expect([data.status, await data.json()]).toEqual([
      401,
      expect.objectContaining({ code: "unauthenticated", sign_in: "/api/auth/sign-in?rd=%2Fdata%3Fx%3D1" }),
    ]);
    const form = await browser.post("/orders", { a: "1" });
    expect([form.status, await form.text()]).toEqual([
      401,
      expect.stringContaining("Your form was not sent"),
    ]);
    expect(site.pages).toHaveLength(0);
  });

  it("INC-08 WB-05 leaves nothing of what a client says of itself", async () => {
    site.answer = greet;
    const POLICY = JSON.stringify([{ path: "/public/*", require: "none" }]);
    const { browser } = setup({ POLICY });
    const forged = { "Remote-User": "root", "Remote-Email": "root@x", "X-Sallyport-Assertion": "forged" };
    await browser.load("/public/x", forged);
    const seen = ["Remote-User", "Remote-Email", "X-Sallyport-Assertion"].map((name) =>
      site.lastPage.headers.get(name),
    );
    expect(seen).toEqual(["", "", ""]);
  });

  it("INC-04 asks about the request that came, whatever a client says that it is", async () => {
    const POLICY = JSON.stringify([{ path: "/public/*", require: "none" }]);
    const { browser, traefik } = setup({ POLICY });
    for (const forged of [
      { "X-Forwarded-Uri": "/public/x", "X-Forwarded-Method": "GET" },
      { "X-Original-URL": "/public/x", "X-Original-Method": "GET" },
      { "X-Original-URL": "https://site.example/public/x" },
    ] as Record<string, string>[])
      expect((await browser.load("/inbox", forged)).status).toBeGreaterThanOrEqual(300);
    expect(site.pages).toHaveLength(0);
    expect(traefik.questions.map(({ headers }) => headers.get("X-Forwarded-Uri"))).toEqual([
      "/inbox",
      "/inbox",
      "/inbox",
    ]);
    expect((await browser.load("/public/x")).status).toBe(200);
  });

  it("costs no trip to D1 and no call of KV while a session is fresh, and is renewed through the proxy", async () => {
    const { bindings, costOf } = countCosts(site);
    const account = await createEnrolledAccount();
    advance(60);
    const { browser } = setup(bindings);
    await signIn(browser, account);
    const load = async () => expect((await browser.load("/inbox")).status).toBe(200);
    expect(await costOf(load)).toEqual(nothing);
    advance(60);
    expect(await costOf(load)).toEqual({ ...nothing, batches: 1 });
    expect(await costOf(load)).toEqual(nothing);
  });

  it("INC-15 TH-06 counts wrong passwords as if there were no proxy, and blocks the client and not the proxy", async () => {
    const { browser } = setup();
    const wrong = { username: "nobody", password: "wrong password", rd: "/" };
    for (let i = 0; i < 10; i++) expect((await browser.post("/api/auth/sign-in", wrong)).status).toBe(401);
    expect((await browser.post("/api/auth/sign-in", wrong)).status).toBe(429);
    const direct = new Browser({ FIRST_FACTOR: "password", ORIGIN_URL: "", PROXY_KEY: proxyKey });
    direct.added["CF-Connecting-IP"] = "203.0.113.7";
    expect((await direct.post("/api/auth/sign-in", wrong)).status).toBe(429);
    direct.added["CF-Connecting-IP"] = "203.0.113.8";
    expect((await direct.post("/api/auth/sign-in", wrong)).status).toBe(401);
  });
});

describe("behind Traefik, with the site's own login", () => {
  const setup = (sid?: string, overrides = {}) => {
    const variables = {
      ORIGIN_URL: "",
      WHOAMI_URL: "http://origin.test/me",
      PROXY_KEY: proxyKey,
      ...overrides,
    };
    return behindTraefik(sid === undefined ? new Browser(variables) : Browser.signedIn(sid, variables));
  };

  it("forwards anonymous requests as anonymous, and a signed-in visitor after the second factor", async () => {
    site.sessions.set("s1", "ada").set("s2", "ada");
    const { browser: stranger } = setup();
    expect(await (await stranger.load("/login")).text()).toBe("hello nobody");
    expect([site.lastPage.headers.get("Remote-User"), site.probes.length]).toEqual(["", 0]);

    const { browser } = setup("s1");
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/account/two-factor?rd=%2Finbox");
    const reached = site.pages.length;
    expect((await browser.script("/inbox")).status).toBe(401);
    expect(site.pages).toHaveLength(reached);
    await browser.enrol();
    expect(await (await browser.load("/inbox")).text()).toBe("hello ada");
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    expect(await setup("s2").browser.redirectOf("/inbox")).toBe("/api/auth/second-factor?rd=%2Finbox");
  });

  it("costs no trip, no call and no question while a session is fresh, and one of each when it is not", async () => {
    site.sessions.set("s1", "ada");
    const { bindings, costOf } = countCosts(site);
    const { browser } = setup("s1", bindings);
    await browser.enrol();
    await browser.load("/inbox");
    const load = async () => expect((await browser.load("/inbox")).status).toBe(200);
    expect(await costOf(load)).toEqual(nothing);
    advance(60);
    expect(await costOf(load)).toEqual({ ...nothing, batches: 1, probes: 1 });
    expect(await costOf(load)).toEqual(nothing);
  });

  it("notices at the next request that a form has signed out, or has signed in another account", async () => {
    site.sessions.set("s1", "ada");
    const { browser } = setup("s1");
    await browser.enrol();
    await browser.load("/inbox");
    const reached = site.pages.length;
    await browser.post("/login", "grace");
    expect(site.pages).toHaveLength(reached + 1);
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/account/two-factor?rd=%2Finbox");
    expect(site.pages).toHaveLength(reached + 1);
  });

  it("SE-11 hands on that the account is closed", async () => {
    site.sessions.set("s1", "ada");
    const { browser } = setup("s1");
    await browser.load("/inbox");
    await query("UPDATE users SET disabled_at = 1");
    expect((await browser.load("/inbox")).status).toBe(403);
    expect(site.pages).toHaveLength(0);
  });

  it("INC-20 forwards the error when the who-am-I fails", async () => {
    site.whoAmI = () => new Response(null, { status: 500 });
    const { browser } = setup("s1");
    expect((await browser.load("/inbox")).status).toBe(503);
    expect(site.pages).toHaveLength(0);
  });
});
