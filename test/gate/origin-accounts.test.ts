import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { failAlways } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, countCosts, nothing, openSite, type Site } from "../support/origin-site.ts";
import { listEvents, query } from "../support/rows.ts";
import { code } from "../support/worker.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada").set("s2", "ada").set("s3", "grace");
});

const sessionCookie = "__Host-sallyport";
const rules = (...list: object[]) => ({ POLICY: JSON.stringify(list) });
const sessions = () => query<{ kind: string }>("SELECT kind FROM sessions");
const users = () =>
  query<{ realm: string; username: string; email: string | null; password_hash: string | null }>(
    "SELECT realm, username, email, password_hash FROM users ORDER BY username",
  );

describe("an account of a user of the site", () => {
  it("is made on first sight, in a realm of its own and without a password", async () => {
    await Browser.signedIn("s1").load("/inbox");
    expect(await users()).toEqual([
      { realm: "origin", username: "ada", email: "ada@site.test", password_hash: null },
    ]);
    const [event, ...more] = await listEvents("user.created");
    expect([event?.realm, more]).toEqual(["origin", []]);
  });

  it("is not created for an anonymous request", async () => {
    await Browser.signedIn("stale").load("/inbox");
    await new Browser().load("/inbox");
    expect(await users()).toEqual([]);
  });

  it("is not the password account of the same name", async () => {
    await query(
      "INSERT INTO users (id, realm, username, totp_enabled, totp_last_step, second_factor_failures, created_at, updated_at) VALUES ('local-ada', 'local', 'ada', 1, 0, 0, 0, 0)",
    );
    expect(await Browser.signedIn("s1").redirectOf("/inbox")).toContain("/account/two-factor");
    const all = await users();
    expect(all.map(({ realm }) => realm).sort()).toEqual(["local", "origin"]);
  });

  it("is made exactly once by twenty first requests at the same time", async () => {
    const browsers = Array.from({ length: 20 }, () => Browser.signedIn("s1"));
    const paths = ["/inbox", "/api/auth/account/two-factor", "/", "/api/auth/account"];
    await Promise.all(browsers.map((browser, index) => browser.load(paths[index % paths.length] ?? "/")));
    expect(await users()).toHaveLength(1);
    expect(await listEvents("user.created")).toHaveLength(1);
  });

  it("INC-19 has the e-mail address that the site says, and follows it", async () => {
    const email = async () => (await users())[0]?.email;
    const say = (address: unknown) => {
      site.whoAmI = () => Response.json({ user: { name: "ada", email: address } });
    };
    say("old@site.test");
    await Browser.signedIn("s1").load("/inbox");
    expect(await email()).toBe("old@site.test");
    say("new@site.test");
    await Browser.signedIn("s1").load("/inbox", { "Remote-Email": "evil@site.test" });
    expect(await email()).toBe("new@site.test");
    for (const none of [null, "", 17, ["a@b"], undefined, "a\u0007@site.test", "a".repeat(2500)]) {
      say("new@site.test");
      await Browser.signedIn("s1").load("/inbox");
      say(none);
      await Browser.signedIn("s1").load("/inbox");
      expect([none, await email()]).toEqual([none, null]);
    }
  });

  it("gets in with the longest name and address that there are: browsers drop a cookie above 4096 bytes", async () => {
    // Each of these characters has four bytes.
    const name = "\u{10428}".repeat(256);
    for (const [address, known] of [
      ["\u{10428}".repeat(254), true],
      ['"'.repeat(254), true],
      ["a".repeat(2500), false],
    ] as const) {
      site.whoAmI = () => Response.json({ user: { name, email: address } });
      const browser = Browser.signedIn("s1", { ENROLMENT: "optional" });
      await browser.load("/inbox");
      expect((await users())[0]).toMatchObject({ username: name, email: known ? address : null });
      const cookie = `${sessionCookie}=${browser.cookies.get(sessionCookie) ?? ""}`;
      expect(cookie.length).toBeGreaterThan(1500);
      expect(cookie.length).toBeLessThanOrEqual(4096);
    }
  });

  it("SE-11 is refused with 403 when an administrator has closed it, and the site is not reached", async () => {
    const browser = Browser.signedIn("s1");
    await browser.enrol();
    await browser.load("/inbox");
    await query("UPDATE users SET disabled_at = ?", Date.now());
    advance(60);
    const reached = site.pages.length;
    for (const visitor of [browser, Browser.signedIn("s2")]) {
      const page = await visitor.load("/inbox");
      expect([page.status, page.headers.get("Location")]).toEqual([403, null]);
      const data = await visitor.script("/inbox", { method: "POST", body: "x" });
      expect([data.status, await data.json()]).toEqual([403, expect.objectContaining({ code: "forbidden" })]);
      for (const own of ["/account", "/account/two-factor", "/second-factor", "/sign-in"])
        expect([own, (await visitor.follow(`/api/auth${own}`)).status]).toEqual([own, 403]);
    }
    expect(site.pages).toHaveLength(reached);
    expect(await query("SELECT id FROM sessions WHERE kind = 'pending'")).toEqual([]);
  });
});

describe("what POLICY asks for", () => {
  const POLICY = rules(
    { path: "/public/*", require: "none" },
    { path: "/feed", require: "first_factor" },
    { path: "/pay", methods: ["POST"], require: "second_factor", max_age: 300 },
    { path: "/fresh", require: "first_factor", max_age: 120 },
  );

  it("lets every request to a public path pass, at no cost for a request without a session", async () => {
    const { bindings, costOf } = countCosts(site);
    const browser = Browser.signedIn("s1", { ...POLICY, ...bindings });
    const cost = await costOf(async () => {
      expect((await browser.load("/public/style.css")).status).toBe(200);
      expect((await browser.script("/public/data", { method: "POST", body: "x" })).status).toBe(200);
    });
    expect(cost).toEqual(nothing);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
  });

  it("names the signed-in visitor on public paths as well", async () => {
    const browser = Browser.signedIn("s1", POLICY);
    await browser.enrol();
    await browser.load("/inbox");
    await browser.load("/public/x");
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    advance(60);
    await browser.load("/public/x");
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
  });

  it("lets the site's login alone in by a rule for the first factor, and names it", async () => {
    await Browser.signedIn("s1").enrol();
    for (const sid of ["s2", "s3"]) {
      const browser = Browser.signedIn(sid, POLICY);
      expect((await browser.load("/feed")).status).toBe(200);
      expect(site.lastPage.headers.get("Remote-User")).toBe(site.sessions.get(sid));
      expect((await browser.load("/inbox")).status).toBe(303);
      expect(site.lastPage.url).toBe("http://origin.test/feed");
    }
    expect((await new Browser(POLICY).load("/feed")).status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
  });

  it("SE-12 asks for a fresh code where a rule has max_age, by method", async () => {
    const browser = Browser.signedIn("s1", POLICY);
    const secret = await browser.enrol();
    const pay = () => browser.script("/pay", { method: "POST", body: "1" });
    expect((await pay()).status).toBe(200);
    advance(300);
    const stale = await pay();
    expect(stale.status).toBe(401);
    expect(await stale.json()).toMatchObject({
      code: "step_up_required",
      max_age: 300,
      sign_in: expect.stringMatching(/^\/api\/auth\/second-factor/),
    });
    expect((await browser.load("/pay")).status).toBe(200);
    await browser.post("/api/auth/second-factor", { code: await code(secret), rd: "/pay" });
    expect((await pay()).status).toBe(200);
  });

  it("requires a new sign-in by an account without a second factor where a rule has max_age", async () => {
    const browser = Browser.signedIn("s1", { ...POLICY, ENROLMENT: "optional" });
    expect((await browser.load("/fresh")).status).toBe(200);
    advance(121);
    expect(await browser.redirectOf("/fresh")).toBe("/api/auth/sign-in?rd=%2Ffresh&again=1");
    expect(await browser.redirectOf("/api/auth/sign-in?rd=%2Ffresh&again=1")).toBe("/fresh");
    expect((await browser.load("/fresh")).status).toBe(200);
  });
});

describe("an account without a second factor where ENROLMENT is optional", () => {
  const optional = { ENROLMENT: "optional" };

  it("passes with a name, and gets a session from a page load, which is fresh", async () => {
    const { bindings, costOf } = countCosts(site);
    const browser = Browser.signedIn("s1", { ...optional, ...bindings });
    const page = await browser.load("/inbox");
    expect(await page.text()).toBe("hello ada");
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    const [cookie, ...more] = page.headers.getSetCookie();
    expect([cookie, more]).toEqual([expect.stringMatching(/^__Host-sallyport=ey/), []]);
    for (const flag of ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"]) expect(cookie).toContain(flag);
    expect(await sessions()).toEqual([{ kind: "full" }]);
    const cost = await costOf(async () => expect((await browser.script("/data")).status).toBe(200));
    expect(cost).toEqual(nothing);
  });

  it("passes as a program that keeps no cookies, and leaves no session behind", async () => {
    for (const init of [{}, { method: "POST", body: "x" }, { headers: { "X-Requested-With": "x" } }]) {
      const response = await Browser.signedIn("s1", optional).script("/data", init);
      expect([response.status, response.headers.getSetCookie()]).toEqual([200, []]);
      expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    }
    expect(await sessions()).toEqual([]);
  });

  it("is asked for the code as soon as the account has a second factor", async () => {
    const first = Browser.signedIn("s1", optional);
    await first.load("/inbox");
    await Browser.signedIn("s2", optional).enrol();
    advance(60);
    expect(await first.redirectOf("/inbox")).toBe("/api/auth/second-factor?rd=%2Finbox");
  });

  it("SE-08 gets an assertion with the first factor only", async () => {
    const browser = Browser.signedIn("s1", optional);
    await browser.load("/inbox");
    const assertion = site.lastPage.headers.get("X-Sallyport-Assertion") ?? "";
    const claims = JSON.parse(
      atob((assertion.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")),
    );
    expect(claims).toMatchObject({ preferred_username: "ada", amr: ["origin"], aud: "http://origin.test" });
  });
});

describe("while D1 does not answer", () => {
  it("WB-13 denies the requests that need the store, and lets all others pass", async () => {
    const POLICY = rules({ path: "/public/*", require: "none" });
    const inside = Browser.signedIn("s1", POLICY);
    await inside.enrol();
    await inside.load("/inbox");
    const reached = site.pages.length;
    const broken = { ...POLICY, DB: failAlways(env.DB) };

    const stranger = Browser.signedIn("s3", broken);
    const page = await stranger.load("/inbox");
    expect([page.status, page.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect((await stranger.script("/inbox")).status).toBe(503);
    for (const own of ["/account", "/second-factor", "/account/two-factor", "/sign-in"])
      expect([own, (await stranger.load(`/api/auth${own}`)).status]).toEqual([own, 503]);

    const session = Browser.signedIn("s1", broken);
    session.cookies.set(sessionCookie, inside.cookies.get(sessionCookie) ?? "");
    expect(site.pages).toHaveLength(reached);
    expect((await session.load("/inbox")).status).toBe(200);
    advance(60);
    expect((await session.load("/inbox")).status).toBe(503);
    expect(site.pages).toHaveLength(reached + 1);

    expect((await session.load("/public/x")).status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    expect((await new Browser(broken).load("/inbox")).status).toBe(200);
  });
});
