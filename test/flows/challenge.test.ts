import { beforeEach, describe, expect, it } from "vitest";
import { type Backend, createRealm, enrolBackendUser, userPath } from "../support/backend.ts";
import { Browser } from "../support/browser.ts";
import {
  askForCode,
  challengeCookieName,
  createChallenge,
  endedHeading,
  pathOf,
  readReceipt,
  receiptOn,
  redirectTarget,
  shopUrls,
  statusOf,
  submitCode,
  verifyReceipt,
  visitChallenge,
} from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { pageLoad, visit } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { countEvaluated, listEvents, listSessionRows, query, readUser } from "../support/rows.ts";
import { base, code, environment, host, type Overrides, wrongCode } from "../support/worker.ts";

let shop: Backend;
let logged: string[];
useFreshWorker();
beforeEach(async () => {
  logged = collectLogLines();
  shop = await createRealm("shop", { return_urls: shopUrls });
});

const asked = (fields?: Overrides) => askForCode(shop, fields);

describe("a hosted challenge", () => {
  it("says what is to be confirmed, takes the code, and sends the browser back with a receipt", async () => {
    const { user, challenge, browser } = await asked();
    expect(browser.trail(2)).toEqual([
      `GET ${pathOf(challenge.url)} 303`,
      `GET ${base}/second-factor?challenge=${challenge.id} 200`,
    ]);
    expect(browser.page.heading).toBe("Confirm with your code");
    expect(browser.page.text).toContain("shop.example asks you to confirm this with your second factor.");
    expect(browser.page.text).toContain("Action Pay 20 € to Bob Account ada");

    advance(7);
    const page = await submitCode(browser, await code(user.secret));
    expect([page.status, page.heading]).toEqual([200, "Confirmed"]);
    const address = redirectTarget(page);
    expect(address?.href).toMatch(
      /^https:\/\/shop\.example\/confirmed\?order=7&challenge=[^&]+&receipt=[^&]+$/,
    );
    expect(address?.searchParams.get("challenge")).toBe(challenge.id);
    const now = Date.now() / 1000;
    expect(await verifyReceipt(receiptOn(page), "shop")).toEqual({
      iss: host + base,
      aud: "shop",
      sub: "42",
      jti: challenge.id,
      action: "Pay 20 € to Bob",
      nonce: "n-81",
      amr: ["otp"],
      auth_time: now,
      iat: now,
      exp: now + 300,
    });
    expect(await listSessionRows()).toEqual([]);
    expect(browser.cookies).toEqual({});
  });

  it("takes a backup code in its place", async () => {
    const { user, challenge, browser } = await asked({ action: undefined, nonce: undefined });
    expect(browser.page.text).toContain("shop.example asks for your second factor. Account ada");
    const page = await submitCode(browser, user.backupCodes[0] ?? "");
    const receipt = await verifyReceipt(receiptOn(page), "shop");
    expect(receipt.amr).toEqual(["backup_code"]);
    expect([receipt.action, receipt.nonce]).toEqual([undefined, undefined]);
    expect(await statusOf(shop, challenge)).toMatchObject({ status: "completed", amr: ["backup_code"] });
    expect((await shop.get(userPath("42"))).json.data.backup_codes_remaining).toBe(9);
  });

  it("shows what the backend says as text, whatever it is", async () => {
    const { browser } = await asked({ action: `<img src=x onerror=alert(1)> & "more"` });
    expect(browser.page.html).toContain("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;more&quot;");
    expect(browser.page.html).not.toContain("<img");
  });

  it("can be cancelled: the browser goes back without a receipt, and nothing has happened", async () => {
    const { challenge, browser } = await asked();
    const link = browser.page.links.find(({ text }) => text === "Cancel and go back to shop.example");
    expect(link?.href).toBe(`https://shop.example/confirmed?order=7&challenge=${challenge.id}`);
    expect((await statusOf(shop, challenge)).status).toBe("opened");
  });

  it("LG-01 is recorded from its beginning to its end, with the actor of each event", async () => {
    const { user, challenge, browser } = await asked();
    const [{ id: sessionId } = { id: "" }] = await listSessionRows();
    await submitCode(browser, await code(user.secret));
    const events = await listEvents(
      "challenge.created",
      "challenge.opened",
      "second_factor.accepted",
      "challenge.completed",
    );
    const named = { challenge: challenge.id };
    expect(
      events.map(({ type, realm, user_id, session_id, detail, ...rest }) => [
        type,
        "actor" in rest ? rest.actor : "",
        realm,
        user_id,
        session_id,
        JSON.parse(detail ?? "{}"),
      ]),
    ).toEqual([
      // The confirmation of the enrolment.
      ["second_factor.accepted", shop.actor, "shop", "shop:42", null, { method: "totp" }],
      ["challenge.created", shop.actor, "shop", "shop:42", null, { ...named, action: "Pay 20 € to Bob" }],
      ["challenge.opened", null, "shop", "shop:42", sessionId, named],
      ["second_factor.accepted", null, "shop", "shop:42", sessionId, { method: "totp" }],
      ["challenge.completed", null, "shop", "shop:42", sessionId, { ...named, method: "totp" }],
    ]);
  });

  it("LG-03 URI-04 leaves no secret in a page, a log line or an address but the one-time one", async () => {
    const { user, challenge, browser } = await asked();
    const token = browser.cookies[challengeCookieName] ?? "";
    await submitCode(browser, await wrongCode(user.secret));
    await submitCode(browser, await code(user.secret));
    const secret = challenge.url.split("/").at(-1) ?? "";
    for (const { path, body } of browser.exchanges.slice(1)) {
      expect(path + body).not.toContain(secret);
      expect(path + body).not.toContain(token.slice(0, 60));
    }
    for (const line of logged) expect(line).not.toContain(secret);
  });

  it("SE-05 carries its session in a cookie of its own that no script and no other host can read", async () => {
    const { challenge, browser } = await asked();
    const [opening] = browser.exchanges;
    expect(opening?.headers.getSetCookie()).toEqual([
      `${challengeCookieName}=${browser.cookies[challengeCookieName]}; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
    expect(opening?.headers.get("Location")).toBe(`${base}/second-factor?challenge=${challenge.id}`);
    expect(opening?.headers.get("Cache-Control")).toBe("no-store");
  });

  it("shows a wrong code like any other, and takes the right one after it", async () => {
    const { user, browser } = await asked();
    for (const [text, status, alert] of [
      [await wrongCode(user.secret), 401, "This code is not accepted."],
      ["12345", 422, "Type the six digits"],
      ["AAAA-AAAA", 401, "This code is not accepted."],
    ] as const) {
      const page = await submitCode(browser, text);
      expect([page.status, page.heading]).toEqual([status, "Confirm with your code"]);
      expect(page.alert).toContain(alert);
      expect(page.text).toContain("Pay 20 € to Bob");
    }
    expect((await submitCode(browser, await code(user.secret))).heading).toBe("Confirmed");
  });

  it("OTP-09 takes no code that was accepted before, and spends the one that it takes", async () => {
    const { user, browser } = await asked();
    const used = await code(user.secret);
    expect((await shop.verify("42", used)).status).toBe(200);
    expect((await submitCode(browser, used)).status).toBe(401);
    expect(await countEvaluated()).toMatchObject({ replayed: 1, refused: 0 });
    advance(30);
    const next = await code(user.secret);
    expect((await submitCode(browser, next)).heading).toBe("Confirmed");
    expect((await shop.verify("42", next)).status).toBe(401);
  });

  it("goes back all the same when its form is sent twice", async () => {
    const { user, challenge, browser } = await asked();
    const { cookies } = browser;
    const text = await code(user.secret);
    const first = readReceipt(await submitCode(browser, text));
    const twin = new Browser(environment());
    twin.adopt(cookies);
    advance(2);
    const again = await twin.post("/second-factor", { code: text, challenge: challenge.id });
    expect(again.heading).toBe("Confirmed");
    // There is one approval, and the backend can tell.
    const { jti, auth_time, iat } = readReceipt(again);
    expect([jti, auth_time]).toEqual([first.jti, first.auth_time]);
    expect(iat).toBe((first.iat ?? 0) + 2);
    expect(await listEvents("challenge.completed")).toHaveLength(1);
  });
});

describe("the address of a challenge", () => {
  it("opens in one browser: any other finds that it is over, and how to go back", async () => {
    const { challenge } = await asked();
    const { page } = await visitChallenge(challenge);
    expect([page.status, page.heading]).toEqual([410, endedHeading]);
    expect(page.html).toContain("challenge_expired");
    expect(page.links).toEqual([
      {
        href: `https://shop.example/confirmed?order=7&challenge=${challenge.id}`,
        text: "Go back to shop.example",
      },
    ]);
    expect(await listSessionRows()).toHaveLength(1);
    expect(await listEvents("challenge.opened")).toHaveLength(1);
  });

  it("leads the browser that has opened it to the same page again, and has not opened it twice", async () => {
    const { user, challenge, browser } = await asked();
    const { cookies } = browser;
    await visitChallenge(challenge, environment(), browser);
    expect([browser.page.status, browser.page.heading]).toEqual([200, "Confirm with your code"]);
    expect(browser.cookies).toEqual(cookies);
    expect(await listEvents("challenge.opened")).toHaveLength(1);
    expect((await submitCode(browser, await code(user.secret))).heading).toBe("Confirmed");
    expect((await visitChallenge(challenge, environment(), browser)).page.status).toBe(410);
  });

  it.each([
    ["HEAD", "HEAD", {}],
    ["a prefetch", "GET", { "Sec-Purpose": "prefetch" }],
    ["a prerender", "GET", { "Sec-Purpose": "prefetch;prerender" }],
    ["a prefetch of an older browser", "GET", { Purpose: "prefetch" }],
    ["a picture", "GET", { "Sec-Fetch-Dest": "image" }],
    ["a frame", "GET", { "Sec-Fetch-Dest": "iframe" }],
  ])("is not opened by %s", async (_, method, headers: Record<string, string>) => {
    await enrolBackendUser(shop);
    const challenge = await createChallenge(shop, "42");
    const path = pathOf(challenge.url);
    const response = await visit(environment(), path, { method, headers: { ...pageLoad, ...headers } });
    expect([response.status, response.headers.getSetCookie(), await response.text()]).toEqual([403, [], ""]);
    expect((await statusOf(shop, challenge)).status).toBe("pending");
    expect((await visitChallenge(challenge)).page.heading).toBe("Confirm with your code");
  });

  it.each(["x", "%00", "a".repeat(43), `${"a".repeat(43)}/x`, `${"a".repeat(42)}=`])(
    "is none that was not given: /challenge/%s",
    async (secret) => {
      const response = await visit(environment(), `${base}/challenge/${secret}`, { headers: pageLoad });
      expect([404, 410]).toContain(response.status);
      expect(await response.text()).toContain("<!doctype html>");
    },
  );

  it("opens until ten minutes have passed, and not a moment later", async () => {
    await enrolBackendUser(shop);
    const late = await createChallenge(shop, "42");
    advance(1);
    const inTime = await createChallenge(shop, "42");
    advance(599);
    const tooLate = await visitChallenge(late);
    expect([tooLate.page.status, tooLate.page.path]).toEqual([410, pathOf(late.url)]);
    expect([await listSessionRows(), await listEvents("challenge.opened")]).toEqual([[], []]);
    expect((await visitChallenge(inTime)).page.status).toBe(200);
    expect((await statusOf(shop, late)).status).toBe("expired");
  });

  it("does not open for an account that was closed meanwhile", async () => {
    const { user, challenge, browser } = await asked();
    const other = await createChallenge(shop, "42");
    await shop.post(`${userPath("42")}/disable`);
    expect((await visitChallenge(other)).page.status).toBe(410);
    const page = await submitCode(browser, await code(user.secret));
    expect([page.status, page.heading]).toEqual([410, endedHeading]);
    expect((await statusOf(shop, challenge)).status).toBe("opened");
  });

  it("gets a page for every client, and allows no other method", async () => {
    for (const method of ["POST", "PUT", "DELETE"]) {
      const response = await visit(environment(), `${base}/challenge/${"a".repeat(43)}`, {
        method,
        headers: { Origin: host },
      });
      expect([response.status, response.headers.get("Allow")]).toEqual([405, "GET, HEAD"]);
    }
  });
});

describe("the session of a challenge", () => {
  it("SE-02 ends with the challenge, ten minutes after it was made", async () => {
    const { user, challenge, browser } = await asked();
    const { cookies } = browser;
    advance(599);
    const [row] = await listSessionRows();
    expect(row?.expires_at).toBe(Date.now() + 1000);
    advance(1);
    // The browser deletes the cookie. A client that keeps it is rejected as well.
    expect(browser.cookies).toEqual({});
    const keeper = new Browser(environment());
    keeper.adopt(cookies);
    const page = await keeper.post("/second-factor", {
      code: await code(user.secret),
      challenge: challenge.id,
    });
    expect([page.status, page.heading]).toEqual([410, endedHeading]);
    expect((await statusOf(shop, challenge)).status).toBe("expired");
    expect(await countEvaluated()).toMatchObject({ accepted: 1, refused: 0 });
  });

  it("TH-04 has five attempts, and being right as the sixth is not success", async () => {
    const { user, challenge, browser } = await asked();
    const { cookies } = browser;
    // Not wrong: the account's own counter would stop it first.
    const used = await code(user.secret);
    await shop.verify("42", used);
    for (let attempt = 0; attempt < 5; attempt++) expect((await submitCode(browser, used)).status).toBe(401);
    advance(30);
    const page = await submitCode(browser, await code(user.secret));
    expect([page.status, page.heading]).toEqual([429, "Too many attempts"]);
    expect(page.links.map(({ text }) => text)).toEqual(["Go back to shop.example"]);
    expect(browser.cookies).toEqual({});
    const keeper = new Browser(environment());
    keeper.adopt(cookies);
    const again = { code: await code(user.secret), challenge: challenge.id };
    expect((await keeper.post("/second-factor", again)).status).toBe(429);
    expect((await statusOf(shop, challenge)).status).toBe("opened");
  });

  it("TH-02 shares the account's counter with every other path and every other challenge", async () => {
    const { user, browser } = await asked();
    for (let i = 0; i < 2; i++) await shop.verify("42", await wrongCode(user.secret, i));
    const second = await visitChallenge(await createChallenge(shop, "42"));
    for (const each of [browser, second, browser]) await submitCode(each, await wrongCode(user.secret));
    expect((await readUser("shop:42")).second_factor_failures).toBe(5);
    const page = await submitCode(second, await code(user.secret));
    expect([page.status, page.exchange.headers.get("Retry-After")]).toEqual([429, "60"]);
    expect(page.heading).toBe("Confirm with your code");
    advance(60);
    expect((await submitCode(second, await code(user.secret))).heading).toBe("Confirmed");
  });

  it("TH-01 says when the second factor is disabled, and leads back", async () => {
    const { user, browser } = await asked();
    await query("UPDATE users SET second_factor_failures = 100 WHERE id = 'shop:42'");
    const page = await submitCode(browser, await code(user.secret));
    expect([page.status, page.heading]).toEqual([403, "Second factor disabled"]);
    expect(page.links.map(({ text }) => text)).toEqual(["Go back to shop.example"]);
  });

  it("WB-01 takes no form of another site", async () => {
    const { user, challenge, browser } = await asked();
    const fields = { code: await code(user.secret), challenge: challenge.id };
    const options = { origin: "https://evil.example", site: "cross-site" } as const;
    expect((await browser.post("/second-factor", fields, options)).status).toBe(403);
    const bare = await visit(environment(), `${base}/second-factor`, {
      method: "POST",
      headers: {
        Cookie: `${challengeCookieName}=${browser.cookies[challengeCookieName]}`,
        "Content-Type": "application/x-www-form-urlencoded",
      },
      body: String(new URLSearchParams(fields)),
    });
    expect(bare.status).toBe(403);
    expect((await statusOf(shop, challenge)).status).toBe("opened");
  });

  it("belongs to one challenge: the form of another one finds that it is over", async () => {
    const { user, challenge, browser } = await asked();
    const other = await createChallenge(shop, "42");
    await visitChallenge(other, environment(), browser);
    const text = await code(user.secret);
    const page = await browser.post("/second-factor", { code: text, challenge: challenge.id });
    expect([page.status, page.heading]).toEqual([410, endedHeading]);
    expect((await statusOf(shop, other)).status).toBe("opened");
  });

  it("is left alone by the address of another challenge, or of none", async () => {
    const { user, challenge, browser } = await asked();
    const { cookies } = browser;
    const taken = await createChallenge(shop, "42");
    await visitChallenge(taken);
    const secret = "a".repeat(43);
    for (const path of [
      pathOf(taken.url),
      `${base}/challenge/${secret}`,
      `${base}/challenge/done?challenge=x`,
    ])
      expect((await browser.open(path)).status).toBe(410);
    expect(browser.cookies).toEqual(cookies);
    await browser.open(`${base}/second-factor?challenge=${challenge.id}`);
    expect((await submitCode(browser, await code(user.secret))).heading).toBe("Confirmed");
  });

  it("does not need a first factor: the backend has named the user", async () => {
    const bindings = environment({ FIRST_FACTOR: "proxy", PROXY_KEY: "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4" });
    const user = await enrolBackendUser(shop);
    const browser = await visitChallenge(await createChallenge(shop, "42"), bindings);
    expect((await submitCode(browser, await code(user.secret))).heading).toBe("Confirmed");
  });
});
