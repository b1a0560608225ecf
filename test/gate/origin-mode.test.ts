import { beforeEach, describe, expect, it } from "vitest";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";
import { code } from "../support/worker.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada").set("s2", "ada").set("s3", "grace");
});

describe("in front of a site with its own login", () => {
  it("lets an anonymous visitor pass to its login, without a who-am-I request when there is no cookie", async () => {
    const browser = new Browser();
    expect(await (await browser.load("/login")).text()).toBe("hello nobody");
    expect(site.probes).toHaveLength(0);
    browser.cookies.set("sid", "stale");
    expect(await (await browser.load("/")).text()).toBe("hello nobody");
    expect(site.probes).toHaveLength(1);
  });

  it("redirects an account to set up a second factor, then requires it in every other session of the site", async () => {
    const browser = Browser.signedIn("s1");
    const refused = await browser.load("/inbox?x=1");
    expect(refused.status).toBe(303);
    expect(refused.headers.get("Location")).toBe("/api/auth/account/two-factor?rd=%2Finbox%3Fx%3D1");
    expect(site.pages).toHaveLength(0);

    const secret = await browser.enrol();
    const probes = site.probes.length;
    const passed = await browser.load("/inbox");
    expect(await passed.text()).toBe("hello ada");
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    expect(site.lastPage.headers.get("Remote-Email")).toBe("ada@site.test");
    expect(site.lastPage.headers.get("Cookie")).toBe("sid=s1");
    expect(site.probes).toHaveLength(probes);

    browser.cookies.set("sid", "s2");
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/second-factor?rd=%2Finbox");
    expect(site.probes).toHaveLength(probes + 1);
    await browser.passSecondFactor(secret);
    expect(await (await browser.load("/inbox")).text()).toBe("hello ada");

    browser.cookies.set("sid", "s3");
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/account/two-factor?rd=%2Finbox");
  });

  it("EN-14 gives no byte to a script, a form, a range or another method before the second factor", async () => {
    const reached = () => site.pages.length;
    await Browser.signedIn("s2").enrol();
    const before = reached();
    const browser = Browser.signedIn("s1");
    for (const init of [
      {},
      { method: "POST", body: "a=1" },
      { method: "PUT", body: "{}" },
      { method: "PATCH", body: "{}" },
      { method: "DELETE" },
      { method: "OPTIONS" },
      { method: "PROPFIND" },
      { headers: { Range: "bytes=0-1" } },
      { headers: { "If-None-Match": "*" } },
    ]) {
      const response = await browser.script("/inbox", init);
      expect([init.method, response.status]).toEqual([init.method, 401]);
      expect(await response.json()).toMatchObject({ code: "second_factor_required" });
    }
    const head = await browser.script("/inbox", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([401, ""]);
    expect(reached()).toBe(before);
  });

  it("makes one account of all spellings of a name where the operator says so (EXTERNAL_NAMES=canonical)", async () => {
    const variables = { EXTERNAL_NAMES: "canonical" };
    const secret = await Browser.signedIn("s1", variables).enrol();
    for (const name of ["ADA", " ada ", "ＡＤＡ"]) {
      site.whoAmI = () => Response.json({ user: { name } });
      const browser = Browser.signedIn("s2", variables);
      expect(await browser.redirectOf("/inbox")).toBe("/api/auth/second-factor?rd=%2Finbox");
      await browser.passSecondFactor(secret);
      await browser.load("/inbox");
      expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    }
  });
});

describe("in front of the zone's own origin (ORIGIN_URL=route)", () => {
  it("asks and forwards to the address that was asked for", async () => {
    const browser = Browser.signedIn("s1", { ORIGIN_URL: "route" });
    expect(await browser.redirectOf("/inbox")).toContain("/api/auth/account/two-factor");
    expect(site.probes.map(({ url }) => url)).toEqual(["https://site.example/me"]);
    await browser.enrol();
    expect((await browser.load("/inbox?x=1")).status).toBe(200);
    expect(site.lastPage.url).toBe("https://site.example/inbox?x=1");
  });
});

describe("the Worker's own pages in front of a site with its own login", () => {
  it("redirect an anonymous visitor from the sign-in page to the site's login", async () => {
    const browser = new Browser();
    expect(await browser.redirectOf("/api/auth/sign-in")).toBe("/");
    expect(await browser.redirectOf("/api/auth/sign-in?rd=%2Finbox%3Fx%3D1")).toBe("/inbox?x=1");
    expect(await browser.redirectOf("/api/auth/sign-in?rd=%2F%2Fevil.example")).toBe("/");
    expect(await browser.redirectOf("/api/auth/second-factor?rd=%2Finbox")).toBe(
      "/api/auth/sign-in?rd=%2Finbox",
    );
    expect(await (await browser.load("/inbox")).text()).toBe("hello nobody");
  });

  it.each(["/account", "/account/two-factor"])(
    "end with a page that names the site's login, without a request for %s",
    async (path) => {
      const browser = new Browser();
      const response = await browser.follow(`/api/auth${path}`);
      const text = await response.text();
      expect([response.status, text]).toEqual([401, expect.stringContaining("Sign in there, and come back")]);
      expect(text).toContain('href="/"');
      expect(text).not.toContain("<form");
      expect(browser.cookies.size).toBe(0);
    },
  );

  it("redirect a signed-in visitor from the sign-in page to the missing step, and then to the requested page", async () => {
    const browser = Browser.signedIn("s1");
    expect(await browser.redirectOf("/api/auth/sign-in?rd=%2Finbox")).toBe("/inbox");
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/account/two-factor?rd=%2Finbox");
    await browser.enrol();
    expect(await browser.redirectOf("/api/auth/sign-in?rd=%2Finbox")).toBe("/inbox");
    const other = Browser.signedIn("s2");
    expect(await other.redirectOf("/api/auth/sign-in?rd=%2Finbox")).toBe(
      "/api/auth/second-factor?rd=%2Finbox",
    );
  });

  it("have no password form, and nothing that takes a password", async () => {
    const browser = Browser.signedIn("s1");
    const form = await browser.post("/api/auth/sign-in", {
      username: "ada",
      password: "correct horse battery",
    });
    expect(form.status).toBe(404);
    const body = JSON.stringify({ username: "ada", password: "correct horse battery" });
    const headers = { "Content-Type": "application/json" };
    const login = await browser.script("/api/auth/login", { method: "POST", body, headers });
    expect([login.status, await login.json()]).toEqual([404, expect.objectContaining({ code: "not_found" })]);
    await browser.enrol();
    expect(await (await browser.load("/api/auth/account")).text()).not.toContain('type="password"');
  });

  it("show no password form after the last attempt either", async () => {
    const secret = await Browser.signedIn("s1").enrol();
    const browser = Browser.signedIn("s2");
    await browser.load("/api/auth/second-factor");
    // A spent code costs an attempt, and is no failure of the account, which would have to wait.
    const spent = { code: await code(secret, -1), rd: "/inbox" };
    for (let i = 0; i < 5; i++) await browser.post("/api/auth/second-factor", spent);
    const last = await browser.post("/api/auth/second-factor", spent);
    const text = await last.text();
    expect([last.status, text.includes('type="password"')]).toEqual([429, false]);
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/second-factor?rd=%2Finbox");
    await browser.passSecondFactor(secret);
    expect((await browser.load("/inbox")).status).toBe(200);
  });

  it("set up no second factor when the visitor has signed out at the site since the page was shown", async () => {
    const browser = Browser.signedIn("s1");
    await browser.load("/api/auth/account/two-factor");
    site.sessions.delete("s1");
    const start = await browser.post("/api/auth/account/two-factor", { step: "start", rd: "/" });
    expect(await start.text()).not.toMatch(/[A-Z2-7]{32}/);
    const headers = { "Content-Type": "application/json" };
    const setup = await browser.script("/api/auth/totp/setup", { method: "POST", body: "{}", headers });
    expect([setup.status, (await setup.text()).includes("secret")]).toEqual([401, false]);

    site.sessions.set("s1", "grace");
    const other = await browser.post("/api/auth/account/two-factor", { step: "start", rd: "/" });
    expect(await other.text()).not.toMatch(/[A-Z2-7]{32}/);
  });

  it("INC-20 set up nothing while the who-am-I fails", async () => {
    const browser = Browser.signedIn("s1");
    await browser.load("/api/auth/account/two-factor");
    site.whoAmI = () => new Response(null, { status: 500 });
    const start = await browser.post("/api/auth/account/two-factor", { step: "start", rd: "/" });
    expect([start.status, /[A-Z2-7]{32}/.test(await start.text())]).toEqual([503, false]);
  });
});
