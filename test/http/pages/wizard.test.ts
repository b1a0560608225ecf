import { beforeEach, describe, expect, it } from "vitest";
import { createReadyAccount } from "../../support/accounts.ts";
import { Browser } from "../../support/browser.ts";
import { advance } from "../../support/clock.ts";
import { useFreshWorker } from "../../support/fresh-worker.ts";
import {
  backupCodesOn,
  openSite,
  passBothFactors,
  passFirstFactor,
  secretOn,
  site,
} from "../../support/site.ts";
import { code, createAccount, type EnrolledAccount, wrongCode } from "../../support/worker.ts";

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

describe("replacing the authenticator app", () => {
  it("EN-04 keeps the old one until the new one is confirmed, and ends the other sessions then", async () => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    const other = await passBothFactors(user);
    const start = await browser.follow("Replace authenticator app");
    expect([start.path, start.heading]).toEqual([`/api/auth${wizard}`, "Replace your authenticator app"]);
    const secret = secretOn(await browser.submit(wizard, { step: "start" }));
    expect(secret).not.toBe(user.secret);

    const third = await passBothFactors(user);
    expect((await third.open("/")).heading).toBe("Hello ada");

    const codes = await browser.submit(wizard, { step: "confirm", code: await code(secret) });
    expect(backupCodesOn(codes)).toHaveLength(10);
    expect((await other.open(account)).heading).toBe("Sign in");
    expect((await browser.open(account)).heading).toBe("Your account");
    advance(30);
    const late = await passFirstFactor(user);
    expect((await late.submit("/second-factor", { code: await code(user.secret) })).status).toBe(401);
    expect((await late.submit("/second-factor", { code: await code(secret) })).heading).toBe("Hello ada");
  });

  it("EN-02 needs a code that is not older than five minutes", async () => {
    const user = await createReadyAccount();
    const browser = await atAccount(user);
    advance(300);
    const page = await browser.open(`/api/auth${wizard}?rd=%2Fx`);
    const rd = `/api/auth${wizard}?rd=%2Fx`;
    expect([page.heading, page.field("rd")]).toEqual(["Confirm that it’s you", rd]);
    // The page was open for longer than that: the form is refused as well.
    await browser.post(wizard, { step: "start", rd: "/x" });
    expect([browser.page.heading, browser.page.field("rd")]).toEqual(["Confirm that it’s you", rd]);
    const start = await browser.submit("/second-factor", { code: await code(user.secret) });
    expect([start.heading, start.field("rd")]).toEqual(["Replace your authenticator app", "/x"]);
    expect(secretOn(await browser.submit(wizard, { step: "start" }))).not.toBe(user.secret);
  });
});

describe("the wizard", () => {
  /** A browser at the wizard's second page. */
  async function atScan() {
    const { username, password } = await createAccount();
    const browser = new Browser(site);
    await browser.open("/reports");
    await browser.signIn({ username, password });
    return { browser, secret: secretOn(await browser.submit(wizard, { step: "start" })) };
  }

  it("EN-01 switches nothing on before the code is right, and does not show the secret again", async () => {
    const { browser, secret } = await atScan();
    const page = await browser.submit(wizard, { step: "confirm", code: await wrongCode(secret) });
    expect([page.status, page.heading, page.field("rd")]).toEqual([401, "Confirm your app", "/reports"]);
    expect(page.alert).toBe("This code is not accepted. Each code works once: try the next one.");
    expect(page.html).not.toContain(secret.slice(0, 4));
    expect((await browser.open("/reports")).path).toBe("/api/auth/account/two-factor?rd=%2Freports");
    const codes = await browser.post(wizard, { step: "confirm", code: await code(secret), rd: "/reports" });
    expect((await browser.follow("/reports")).heading).toBe("Hello ada");
    expect(codes.status).toBe(200);
  });

  it.each(["", "12345", "1234567", "ABCD-EFGH", "7K3F9QWX", "١٢٣٤٥٦"])(
    "BC-12 says that %j is no code of an app",
    async (typed) => {
      const { browser } = await atScan();
      const page = await browser.submit(wizard, { step: "confirm", code: typed });
      expect([page.status, page.alert]).toEqual([422, "Type the six digits that your app shows."]);
    },
  );

  it("EN-05 forgets a secret after ten minutes, and begins again", async () => {
    const { browser, secret } = await atScan();
    advance(600);
    const page = await browser.submit(wizard, { step: "confirm", code: await code(secret) });
    expect([page.status, page.heading, page.field("rd")]).toEqual([
      410,
      "Set up two-factor authentication",
      "/reports",
    ]);
    expect(page.alert).toBe("The ten minutes for this QR code have passed. Begin again with a new one.");
    expect(secretOn(await browser.submit(wizard, { step: "start" }))).not.toBe(secret);
  });

  it("EN-05 knows the last secret only: beginning again makes the first one void", async () => {
    const { browser, secret } = await atScan();
    await browser.submit(wizard, { step: "confirm", code: await wrongCode(secret) });
    const second = secretOn(await browser.submit(wizard, { step: "start" }));
    const page = await browser.submit(wizard, { step: "confirm", code: await code(secret) });
    expect(page.status).toBe(401);
    const codes = await browser.submit(wizard, { step: "confirm", code: await code(second) });
    expect(backupCodesOn(codes)).toHaveLength(10);
  });

  it("OTP-12 counts the code that confirmed it as used", async () => {
    const { browser, secret } = await atScan();
    const spent = await code(secret);
    await browser.submit(wizard, { step: "confirm", code: spent });
    const next = new Browser(site);
    await next.open("/");
    await next.signIn({ username: "ada", password: "correct horse battery" });
    expect((await next.submit("/second-factor", { code: spent })).status).toBe(401);
  });

  it("TH-07 limits guesses: five wrong codes, and a minute's wait", async () => {
    const { browser, secret } = await atScan();
    for (let variant = 0; variant < 5; variant++)
      await browser.submit(wizard, { step: "confirm", code: await wrongCode(secret, variant) });
    const page = await browser.submit(wizard, { step: "confirm", code: await code(secret) });
    expect([page.status, page.alert]).toEqual([429, "Too many attempts. Try again in 60 seconds."]);
  });

  it("sent twice is no error: the second one finds it switched on", async () => {
    const { browser, secret } = await atScan();
    const typed = { step: "confirm", code: await code(secret), rd: "/reports" };
    await browser.post(wizard, typed);
    const page = await browser.post(wizard, typed);
    expect([page.path, page.heading]).toEqual([account, "Your account"]);
  });
});
