import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, countCosts, nothing, openSite, type Site } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";

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

describe("a session behind the site's own login", () => {
  it("costs no trip to D1, no call of KV and no question to the site while it is fresh", async () => {
    const { bindings, costOf } = countCosts(site);
    const { browser } = await inside(bindings);
    advance(59);
    const cost = await costOf(async () => {
      expect(await (await browser.load("/inbox")).text()).toBe("hello ada");
      expect((await browser.script("/data")).status).toBe(200);
      expect((await browser.load("/", { "User-Agent": "another" })).status).toBe(200);
    });
    expect(cost).toEqual(nothing);
  });

  it("costs one question and one trip to D1 when SESSION_RECHECK is over, and is fresh again", async () => {
    const { bindings, costOf } = countCosts(site);
    const { browser } = await inside(bindings);
    advance(60);
    const load = async () => expect((await browser.load("/inbox")).status).toBe(200);
    expect(await costOf(load)).toEqual({ ...nothing, batches: 1, probes: 1 });
    expect(await costOf(load)).toEqual(nothing);
    advance(59);
    expect(await costOf(load)).toEqual(nothing);
  });

  it("is asked about every time where SESSION_RECHECK is 0", async () => {
    const { bindings, costOf } = countCosts(site);
    const { browser } = await inside({ ...bindings, SESSION_RECHECK: "0" });
    const load = async () => expect((await browser.load("/inbox")).status).toBe(200);
    for (let i = 0; i < 3; i++) expect(await costOf(load)).toEqual({ ...nothing, batches: 1, probes: 1 });
  });

  it("costs one question when the site's cookie has changed, and is not the one that passes", async () => {
    const { bindings, costOf } = countCosts(site);
    const { browser } = await inside(bindings);
    browser.cookies.set("sid", "s2");
    const cost = await costOf(async () => expect(await browser.redirectOf("/inbox")).toBe(secondFactor));
    expect(cost.probes).toBe(1);
    expect(site.pages.filter(({ url }) => url.endsWith("/inbox"))).toEqual([]);
  });

  it("comes back with the site's session that it was made for", async () => {
    const { browser } = await inside();
    browser.cookies.set("sid", "s2");
    expect(await browser.redirectOf("/inbox")).toBe(secondFactor);
    browser.cookies.set("sid", "s1");
    expect(await browser.redirectOf("/inbox")).toBeNull();
  });

  it("SE-06 passes at the gate for no longer than SESSION_RECHECK when it has been ended here", async () => {
    const { browser } = await inside();
    await query("DELETE FROM sessions");
    advance(60);
    expect(await browser.redirectOf("/inbox")).toBe(secondFactor);
    expect(site.lastPage.url).not.toContain("/inbox");
  });
});

describe("signing out at the site", () => {
  it("is noticed at once when it removes the cookie: the visitor passes as anonymous", async () => {
    const { browser } = await inside();
    browser.cookies.delete("sid");
    expect(await (await browser.load("/inbox")).text()).toBe("hello nobody");
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    expect(site.lastPage.headers.get("X-Sallyport-Assertion")).toBeNull();
  });

  it("is noticed within SESSION_RECHECK when the cookie stays and its session is empty", async () => {
    const { browser } = await inside();
    site.sessions.delete("s1");
    advance(60);
    expect(await (await browser.load("/inbox")).text()).toBe("hello nobody");
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
  });

  it.each(["POST", "PUT", "PATCH", "DELETE"])(
    "is noticed at the next request when a %s has done it",
    async (method) => {
      const { browser } = await inside();
      site.answer = async (request) => {
        if (request.method === method) site.sessions.delete("s1");
        return new Response("ok");
      };
      await browser.script("/logout", { method });
      await browser.load("/inbox");
      expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    },
  );

  it("is noticed at the next request where /logout is public", async () => {
    const POLICY = JSON.stringify([{ path: "/logout", require: "none" }]);
    const { browser } = await inside({ POLICY });
    site.answer = () => {
      site.sessions.delete("s1");
      return new Response("bye");
    };
    await browser.post("/logout", {});
    await browser.load("/inbox");
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
  });

  it("asks after a POST once, and not after every GET that follows", async () => {
    const { bindings, costOf } = countCosts(site);
    const { browser } = await inside(bindings);
    expect(await costOf(() => browser.post("/save", { a: "1" }))).toEqual(nothing);
    const load = async () => expect((await browser.load("/inbox")).status).toBe(200);
    expect(await costOf(load)).toEqual({ ...nothing, batches: 1, probes: 1 });
    expect(await costOf(load)).toEqual(nothing);
  });
});
