import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada").set("s2", "ada");
});

/** A browser that is signed in at the site, where the account has a second factor that this browser has not shown. */
async function waiting(overrides = {}) {
  await Browser.signedIn("s1").enrol();
  return Browser.signedIn("s2", overrides);
}

const form = { "Content-Type": "application/x-www-form-urlencoded" };

describe("a form whose session has run out", () => {
  it("is not passed on, and the visitor is told so and shown the way back to the page with the form", async () => {
    const browser = await waiting();
    const reached = site.pages.length;
    const response = await browser.request("/orders/new", {
      method: "POST",
      body: "card=4111",
      headers: {
        ...form,
        Accept: "text/html",
        "Sec-Fetch-Mode": "navigate",
        Referer: "https://site.example/orders/new?step=2",
      },
    });
    const text = await response.text();
    expect([response.status, response.headers.get("Location")]).toEqual([401, null]);
    expect(response.headers.get("Content-Type")).toContain("text/html");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(text).toContain("Your form was not sent");
    expect(text).toContain("was not passed on");
    expect(text).toContain('href="/api/auth/second-factor?rd=%2Forders%2Fnew%3Fstep%3D2"');
    expect(text).not.toContain("4111");
    expect(site.pages).toHaveLength(reached);
  });

  it.each([
    ["another host", "https://evil.example/orders"],
    ["no referrer", undefined],
    ["what is no address", "orders"],
    ["another host in the path", "https://site.example//evil.example/"],
  ])("INC-09 leads nowhere else with %s", async (_what, referer) => {
    const browser = await waiting();
    const response = await browser.request("/orders", {
      method: "POST",
      body: "a=1",
      headers: { ...form, Accept: "text/html", ...(referer === undefined ? {} : { Referer: referer }) },
    });
    const page = await response.text();
    const href = /href="([^"]*second-factor[^"]*)"/.exec(page)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const shown = await browser.load(href);
    const field = /name="rd" value="([^"]*)"/.exec(await shown.text())?.[1];
    expect(field).toBe("/");
  });

  it("is a problem document for a program, with the page that helps", async () => {
    const browser = await waiting();
    const reached = site.pages.length;
    const headers = { "Content-Type": "application/json", Referer: "https://site.example/app?x=1" };
    const response = await browser.script("/api/orders", { method: "POST", body: "{}", headers });
    expect(response.status).toBe(401);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json; charset=utf-8");
    expect(await response.json()).toEqual({
      type: "urn:sallyport:problem:second_factor_required",
      title: "Second factor required",
      status: 401,
      detail: expect.any(String),
      code: "second_factor_required",
      request_id: response.headers.get("X-Request-Id"),
      sign_in: "/api/auth/second-factor?rd=%2Fapp%3Fx%3D1",
    });
    expect(site.pages).toHaveLength(reached);
  });

  it("names the page that was asked for to a script that reads", async () => {
    const browser = await waiting();
    const response = await browser.script("/api/orders?page=2");
    expect(await response.json()).toMatchObject({
      sign_in: "/api/auth/second-factor?rd=%2Fapi%2Forders%3Fpage%3D2",
    });
  });

  it("names the wizard to an account without a second factor", async () => {
    const response = await Browser.signedIn("s1").script("/api/orders");
    expect([response.status, await response.json()]).toEqual([
      401,
      expect.objectContaining({
        code: "second_factor_required",
        sign_in: "/api/auth/account/two-factor?rd=%2Fapi%2Forders",
      }),
    ]);
  });

  it("does not have its body read", async () => {
    const browser = await waiting();
    let pulled = 0;
    const body = new ReadableStream(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(1024));
        },
      },
      { highWaterMark: 0 },
    );
    const response = await browser.request("/upload", { method: "POST", body });
    expect([response.status, pulled]).toEqual([401, 0]);
  });
});

describe("a redirect loop", () => {
  const signIn = "/api/auth/sign-in?rd=%2Finbox";

  async function signedIn() {
    const browser = Browser.signedIn("s1");
    await browser.enrol();
    return browser;
  }

  it("gets a page that names the mistake after five rounds, and may try again", async () => {
    const browser = await signedIn();
    for (let round = 1; round <= 5; round++) expect(await browser.redirectOf(signIn)).toBe("/inbox");
    const page = await browser.load(signIn);
    expect([page.status, page.headers.get("Location")]).toEqual([508, null]);
    expect(await page.text()).toContain("Redirect loop");
    expect(await browser.redirectOf(signIn)).toBe("/inbox");
  });

  it("reaches the page from the site's login as well, which redirects an anonymous visitor here", async () => {
    const browser = new Browser();
    for (let round = 1; round <= 5; round++) expect(await browser.redirectOf(signIn)).toBe("/inbox");
    expect((await browser.load(signIn)).status).toBe(508);
  });

  it("is counted in a cookie of the Worker's that ends after 15 seconds, and that the site never sees", async () => {
    const browser = await signedIn();
    const response = await browser.load(signIn);
    const cookie = response.headers.getSetCookie().find((line) => line.includes("circle"));
    expect(cookie).toMatch(/^__Host-sallyport-circle=1%20%2Finbox;/);
    for (const flag of ["Max-Age=15", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"])
      expect(cookie).toContain(flag);
    await browser.load("/inbox");
    expect(site.lastPage.headers.get("Cookie")).toBe("sid=s1");
  });

  it.each(["abc", "-1", "1e9", "", "%00", "NaN", "99999999999999999999"])(
    "is not kept from the site by a cookie that says %j more than once",
    async (value) => {
      const browser = await signedIn();
      const cookies = [...browser.cookies].map(([name, text]) => `${name}=${text}`);
      const Cookie = [...cookies, `__Host-sallyport-circle=${value}`].join("; ");
      const response = await browser.load(signIn, { Cookie });
      expect([303, 508]).toContain(response.status);
      expect(await browser.redirectOf(signIn)).toBe("/inbox");
    },
  );

  it("does not cause a redirect loop after a session was ended: the visitor is asked for a code", async () => {
    const browser = await signedIn();
    await query("DELETE FROM sessions");
    advance(60);
    expect(await browser.redirectOf(signIn)).toBe("/api/auth/second-factor?rd=%2Finbox");
    expect((await browser.load("/api/auth/second-factor?rd=%2Finbox")).status).toBe(200);
  });
});
