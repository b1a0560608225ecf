import { beforeEach, describe, expect, it } from "vitest";
import { createReadyAccount } from "../../../support/accounts.ts";
import { Browser } from "../../../support/browser.ts";
import { advance } from "../../../support/clock.ts";
import { useFreshWorker } from "../../../support/fresh-worker.ts";
import { backupCodesOn, openSite, passBothFactors, passFirstFactor, site } from "../../../support/site.ts";
import { Client, code, type EnrolledAccount, wrongCode } from "../../../support/worker.ts";

useFreshWorker();
beforeEach(openSite);

const account = "/api/auth/account";
const wizard = "/account/two-factor";

/** A browser at the account page. */
async function atAccount(user: EnrolledAccount): Promise<Browser> {
  const browser = await passBothFactors(user);
  await browser.open(account);
  return browser;
}

describe("the account page", () => {
  it("shows the account, the date of its second factor, and its other sessions", async () => {
    const browser = await atAccount(await createReadyAccount());
    const { page } = browser;
    expect([page.status, page.heading]).toEqual([200, "Your account"]);
    expect(page.text).toContain("Signed in as ada (ada@example.com).");
    expect(page.text).toContain("Two-factor authentication On");
    expect(page.text).toMatch(/Set up on \d+ Jan 2030, \d\d:\d\d UTC/);
    expect(page.text).toContain("You have 10 unused backup codes");
    expect(page.text).toContain("Firefox on Linux This session Two factors");
  });

  it("EN-06 BC-09 shows neither secret nor backup codes", async () => {
    const user = await createReadyAccount();
    const { page } = await atAccount(user);
    for (const text of [user.secret, ...user.backupCodes]) expect(page.html).not.toContain(text);
  });

  it("redirects a visitor without a session to sign-in, and back", async () => {
    const user = await createReadyAccount();
    const browser = new Browser(site);
    const page = await browser.open(account);
    expect(page.path).toBe(`/api/auth/sign-in?rd=${encodeURIComponent(account)}`);
    await browser.signIn(user);
    const arrived = await browser.submit("/second-factor", { code: await code(user.secret) });
    expect([arrived.path, arrived.heading]).toEqual([account, "Your account"]);
  });

  it("SE-01 is not shown with a pending session", async () => {
    const browser = await passFirstFactor(await createReadyAccount());
    for (const path of [account, `/api/auth${wizard}`])
      expect((await browser.open(path)).heading).toBe("Sign in");
  });

  it.each(["Your+password+is+expired", "constructor", "__proto__", "toString", "two-factor-off&done=x", ""])(
    "says only what has been done here, whatever the address says: ?done=%s",
    async (done) => {
      const browser = await atAccount(await createReadyAccount());
      const page = await browser.open(`${account}?done=${done}`);
      const notice = /<div class="notice notice-success"[^>]*>(.*?)<\/div>/s.exec(page.html)?.[1];
      const said = done.startsWith("two-factor-off") ? "<p>Two-factor authentication is off.</p>" : undefined;
      expect([page.status, notice]).toEqual([200, said]);
    },
  );
});

describe("new backup codes", () => {
  it("BC-07 take the place of all old ones, and are shown once", async () => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    const page = await browser.submit("/account/backup-codes", { code: await code(user.secret) });
    expect([page.status, page.heading]).toEqual([200, "Save your backup codes"]);
    const fresh = backupCodesOn(page);
    expect(new Set([...fresh, ...user.backupCodes]).size).toBe(20);
    const after = await browser.follow("I have saved them: to my account");
    expect([after.path, backupCodesOn(after)]).toEqual([account, []]);

    const next = await passFirstFactor(user);
    const old = await next.submit("/second-factor", { code: user.backupCodes[1] ?? "" });
    expect(old.status).toBe(401);
    expect((await next.submit("/second-factor", { code: fresh[1] ?? "" })).heading).toBe("Hello ada");
  });

  it.each([
    ["a wrong code", (user: EnrolledAccount) => wrongCode(user.secret), 401, "This code is not accepted."],
    ["no code at all", () => "", 422, "Type the six digits that your app shows, or a backup code."],
  ])("are not made for %s", async (_what, draw, status, words) => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    const page = await browser.submit("/account/backup-codes", { code: await draw(user) });
    expect([page.status, page.heading, backupCodesOn(page)]).toEqual([status, "Your account", []]);
    expect(page.alert).toContain(words);
    const next = await passFirstFactor(user);
    expect((await next.submit("/second-factor", { code: user.backupCodes[0] ?? "" })).heading).toBe(
      "Hello ada",
    );
  });

  it("TH-07 have the account's budget of codes in front of them", async () => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    for (let variant = 0; variant < 5; variant++)
      await browser.submit("/account/backup-codes", { code: await wrongCode(user.secret, variant) });
    const page = await browser.submit("/account/backup-codes", { code: await code(user.secret) });
    expect([page.status, page.alert]).toEqual([429, "Too many attempts. Try again in 60 seconds."]);
    expect(page.exchange.headers.get("Retry-After")).toBe("60");
  });
});

describe("switching the second factor off", () => {
  it("EN-02 EN-08 needs password and code, and then a password is enough where that is allowed", async () => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    const other = await passBothFactors(user);
    const before = browser.cookies;
    const typed = { code: await code(user.secret), password: user.password };
    const page = await browser.submit("/account/two-factor/disable", typed);
    expect(page.path).toBe(`${account}?done=two-factor-off`);
    expect(page.text).toContain("Two-factor authentication is off.");
    expect(page.text).toContain("Two-factor authentication Off");
    expect(page.text).toContain("This session First factor only");
    expect(page.forms.map(({ action }) => action)).not.toContain("/api/auth/account/backup-codes");

    // SE-03, EN-10: a new token here, and the end of every session elsewhere.
    expect(browser.cookies).not.toEqual(before);
    const thief = new Browser(site);
    thief.adopt(before);
    expect((await thief.open(account)).heading).toBe("Sign in");
    expect((await other.open(account)).heading).toBe("Sign in");

    const next = await new Client().login(user);
    expect(next.json.status).toBe("success");
  });

  it.each([
    [
      "a wrong password",
      async (user: EnrolledAccount) => ({ code: await code(user.secret), password: "wrong-password-1" }),
      401,
      "The password is wrong.",
    ],
    [
      "no password",
      async (user: EnrolledAccount) => ({ code: await code(user.secret), password: "" }),
      401,
      "The password is wrong.",
    ],
    [
      "a wrong code",
      async (user: EnrolledAccount) => ({ code: await wrongCode(user.secret), password: user.password }),
      401,
      "This code is not accepted. Each code works once: try the next one.",
    ],
    [
      "no code",
      async (user: EnrolledAccount) => ({ code: "", password: user.password }),
      422,
      "Type the six digits that your app shows, or a backup code.",
    ],
  ])("EN-02 is refused with %s, and everything stays on", async (_what, type, status, alert) => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    const page = await browser.submit("/account/two-factor/disable", await type(user));
    expect([page.status, page.heading, page.alert]).toEqual([status, "Your account", alert]);
    expect(page.text).toContain("Two-factor authentication On");
    expect(page.html).toMatch(/<details class="disable" open/);
    expect((await new Client().login(user)).json.status).toBe("totp_required");
  });

  it("OTP-16 learns nothing about a code before the password is right: the code is not spent", async () => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    const typed = { code: await code(user.secret), password: "wrong-password-1" };
    await browser.submit("/account/two-factor/disable", typed);
    const page = await browser.submit("/account/two-factor/disable", { ...typed, password: user.password });
    expect(page.text).toContain("Two-factor authentication is off.");
  });
});

describe("sessions", () => {
  it("SE-10 are listed, and ended one by one: the ended browser is out at once under BASE_PATH", async () => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    const other = await passBothFactors(user);
    const page = await browser.open(account);
    expect(page.forms.filter(({ action }) => action === "/api/auth/account/sessions/end")).toHaveLength(1);
    const ended = await browser.submit("/account/sessions/end");
    expect(ended.path).toBe(`${account}?done=session-ended`);
    expect(ended.text).toContain("The session has been ended.");
    expect(ended.forms.filter(({ action }) => action.includes("/sessions/"))).toEqual([]);
    expect((await other.open(account)).heading).toBe("Sign in");
    expect((await browser.open(account)).heading).toBe("Your account");
  });

  it("SE-10 are all ended but this one", async () => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    const others = [await passBothFactors(user), await passBothFactors(user)];
    await browser.open(account);
    const page = await browser.submit("/account/sessions/end-others");
    expect([page.path, page.alert]).toEqual([`${account}?done=others-ended`, ""]);
    expect(page.text).toContain("All other sessions have been ended.");
    for (const other of others) expect((await other.open(account)).heading).toBe("Sign in");
  });

  it("WB-09 are the account's own: another one's can't be ended", async () => {
    const [ada, bob] = [await createReadyAccount(), await createReadyAccount("bob")];
    const [browser, theirs] = [await atAccount(ada), await atAccount(bob)];
    const [row] = (await new Client().call("/sessions", { token: theirs.cookies["__Host-sallyport"] ?? "" }))
      .json.data.sessions;
    await browser.post("/account/sessions/end", { id: row.id });
    expect((await theirs.open(account)).heading).toBe("Your account");
  });

  it("that have been ended already are no error to end again", async () => {
    const browser = await atAccount(await createReadyAccount());
    const page = await browser.post("/account/sessions/end", { id: "gone" });
    expect([page.status, page.heading]).toEqual([200, "Your account"]);
  });

  it("INC-11 that were ended are sent to sign-in by everything they send, and not in circles", async () => {
    const user = await createReadyAccount();
    const sends: ((browser: Browser) => Promise<unknown>)[] = [
      (browser) => browser.open(account),
      (browser) => browser.open(`/api/auth${wizard}`),
      (browser) => browser.open("/api/auth/sign-in?rd=%2F"),
      (browser) => browser.post("/account/backup-codes", { code: "123456" }),
      (browser) => browser.post("/account/two-factor/disable", { code: "123456", password: user.password }),
      (browser) => browser.post("/account/sessions/end", { id: "x" }),
      (browser) => browser.post("/account/sessions/end-others", {}),
      (browser) => browser.post(wizard, { step: "start" }),
      (browser) => browser.post(wizard, { step: "confirm", code: "123456" }),
      (browser) => browser.post("/second-factor", { code: "123456" }),
    ];
    const browser = await passBothFactors(user);
    const dead = browser.cookies;
    await new Client().post("/logout", {}, { token: dead["__Host-sallyport"] ?? "" });
    for (const [at, sendOne] of sends.entries()) {
      browser.adopt(dead);
      await sendOne(browser);
      expect([at, browser.page.heading]).toEqual([at, "Sign in"]);
    }
    // The gate believes the token for a minute (SE-06); then it is sent to sign-in as well, and not back again.
    browser.adopt(dead);
    advance(60);
    expect((await browser.open("/x")).heading).toBe("Sign in");
    expect(browser.trail(2)).toEqual(["GET /x 303", "GET /api/auth/sign-in?rd=%2Fx 200"]);
  });
});
