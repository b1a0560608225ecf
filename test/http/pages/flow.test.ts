import { beforeEach, describe, expect, it } from "vitest";
import { createReadyAccount } from "../../support/accounts.ts";
import { Browser } from "../../support/browser.ts";
import { advance } from "../../support/clock.ts";
import { deviceCookieName, sessionCookieName } from "../../support/cookies.ts";
import { useFreshWorker } from "../../support/fresh-worker.ts";
import {
  backupCodesOn,
  openSite,
  passBothFactors,
  passFirstFactor,
  type SiteUnderTest,
  secretOn,
  site,
} from "../../support/site.ts";
import { code, createAccount, wrongCode } from "../../support/worker.ts";

let { origin, logged }: SiteUnderTest = {} as SiteUnderTest;

useFreshWorker();
beforeEach(() => {
  ({ origin, logged } = openSite());
});

describe("a visitor whose browser has no JavaScript", () => {
  it("goes the whole way: sign-in, set-up, backup codes, site, out, and in again with a code", async () => {
    const { username, password } = await createAccount();
    const browser = new Browser(site);

    const signIn = await browser.open("/reports?q=a b");
    const rd = encodeURIComponent("/reports?q=a%20b");
    expect(browser.trail(2)).toEqual(["GET /reports?q=a%20b 303", `GET /api/auth/sign-in?rd=${rd} 200`]);
    expect([signIn.heading, signIn.field("rd")]).toEqual(["Sign in", "/reports?q=a%20b"]);

    const start = await browser.submit("/sign-in", { username: " ADA ", password });
    expect(browser.trail(3)).toEqual([
      "POST /api/auth/sign-in 303",
      "GET /reports?q=a%20b 303",
      `GET /api/auth/account/two-factor?rd=${rd} 200`,
    ]);
    expect(start.heading).toBe("Set up two-factor authentication");

    const scan = await browser.submit("/account/two-factor", { step: "start" });
    const secret = secretOn(scan);
    expect(scan.heading).toBe("Scan the QR code");
    const uri = `otpauth://totp/Sallyport:ada?secret=${secret}&issuer=Sallyport&algorithm=SHA1&digits=6&period=30`;
    expect(scan.links.map(({ href }) => href)).toContain(uri);
    expect(scan.html).toMatch(/<svg[^>]*viewBox="0 0 \d+ \d+"/);

    const codes = await browser.submit("/account/two-factor", { step: "confirm", code: await code(secret) });
    const backupCodes = backupCodesOn(codes);
    expect([codes.heading, new Set(backupCodes).size]).toEqual(["Save your backup codes", 10]);
    expect(origin.requests).toEqual([]);

    const arrived = await browser.follow("I have saved them: continue");
    expect([arrived.path, arrived.heading]).toEqual(["/reports?q=a%20b", "Hello ada"]);

    await browser.open("/api/auth/sign-out");
    const out = await browser.submit("/sign-out");
    expect([out.heading, Object.keys(browser.cookies)]).toEqual(["You are signed out", [deviceCookieName]]);
    expect((await browser.follow("Go to the site")).heading).toBe("Sign in");

    advance(30);
    const second = await browser.submit("/sign-in", { username, password });
    expect([second.path, second.heading]).toEqual(["/api/auth/second-factor", "Enter your code"]);
    const again = await browser.submit("/second-factor", { code: await code(secret) });
    expect([again.path, again.heading]).toEqual(["/", "Hello ada"]);
    expect(Object.keys(browser.cookies).toSorted()).toEqual([sessionCookieName, deviceCookieName]);

    // EN-06, URI-04, LG-03: what was secret was in one answer each, in no address, and in no log line.
    for (const [text, shownBy] of [
      [secret, 1],
      [secret.match(/.{4}/g)?.join(" ") ?? "", 1],
      [backupCodes[0] ?? "", 1],
      [password, 0],
    ] as const) {
      const shown = browser.exchanges.filter(({ body }) => body.includes(text));
      expect(shown.map(({ method }) => method)).toEqual(Array(shownBy).fill("POST"));
      expect(browser.exchanges.filter(({ path }) => path.includes(text))).toEqual([]);
      expect(logged.join("\n")).not.toContain(text);
    }
  });

  it("comes in with a backup code, once, in any spelling", async () => {
    const account = await createReadyAccount();
    const typed = account.backupCodes[0]?.toLowerCase().replace("-", " ") ?? "";
    const browser = await passFirstFactor(account);
    expect((await browser.submit("/second-factor", { code: typed })).heading).toBe("Hello ada");
    const page = await browser.open("/api/auth/account");
    expect(page.text).toContain("You have 9 unused backup codes");

    const other = await passFirstFactor(account);
    const refused = await other.submit("/second-factor", { code: typed });
    expect([refused.status, refused.heading]).toEqual([401, "Enter your code"]);
  });

  it("changes a wrong password without typing the user name again, and comes to where it wanted", async () => {
    const account = await createReadyAccount();
    const browser = new Browser(site);
    await browser.open("/reports?q=1");
    const page = await browser.submit("/sign-in", { username: "Ada <\"&'>", password: "wrong-password-1" });
    expect([page.status, page.heading]).toEqual([401, "Sign in"]);
    expect(page.alert).toBe("The user name or the password is wrong.");
    expect([page.field("username"), page.field("password"), page.field("rd")]).toEqual([
      "Ada <\"&'>",
      "",
      "/reports?q=1",
    ]);
    expect(page.html).not.toContain("wrong-password-1");
    await browser.signIn(account);
    const arrived = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect(arrived.path).toBe("/reports?q=1");
  });

  it("TH-10 sees the same page for a user that there is not", async () => {
    await createReadyAccount();
    const pages = [];
    for (const username of ["ada", "bob"]) {
      const browser = new Browser(site);
      await browser.open("/");
      const page = await browser.submit("/sign-in", { username, password: "wrong-password-1" });
      pages.push({
        status: page.status,
        html: page.html.replaceAll(username, "?"),
        cookies: browser.cookies,
      });
    }
    expect(pages[0]).toEqual(pages[1]);
  });

  it.each([
    ["no user name", { username: "", password: "x" }],
    ["no password", { username: "ada", password: "" }],
    ["a user name that can be none", { username: "\u0007", password: "x" }],
  ])("is told what to type when there is %s", async (_what, typed) => {
    const browser = new Browser(site);
    await browser.open("/x");
    const page = await browser.submit("/sign-in", typed);
    expect([page.status, page.alert, page.field("rd")]).toEqual([
      422,
      "Type your user name and your password.",
      "/x",
    ]);
  });

  it("is told how long to wait after ten wrong passwords, and the right one does not help before", async () => {
    const account = await createReadyAccount();
    const browser = new Browser(site);
    await browser.open("/");
    for (let wrong = 0; wrong < 10; wrong++)
      await browser.submit("/sign-in", { username: "ada", password: "wrong-password-1" });
    const page = await browser.signIn(account);
    expect([page.status, page.heading]).toEqual([429, "Sign in"]);
    expect(page.alert).toMatch(/^Too many attempts\. Try again in 1[45] minutes/);
    expect(page.exchange.headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
    expect(browser.cookies).toEqual({});
  });
});

describe("the second factor page", () => {
  it("refuses a wrong code, keeps the way back, and takes the right one after it", async () => {
    const account = await createReadyAccount();
    const browser = await passFirstFactor(account);
    const page = await browser.submit("/second-factor", { code: await wrongCode(account.secret) });
    expect([page.status, page.heading, page.field("rd")]).toEqual([401, "Enter your code", "/reports?q=1"]);
    expect(page.alert).toBe("This code is not accepted. Each code works once: try the next one.");
    expect(page.field("code")).toBe("");
    const arrived = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect([arrived.path, arrived.heading]).toEqual(["/reports?q=1", "Hello ada"]);
  });

  it("OTP-15 says what a code looks like, and does not count what is none", async () => {
    const account = await createReadyAccount();
    const browser = await passFirstFactor(account);
    for (const typed of ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12345a", "x".repeat(900)]) {
      const page = await browser.submit("/second-factor", { code: typed });
      expect([page.status, page.alert]).toEqual([
        422,
        "Type the six digits that your app shows, or a backup code such as 7K3F-9QWX.",
      ]);
    }
    const spaced = (await code(account.secret)).replace(/(...)(...)/, " $1-$2 ");
    expect((await browser.submit("/second-factor", { code: spaced })).heading).toBe("Hello ada");
  });

  it("OTP-09 refuses a code that has opened it before", async () => {
    const account = await createReadyAccount();
    const spent = await code(account.secret);
    await (await passFirstFactor(account)).submit("/second-factor", { code: spent });
    const page = await (await passFirstFactor(account)).submit("/second-factor", { code: spent });
    expect([page.status, page.alert]).toEqual([
      401,
      "This code is not accepted. Each code works once: try the next one.",
    ]);
  });

  it("is closed for a minute after five wrong codes, and a new sign-in is needed then", async () => {
    const account = await createReadyAccount();
    const browser = await passFirstFactor(account);
    for (let variant = 0; variant < 5; variant++) {
      const typed = await wrongCode(account.secret, variant);
      expect((await browser.submit("/second-factor", { code: typed })).status).toBe(401);
    }
    const waiting = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect([waiting.status, waiting.heading]).toEqual([429, "Enter your code"]);
    expect(waiting.alert).toBe("Too many attempts. Try again in 60 seconds .");
    expect(waiting.exchange.headers.get("Retry-After")).toBe("60");

    advance(60);
    const over = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect([over.status, over.heading, over.field("rd")]).toEqual([429, "Sign in", "/reports?q=1"]);
    expect(over.alert).toBe("Too many wrong codes. Sign in again.");
    expect(browser.cookies).toEqual({});
    await browser.signIn(account);
    const arrived = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect(arrived.path).toBe("/reports?q=1");
  });

  it("SE-02 is shut after five minutes: back to the first one, with the way back", async () => {
    const account = await createReadyAccount();
    const browser = await passFirstFactor(account);
    const { cookies } = browser;
    advance(300);
    expect(browser.cookies).toEqual({});
    // Even a browser that keeps the cookie for longer.
    browser.adopt(cookies);
    const page = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect([page.status, page.heading, page.alert, page.field("rd")]).toEqual([
      401,
      "Sign in",
      "Sign in again.",
      "/reports?q=1",
    ]);
    await browser.open("/api/auth/second-factor?rd=%2Fx");
    expect(browser.trail(1)).toEqual(["GET /api/auth/sign-in?rd=%2Fx 200"]);
  });

  it("SE-03 INC-10 sets new cookies after the code, and the old ones are rejected", async () => {
    const account = await createReadyAccount();
    const browser = await passFirstFactor(account);
    const before = browser.cookies;
    expect(Object.keys(before)).toEqual(["__Host-sallyport-pending"]);
    await browser.submit("/second-factor", { code: await code(account.secret) });
    expect(Object.keys(browser.cookies)).toEqual([sessionCookieName, deviceCookieName]);
    advance(30);
    const thief = new Browser(site);
    thief.adopt(before);
    await thief.open("/api/auth/second-factor");
    const page = await thief.submit("/second-factor", { code: await code(account.secret) });
    expect([page.status, page.heading]).toEqual([401, "Sign in"]);
  });

  it("lets another account sign in instead", async () => {
    const account = await createReadyAccount();
    const browser = await passFirstFactor(account);
    const page = await browser.submit("/sign-out");
    expect([page.heading, browser.cookies]).toEqual(["You are signed out", {}]);
  });

  it("SE-12 asks again inside a session when the site wants a fresh code, and only then", async () => {
    const account = await createReadyAccount();
    const browser = await passBothFactors(account);
    expect((await browser.open("/pay")).heading).toBe("Hello ada");
    advance(300);
    expect((await browser.open("/elsewhere")).heading).toBe("Hello ada");
    const page = await browser.open("/pay?to=x");
    expect([page.heading, page.field("rd")]).toEqual(["Confirm that it’s you", "/pay?to=x"]);
    const arrived = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect([arrived.path, arrived.heading]).toEqual(["/pay?to=x", "Hello ada"]);
  });

  it("redirects an account without a second factor to set it up", async () => {
    const { username, password } = await createAccount();
    const browser = new Browser(site);
    await browser.open("/x");
    await browser.submit("/sign-in", { username, password });
    await browser.open("/api/auth/second-factor?rd=%2Fx");
    await browser.submit("/second-factor", { code: "123456" });
    expect(browser.page.path).toBe("/api/auth/account/two-factor?rd=%2Fx");
  });
});
