import { beforeEach, describe, expect, it } from "vitest";
import { createReadyAccount } from "../../support/accounts.ts";
import { Browser } from "../../support/browser.ts";
import { useFreshWorker } from "../../support/fresh-worker.ts";
import { openSite, passBothFactors, passFirstFactor, site } from "../../support/site.ts";
import { code, environment } from "../../support/worker.ts";
import good from "../../vectors/good-return-paths.json";
import hostile from "../../vectors/hostile-return-paths.json";

useFreshWorker();
beforeEach(openSite);

const query = (rd: string) => `rd=${encodeURIComponent(rd)}`;

/** Every `Location` that a browser was given. */
const locations = ({ exchanges }: Browser) =>
  exchanges.flatMap(({ headers }) => headers.get("Location") ?? []);

describe("a hostile return path", () => {
  it("INC-09 WB-04 is / in the form of the sign-in page, from the address and from a form", async () => {
    const browser = new Browser(site);
    for (const rd of hostile) {
      const page = await browser.open(`/api/auth/sign-in?${query(rd)}`);
      expect([rd, page.status, page.field("rd")]).toEqual([rd, 200, "/"]);
      const again = await browser.post("/sign-in", { username: "", password: "", rd });
      expect([rd, again.status, again.field("rd")]).toEqual([rd, 422, "/"]);
    }
  });

  it("INC-09 WB-04 redirects no signed-in visitor to another site", async () => {
    const browser = await passBothFactors(await createReadyAccount());
    const before = browser.exchanges.length;
    for (const rd of hostile) {
      // Each at another time, or hundreds of them would count as a redirect loop.
      browser.adopt({ "__Host-sallyport-circle": "" });
      const page = await browser.open(`/api/auth/sign-in?${query(rd)}`);
      expect([rd, page.path, page.heading]).toEqual([rd, "/", "Hello ada"]);
    }
    expect(browser.exchanges.length - before).toBe(2 * hostile.length);
  });

  it("INC-09 WB-04 is / on the second factor page, from the URL and from a form", async () => {
    const browser = await passFirstFactor(await createReadyAccount());
    for (const rd of hostile) {
      const page = await browser.open(`/api/auth/second-factor?${query(rd)}`);
      expect([rd, page.heading, page.field("rd")]).toEqual([rd, "Enter your code", "/"]);
      const again = await browser.post("/second-factor", { code: "", rd });
      expect([rd, again.status, again.field("rd")]).toEqual([rd, 422, "/"]);
    }
  });

  it("INC-09 WB-04 is dropped by the redirects between the pages, and by the wizard", async () => {
    const stranger = new Browser(site);
    for (const rd of hostile) {
      for (const page of ["/second-factor", "/account/two-factor"]) {
        await stranger.open(`/api/auth${page}?${query(rd)}`);
        expect(stranger.page.heading).toBe("Sign in");
      }
      await stranger.post("/account/two-factor", { step: "start", rd });
    }
    const expected = ["/api/auth/sign-in", `/api/auth/sign-in?${query("/api/auth/account/two-factor")}`];
    expect([...new Set(locations(stranger))].sort()).toEqual(expected);

    const browser = await passBothFactors(await createReadyAccount());
    for (const rd of hostile) {
      const page = await browser.open(`/api/auth/account/two-factor?${query(rd)}`);
      expect([rd, page.field("rd")]).toEqual([rd, "/"]);
    }
  });

  it.each([
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "/%2fevil.example",
    "/\t/evil.example",
  ])("INC-09 WB-04 leads to / after both factors: %j", async (rd) => {
    const account = await createReadyAccount();
    const browser = new Browser(site);
    const { username, password } = account;
    await browser.post("/sign-in", { username, password, rd });
    expect(browser.page.path).toBe("/api/auth/second-factor");
    await browser.post("/second-factor", { code: await code(account.secret), rd });
    expect(browser.trail(2)).toEqual(["POST /api/auth/second-factor 303", "GET / 200"]);
  });

  it.each(["a%00b", "%0d%0aSet-Cookie:%20x=1", "%", "%zz", "%ff"])(
    "INC-09 does not break out of a header: rd=%s as it stands in the address",
    async (raw) => {
      const browser = await passBothFactors(await createReadyAccount());
      await browser.open(`/api/auth/sign-in?rd=/${raw}`);
      const { headers } = browser.exchanges.at(-2) ?? browser.page.exchange;
      expect(headers.get("Location")).toBe("/");
      expect(headers.has("x")).toBe(false);
      expect(headers.getSetCookie().filter((cookie) => !cookie.startsWith("__Host-sallyport"))).toEqual([]);
    },
  );

  it("INC-09 is / when there are two of it, or when there is none", async () => {
    const browser = new Browser(site);
    const page = await browser.open("/api/auth/sign-in?rd=%2Fa&rd=%2F%2Fevil.example");
    expect(page.field("rd")).toMatch(/^\/a?$/);
    expect((await browser.open("/api/auth/sign-in")).field("rd")).toBe("/");
    expect((await browser.open("/api/auth/sign-in?rd=")).field("rd")).toBe("/");
  });
});

describe("a good return path", () => {
  it("comes through the form unchanged", async () => {
    const browser = new Browser(site);
    for (const rd of good) {
      const page = await browser.open(`/api/auth/sign-in?${query(rd)}`);
      expect(page.field("rd")).toBe(rd);
    }
  });

  it("leads on to it, when the visitor is signed in already", async () => {
    const browser = await passBothFactors(await createReadyAccount());
    for (const rd of good) {
      if (rd.startsWith("/api/auth")) continue;
      await browser.open(`/api/auth/sign-in?${query(rd)}`);
      const [redirect] = browser.exchanges.slice(-2);
      expect([redirect?.status, redirect?.headers.get("Location")]).toEqual([303, rd]);
    }
  });

  it("means the account where there is no site to go to", async () => {
    const account = await createReadyAccount();
    const browser = new Browser(environment());
    await browser.open("/api/auth/sign-in");
    await browser.signIn(account);
    const page = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect([page.path, page.heading]).toEqual(["/api/auth/account", "Your account"]);
    expect(page.links.map(({ text }) => text)).not.toContain("Go to the site");
  });

  it("is not needed to sign in again where the gate wants a fresh first factor", async () => {
    const browser = await passBothFactors(await createReadyAccount());
    const page = await browser.open("/api/auth/sign-in?rd=%2Fx&again=1");
    expect([page.heading, page.field("rd")]).toEqual(["Sign in", "/x"]);
  });
});
