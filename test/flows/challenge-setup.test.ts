import { beforeEach, describe, expect, it } from "vitest";
import { signPendingSessionToken, verifyPendingSessionToken } from "../../src/core/tokens/session-token.ts";
import { type Backend, createRealm, enrol } from "../support/backend.ts";
import { Browser } from "../support/browser.ts";
import {
  askForCode,
  askForSetup,
  challengeCookieName,
  createChallenge,
  endedHeading,
  receiptOn,
  redirectTarget,
  shopUrls,
  statusOf,
  step,
  submitCode,
  verifyReceipt,
  visitChallenge,
} from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { pageLoad, visit, workersKeyring } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { countEvaluated, listEvents, listSessionRows, query, readUser } from "../support/rows.ts";
import { backupCodesOn, secretOn } from "../support/site.ts";
import { base, code, environment, wrongCode } from "../support/worker.ts";

let shop: Backend;
useFreshWorker();
beforeEach(async () => {
  collectLogLines();
  shop = await createRealm("shop", { return_urls: shopUrls });
});

const askedToEnrol = () => askForSetup(shop);
const asked = () => askForCode(shop);

describe("a hosted challenge for a user without a second factor", () => {
  it("leads through the wizard, and on to the backend with a receipt when the codes are saved", async () => {
    const { challenge, browser, storedId } = await askedToEnrol();
    expect(browser.page.path).toBe(`${base}/account/two-factor?challenge=${challenge.id}`);
    expect(browser.page.heading).toBe("Set up two-factor authentication");
    expect(browser.page.text).toContain("Action Pay 20 € to Bob Account ada");
    const scan = await step(browser, "start");
    expect(scan.heading).toBe("Scan the QR code");
    const secret = secretOn(scan);
    expect(await readUser(storedId)).toMatchObject({ totp_enabled: 0 });
    const wrong = await step(browser, "confirm", { code: await wrongCode(secret) });
    expect([wrong.status, wrong.heading]).toEqual([401, "Confirm your app"]);
    const completedAt = Date.now() / 1000;
    const saved = await step(browser, "confirm", { code: await code(secret) });
    expect(saved.heading).toBe("Save your backup codes");
    const codes = backupCodesOn(saved);
    expect(codes).toHaveLength(10);
    expect(await statusOf(shop, challenge)).toMatchObject({ status: "completed", amr: ["otp"] });
    expect(await listSessionRows()).toEqual([]);

    // Somebody takes long to write them down, and longer than the challenge lived.
    advance(595);
    const page = await browser.follow("I have saved them: continue to shop.example");
    expect(page.path).toBe(`${base}/challenge/done?challenge=${challenge.id}`);
    expect(page.heading).toBe("Confirmed");
    const now = Date.now() / 1000;
    expect(await verifyReceipt(receiptOn(page), "shop")).toMatchObject({
      sub: "42",
      jti: challenge.id,
      action: "Pay 20 € to Bob",
      nonce: "n-81",
      amr: ["otp"],
      auth_time: completedAt,
      iat: now,
      exp: now + 300,
    });
    expect(browser.cookies).toEqual({});

    const next = await visitChallenge(await createChallenge(shop, "42"));
    expect((await submitCode(next, codes[0] ?? "")).heading).toBe("Confirmed");
    expect(await listEvents("totp.setup_started", "totp.enabled", "challenge.completed")).toMatchObject([
      { type: "totp.setup_started", realm: "shop", user_id: storedId },
      { type: "challenge.completed", realm: "shop", user_id: storedId },
      { type: "totp.enabled", realm: "shop", user_id: storedId },
      { type: "challenge.completed" },
    ]);
  });

  it("OTP-12 spends the code that confirms, and EN-05 begins anew with a new secret", async () => {
    const { browser } = await askedToEnrol();
    const first = secretOn(await step(browser, "start"));
    await step(browser, "confirm", { code: "000000" });
    const second = secretOn(await step(browser, "start"));
    expect(second).not.toBe(first);
    expect((await step(browser, "confirm", { code: await code(first) })).status).toBe(401);
    const text = await code(second);
    expect((await step(browser, "confirm", { code: text })).heading).toBe("Save your backup codes");
    expect((await shop.verify("42", text)).status).toBe(401);
  });

  it("EN-10 ends every session of the account, other challenges' too", async () => {
    const { browser } = await askedToEnrol();
    const other = await visitChallenge(await createChallenge(shop, "42"));
    const secret = secretOn(await step(browser, "start"));
    await step(browser, "confirm", { code: await code(secret) });
    expect(await listSessionRows()).toEqual([]);
    expect((await step(other, "start")).heading).toBe(endedHeading);
  });

  it("BC-12 takes no backup code, and text that is no code costs no attempt", async () => {
    const { browser } = await askedToEnrol();
    await step(browser, "start");
    for (const text of ["AAAA-AAAA", "12345", ""]) {
      const page = await step(browser, "confirm", { code: text });
      expect([page.status, page.alert]).toEqual([422, "Type the six digits that your app shows."]);
    }
    expect(await countEvaluated()).toEqual({ accepted: 0, refused: 0, replayed: 0 });
  });

  it("TH-07 has five attempts, however often it is started again", async () => {
    const { challenge, browser } = await askedToEnrol();
    let secret = "";
    for (let attempt = 0; attempt < 5; attempt++) {
      if (attempt % 2 === 0) {
        const cookies = { ...browser.cookies };
        secret = secretOn(
          await browser.post("/account/two-factor", { step: "start", challenge: challenge.id }),
        );
        expect(browser.cookies).toEqual(cookies);
      }
      const fields = { step: "confirm", code: await wrongCode(secret, attempt), challenge: challenge.id };
      expect((await browser.post("/account/two-factor", fields)).status).toBe(401);
    }
    const fields = { step: "confirm", code: await code(secret), challenge: challenge.id };
    // The account's counter and the session's attempts are both used up.
    expect((await browser.post("/account/two-factor", fields)).status).toBe(429);
    advance(60);
    const page = await browser.post("/account/two-factor", fields);
    expect([page.status, page.heading]).toEqual([429, "Too many attempts"]);
    expect(page.links.map(({ text }) => text)).toEqual(["Go back to shop.example"]);
  });

  it("EN-03 EN-04 never replaces a second factor: one that was set up meanwhile is required", async () => {
    const { challenge, browser } = await askedToEnrol();
    const { secret } = await enrol(shop, "42");
    // Enrolling has ended every session: another challenge, opened by a page from before.
    const other = await createChallenge(shop, "42");
    await visitChallenge(other, environment(), browser);
    const before = await readUser("shop:42");
    const page = await browser.post("/account/two-factor", { step: "start", challenge: other.id });
    expect(page.path).toBe(`${base}/second-factor?challenge=${other.id}`);
    expect(await readUser("shop:42")).toEqual(before);
    expect((await submitCode(browser, await code(secret))).heading).toBe("Confirmed");
    expect((await statusOf(shop, challenge)).status).toBe("opened");
  });

  it("SE-01 begins nothing with a session of another challenge, or one that is over, whatever a token says", async () => {
    const { challenge, browser, storedId } = await askedToEnrol();
    const other = await createChallenge(shop, "42");
    const token = browser.cookies[challengeCookieName] ?? "";
    const claims = await verifyPendingSessionToken(workersKeyring(), token, new Date());
    if (claims?.challenge === undefined) throw new Error("No challenge");
    const start = async (id: string, changes: Partial<typeof claims>) => {
      const forger = new Browser(environment());
      const forged = await signPendingSessionToken(workersKeyring(), { ...claims, ...changes }, new Date());
      forger.adopt({ [challengeCookieName]: forged });
      return (await forger.post("/account/two-factor", { step: "start", challenge: id })).heading;
    };
    expect(await start(other.id, { challenge: { ...claims.challenge, id: other.id } })).toBe(endedHeading);
    advance(600);
    expect(await start(challenge.id, { expiresAt: new Date(Date.now() + 60_000) })).toBe(endedHeading);
    expect((await readUser(storedId)).totp_pending_secret).toBeNull();
  });

  it("is shown when the second factor was removed while the challenge was open", async () => {
    const { user, challenge, browser } = await asked();
    // The sessions are not ended: the store's state decides.
    await query(
      "UPDATE users SET totp_enabled = 0, totp_secret = NULL, backup_codes = NULL WHERE id = 'shop:42'",
    );
    const page = await submitCode(browser, await code(user.secret));
    expect(page.path).toBe(`${base}/account/two-factor?challenge=${challenge.id}`);
    advance(30);
    const secret = secretOn(await step(browser, "start"));
    expect((await step(browser, "confirm", { code: await code(secret) })).heading).toBe(
      "Save your backup codes",
    );
  });

  it("is not confirmed before it is: /challenge/done has no receipt", async () => {
    const { challenge, browser } = await askedToEnrol();
    const { cookies } = browser;
    const page = await browser.open(`${base}/challenge/done?challenge=${challenge.id}`);
    expect([page.status, page.heading, redirectTarget(page)]).toEqual([410, endedHeading, null]);
    browser.adopt(cookies);
    for (const query of ["", "?challenge=", "?challenge=nothing"]) {
      expect((await browser.open(`${base}/challenge/done${query}`)).status).toBe(410);
    }
  });

  it("returns its receipt only to the browser that has completed it", async () => {
    const { challenge, browser } = await askedToEnrol();
    const secret = secretOn(await step(browser, "start"));
    await step(browser, "confirm", { code: await code(secret) });
    // The browser may look at the way before it is gone.
    const done = `${base}/challenge/done?challenge=${challenge.id}`;
    const headers = { Cookie: `${challengeCookieName}=${browser.cookies[challengeCookieName]}` };
    for (const early of [{ method: "HEAD" }, { headers: { "Sec-Purpose": "prefetch" } }]) {
      const options = {
        ...early,
        headers: { ...pageLoad, ...headers, ...("headers" in early ? early.headers : {}) },
      };
      const response = await visit(environment(), done, options);
      expect([response.status, response.headers.getSetCookie()]).toEqual([403, []]);
    }
    const stranger = new Browser(environment());
    const page = await stranger.open(`${base}/challenge/done?challenge=${challenge.id}`);
    expect([page.status, redirectTarget(page)]).toEqual([410, null]);
    expect((await visitChallenge(challenge)).page.status).toBe(410);
    // The browser itself may come back by the address that it was sent to.
    expect((await visitChallenge(challenge, environment(), browser)).page.heading).toBe("Confirmed");
  });
});
