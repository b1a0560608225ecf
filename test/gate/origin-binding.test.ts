import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";
import { code, createEnrolledAccount, host, send } from "../support/worker.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada").set("s2", "ada").set("s3", "grace");
});

/** Signs ada in with both factors and the session `s1` of the site. Its token is fresh. */
async function inside(overrides = {}) {
  const browser = Browser.signedIn("s1", overrides);
  const secret = await browser.enrol();
  advance(60);
  await browser.load("/inside");
  return { browser, secret };
}

const secondFactor = "/api/auth/second-factor?rd=%2Finbox";
const setUp = "/api/auth/account/two-factor?rd=%2Finbox";
const sessionCookie = "__Host-sallyport";

describe("another account in the same browser", () => {
  it("gets no byte of a page without a code of its own, when the site keeps its cookie through a login", async () => {
    const { browser } = await inside();
    expect((await browser.post("/login", "grace")).status).toBe(200);
    const reached = site.pages.length;
    for (const path of ["/inbox", "/", "/inbox.json"]) {
      const page = await browser.load(path);
      expect([page.status, await page.text()]).toEqual([303, ""]);
      const data = await browser.script(path);
      expect(data.status).toBe(401);
      expect(await data.text()).not.toContain("hello");
    }
    expect(await browser.redirectOf("/inbox")).toBe(setUp);
    expect(site.pages).toHaveLength(reached);
  });

  it("gets no byte either after a look at a page that is open to everybody", async () => {
    const POLICY = JSON.stringify([{ path: "/public/*", require: "none" }]);
    const { browser } = await inside({ POLICY });
    await browser.post("/login", "grace");
    const open = await browser.load("/public/style.css");
    expect(open.status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    expect(await browser.redirectOf("/inbox")).toBe(setUp);
  });

  it.each([
    "/api/auth/account",
    "/api/auth/session",
    "/api/auth/sign-in",
    "/api/auth/totp",
    "/api/auth/account/two-factor",
  ])("gets no byte either after a look at %s", async (path) => {
    const { browser } = await inside();
    await browser.post("/login", "grace");
    await browser.load(path);
    expect([await browser.redirectOf("/inbox"), site.lastPage.url]).toEqual([
      setUp,
      "http://origin.test/login",
    ]);
  });

  it("gets no byte with a code of the first account either, typed while the site changed the account", async () => {
    const POLICY = JSON.stringify([{ path: "/login", require: "none" }]);
    const { secret } = await inside({ POLICY });
    const browser = Browser.signedIn("s2", { POLICY });
    await browser.load("/api/auth/second-factor");
    await browser.post("/login", "grace");
    await browser.post("/api/auth/second-factor", { code: await code(secret), rd: "/inbox" });
    expect([await browser.redirectOf("/inbox"), site.lastPage.url]).toEqual([
      setUp,
      "http://origin.test/login",
    ]);
  });

  it("passes with its own code, which does not count as a wrong one of the first account", async () => {
    const secret = await Browser.signedIn("s3").enrol();
    const { browser } = await inside();
    await browser.post("/login", "grace");
    expect(await browser.redirectOf("/inbox")).toBe(secondFactor);
    await browser.passSecondFactor(secret);
    expect(await (await browser.load("/inbox")).text()).toBe("hello grace");
    expect(site.lastPage.headers.get("Remote-User")).toBe("grace");
    const failures = await query("SELECT username FROM users WHERE second_factor_failures > 0");
    expect(failures).toEqual([]);
  });

  it("can set up its own second factor, and does not touch that of the first account", async () => {
    const { browser, secret } = await inside();
    await browser.post("/login", "grace");
    const own = await browser.enrol();
    expect(own).not.toBe(secret);
    expect(await (await browser.load("/inbox")).text()).toBe("hello grace");
    const enrolled = await query<{ username: string }>(
      "SELECT username FROM users WHERE totp_enabled ORDER BY 1",
    );
    expect(enrolled.map(({ username }) => username)).toEqual(["ada", "grace"]);
  });

  it("is noticed within SESSION_RECHECK where the login is no POST", async () => {
    const { browser } = await inside();
    site.sessions.set("s1", "grace");
    advance(60);
    expect(await browser.redirectOf("/inbox")).toBe(setUp);
  });

  it("gains no more than SESSION_RECHECK from a token that was kept back, and nothing where that is 0", async () => {
    for (const [SESSION_RECHECK, kept] of [
      ["60", 60],
      ["0", 0],
    ] as const) {
      site.sessions.set("s1", "ada");
      await query("DELETE FROM users");
      const { browser } = await inside({ SESSION_RECHECK });
      const thief = browser.steal("sid", sessionCookie);
      await browser.post("/login", "grace");
      advance(kept);
      expect(await thief.redirectOf("/inbox")).toBe(setUp);
    }
  });
});

describe("session fixation at the site", () => {
  it("INC-10 requires a code from the attacker who planted the site's cookie, after the victim has passed with both", async () => {
    const attacker = Browser.signedIn("planted");
    expect(await (await attacker.load("/login")).text()).toBe("hello nobody");
    const victim = Browser.signedIn("planted");
    await victim.post("/login", "ada");
    await victim.enrol();
    expect(await (await victim.load("/inbox")).text()).toBe("hello ada");
    const reached = site.pages.length;
    expect(await attacker.redirectOf("/inbox")).toBe(secondFactor);
    expect((await attacker.script("/inbox")).status).toBe(401);
    expect(site.pages).toHaveLength(reached);
  });

  it("INC-10 gives the Worker's cookie a new value at every change of level", async () => {
    const browser = Browser.signedIn("s1");
    await browser.load("/api/auth/account/two-factor");
    const before = browser.cookies.get(sessionCookie);
    const old = browser.steal("sid", sessionCookie);
    await browser.enrol();
    expect(browser.cookies.get(sessionCookie)).not.toBe(before);
    advance(60);
    expect(await old.redirectOf("/inbox")).toBe(secondFactor);
  });

  it("requires the site's login from a client with the Worker's cookie only, and shows nothing of its owner", async () => {
    const { browser } = await inside();
    const thief = browser.steal(sessionCookie);
    expect(await (await thief.load("/inbox")).text()).toBe("hello nobody");
    thief.cookies.set("sid", "s2");
    expect(await thief.redirectOf("/inbox")).toBe(secondFactor);
  });
});

describe("what a session is bound to", () => {
  it.each([
    ["a second cookie of the name behind it", "sid=s1; sid=s3"],
    ["a second cookie of the name before it", "sid=s3; sid=s1"],
    ["the name in another case", "SID=s3; sid=s1"],
    ["the name in another case alone", "SID=s1"],
    ["the name with an escape", "%73id=s3; sid=s1"],
    ["the name in quotes", '"sid"=s3; sid=s1'],
    ["the name with an index", "sid[0]=s3; sid=s1"],
    ["a blank behind the name", "sid =s1"],
    ["a cookie without a name that looks like it", "=sid=s3; sid=s1"],
    ["a cookie behind a comma", "a=1, sid=s3; sid=s1"],
    ["a cookie in quotes", 'a="1; sid=s3"; sid=s1'],
    ["a cookie in quotes alone", 'a="1; sid=s1; b=2"'],
    ["an empty second value", "sid=s1; sid="],
    ["a byte that is not UTF-8", "sid=s1\uFFFD"],
  ])("INC-23 refuses, and does not ask about, a request with %s: %s", async (_what, Cookie) => {
    const { browser } = await inside();
    const own = `${sessionCookie}=${browser.cookies.get(sessionCookie)}`;
    const [probes, pages] = [site.probes.length, site.pages.length];
    const headers = { Accept: "application/json", Cookie: `${Cookie}; ${own}` };
    const response = await browser.request("/inbox", { headers });
    expect([response.status, await response.json()]).toEqual([
      401,
      expect.objectContaining({ code: "ambiguous_credentials" }),
    ]);
    expect([site.probes.length, site.pages.length]).toEqual([probes, pages]);
  });

  it.each([
    ["a longer value", "sid=s1x"],
    ["a value with a comma", "sid=s1,x"],
  ])("INC-23 is something else with %s: %s", async (_what, Cookie) => {
    const { browser } = await inside();
    const own = `${sessionCookie}=${browser.cookies.get(sessionCookie)}`;
    const probes = site.probes.length;
    const headers = { Accept: "text/html", Cookie: `${Cookie}; ${own}` };
    expect((await browser.request("/inbox", { headers })).status).toBe(200);
    expect(site.probes).toHaveLength(probes + 1);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
  });

  it("INC-23 is asked about each time where the site's cookie is there twice with one value", async () => {
    const browser = Browser.signedIn("s1");
    browser.twice.add("sid");
    await browser.enrol();
    const probes = site.probes.length;
    for (let request = 1; request <= 3; request++) {
      expect(await (await browser.load("/inbox")).text()).toBe("hello ada");
      expect(site.probes).toHaveLength(probes + request);
    }
  });

  it.each([
    ["my_sid", "my.sid=s3; my_sid=s1"],
    ["my_sid", "my[sid=s3; my_sid=s1"],
    ["my_sid", "my sid=s3; my_sid=s1"],
    ["my_sid", "my~sid=s3; my_sid=s1"],
    ["my.sid", "my_sid=s3; my.sid=s1"],
  ])("INC-26 refuses, where the cookie is %s, a request with %s", async (name, Cookie) => {
    site.whoAmI = () => Response.json({ user: { name: "ada" } });
    const browser = new Browser({ ORIGIN_COOKIES: name });
    browser.cookies.set(name, "s1");
    await browser.enrol();
    expect((await browser.load("/inbox")).status).toBe(200);
    const session = `${sessionCookie}=${browser.cookies.get(sessionCookie)}`;
    const headers = { Accept: "text/html", Cookie: `${Cookie}; ${session}` };
    expect((await browser.request("/inbox", { headers })).status).toBe(401);
  });

  it("INC-23 is all cookies of ORIGIN_COOKIES: another one beside the first is something else", async () => {
    site.whoAmI = () => Response.json({ user: { name: "ada" } });
    const browser = new Browser({ ORIGIN_COOKIES: "a,sid" });
    browser.cookies.set("a", "s1");
    await browser.enrol();
    expect((await browser.load("/inbox")).status).toBe(200);
    browser.cookies.set("sid", "s3");
    expect(await browser.redirectOf("/inbox")).toBe(secondFactor);
  });

  it("INC-23 is the name of each value, too: exchanged values are something else", async () => {
    const browser = new Browser({ ORIGIN_COOKIES: "sid,alt" });
    browser.cookies.set("sid", "s1").set("alt", "s3");
    await browser.enrol();
    expect((await browser.load("/inbox")).status).toBe(200);
    const [probes, reached] = [site.probes.length, site.pages.length];
    const Cookie = `alt=s1; sid=s3; ${sessionCookie}=${browser.cookies.get(sessionCookie)}`;
    const response = await browser.request("/inbox", { headers: { Accept: "text/html", Cookie } });
    expect(response.headers.get("Location")).toBe(setUp);
    expect([site.probes.length, site.pages.length]).toEqual([probes + 1, reached]);
  });

  it("stays the same with other cookies of the site, in any order", async () => {
    const { browser } = await inside();
    const own = `${sessionCookie}=${browser.cookies.get(sessionCookie)}`;
    const probes = site.probes.length;
    for (const Cookie of [`theme=dark; sid=s1; ${own}`, `${own}; xsid=s3; sid=s1; a=1`]) {
      const response = await browser.request("/inbox", { headers: { Accept: "text/html", Cookie } });
      expect(await response.text()).toBe("hello ada");
    }
    expect(site.probes).toHaveLength(probes);
  });

  it("is the Authorization header where the site has no cookie, and is another with another header", async () => {
    site.whoAmI = ({ headers }) => {
      const user = /^Basic (.+)$/.exec(headers.get("Authorization") ?? "")?.[1];
      return user === undefined
        ? new Response(null, { status: 401 })
        : Response.json({ user: { name: atob(user).split(":")[0] } });
    };
    const authorization = (user: string) => ({ Authorization: `Basic ${btoa(`${user}:pw`)}` });
    const browser = new Browser();
    const load = (user: string) => browser.load("/inbox", authorization(user));
    expect((await load("ada")).headers.get("Location")).toBe(setUp);
    const wizard = "/api/auth/account/two-factor";
    const send = (fields: Record<string, string>) =>
      browser.request(wizard, {
        method: "POST",
        headers: {
          ...authorization("ada"),
          "Content-Type": "application/x-www-form-urlencoded",
          "Sec-Fetch-Site": "same-origin",
        },
        body: new URLSearchParams(fields).toString(),
      });
    await browser.load(wizard, authorization("ada"));
    const secret = /secret=([A-Z2-7]{32})/.exec(await (await send({ step: "start" })).text())?.[1] ?? "";
    await send({ step: "confirm", code: await code(secret) });
    expect((await load("ada")).status).toBe(200);
    expect(site.lastPage.headers.get("Authorization")).toBe(`Basic ${btoa("ada:pw")}`);
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    expect((await load("grace")).headers.get("Location")).toBe(setUp);
    expect(await (await browser.load("/inbox")).text()).toBe("hello nobody");
  });

  it("is not in the store as it is", async () => {
    site.sessions.set("a-cookie-of-the-site", "ada");
    await Browser.signedIn("a-cookie-of-the-site").enrol();
    const rows = await query<{ binding: string }>("SELECT * FROM sessions");
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain("a-cookie-of-the-site");
  });
});

describe("a session of another first factor", () => {
  it("is none after FIRST_FACTOR was changed, in either direction", async () => {
    const account = await createEnrolledAccount("ada");
    advance(60);
    const password = new Browser({ FIRST_FACTOR: "password" });
    await password.post("/api/auth/sign-in", { username: "ada", password: account.password, rd: "/" });
    await password.post("/api/auth/second-factor", { code: await code(account.secret), rd: "/inside" });
    expect((await password.load("/inbox")).status).toBe(200);

    const behindSite = Browser.signedIn("s1");
    behindSite.cookies.set(sessionCookie, password.cookies.get(sessionCookie) ?? "");
    expect(await behindSite.redirectOf("/inbox")).toBe(setUp);

    const { browser } = await inside();
    password.cookies.set(sessionCookie, browser.cookies.get(sessionCookie) ?? "");
    expect(await password.redirectOf("/inbox")).toBe("/api/auth/sign-in?rd=%2Finbox");
  });

  it("is none as a bearer token: the header is the site's alone", async () => {
    const { browser } = await inside();
    const headers = {
      Authorization: `Bearer ${browser.cookies.get(sessionCookie)}`,
      Cookie: "sid=s1",
      Accept: "text/html",
    };
    const response = await send(
      new Request(`${host}/inbox`, { headers, redirect: "manual" }),
      browser.bindings,
    );
    expect([response.status, response.headers.get("Location")]).toEqual([
      303,
      "/api/auth/second-factor?rd=%2Finbox",
    ]);
    // It is no credential of the site's either (INC-32).
    for (const probe of site.probes) expect(probe.headers.get("Authorization")).toBeNull();
    const own = new Request(`${host}/api/auth/session`, { headers });
    expect((await send(own, browser.bindings)).status).toBe(401);
  });

  it("stays one when the keyring gets a new key, and ends when its key goes", async () => {
    const { browser } = await inside();
    const newKey = `k2:${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`;
    const rotated = new Browser({ KEYRING: `${newKey},${env.KEYRING}` });
    const gone = new Browser({ KEYRING: newKey });
    for (const other of [rotated, gone])
      for (const [name, value] of browser.cookies) other.cookies.set(name, value);
    expect((await rotated.load("/inbox")).status).toBe(200);
    expect(await gone.redirectOf("/inbox")).toBe(secondFactor);
  });
});
