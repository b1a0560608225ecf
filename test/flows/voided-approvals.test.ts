import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { createReadyAccount, fullToken } from "../support/accounts.ts";
import {
  type Backend,
  createKey,
  createRealm,
  enrol,
  enrolBackendUser,
  operator,
  repeatable,
  userPath,
} from "../support/backend.ts";
import { Browser, type Page } from "../support/browser.ts";
import {
  type Challenge,
  createChallenge,
  endedHeading,
  receiptOn,
  redirectTarget,
  shopUrls,
  statusOf,
  step,
  submitCode,
  visitChallenge,
} from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import { freezeReplica } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { listSessionRows, query } from "../support/rows.ts";
import { secretOn } from "../support/site.ts";
import { base, Client, code, environment } from "../support/worker.ts";

/** A backend of the realm, and another one that may do the same. */
let shop: Backend;
let sibling: Backend;

useFreshWorker();
beforeEach(async () => {
  collectLogLines();
  shop = await createRealm("shop", { return_urls: shopUrls });
  sibling = await createKey(operator(), "shop", { name: "sibling", return_urls: shopUrls });
});

const path = (call = "") => userPath("42") + call;
const send = async (what: Promise<{ status: number; text: string }>) => {
  const { status, text } = await what;
  if (status > 299) throw new Error(`${status} ${text}`);
};

/** What makes what an account has approved void. */
const voidings: Record<string, () => Promise<unknown>> = {
  "its second factor was reset": () => send(sibling.post(path("/reset"))),
  "its second factor was reset and set up again": async () => {
    await send(sibling.post(path("/reset")));
    advance(60);
    await enrol(sibling, "42");
  },
  "its second factor was switched off by a backend": () => send(sibling.delete(path("/totp"))),
  "its second factor was disabled by a hundred failures": () =>
    query("UPDATE users SET second_factor_failures = 100"),
  "it was closed": () => send(sibling.post(path("/disable"))),
  "it was closed and opened again": async () => {
    await send(sibling.post(path("/disable")));
    await send(sibling.post(path("/enable")));
  },
  "it was deleted": () => send(sibling.delete(path())),
  "it was deleted and created again": async () => {
    await send(sibling.delete(path()));
    await send(sibling.put(path(), { username: "ada" }));
    await enrol(sibling, "42");
  },
  "the API key that asked was revoked": () =>
    send(operator().delete(`/v1/api-keys/${shop.keyId}?realm=shop`)),
};

/** None of these may hold a receipt. */
function expectNoReceipt(page: Page): void {
  expect(redirectTarget(page)).toBeNull();
  expect(page.html).not.toContain("receipt=");
}

/** The browser that has set up the second factor by a challenge, before it goes on. */
async function enrolByChallenge(): Promise<{ challenge: Challenge; browser: Browser; secret: string }> {
  await send(shop.put(path(), { username: "ada" }));
  const challenge = await createChallenge(shop, "42");
  const browser = await visitChallenge(challenge);
  const secret = secretOn(await step(browser, "start"));
  await step(browser, "confirm", { code: await code(secret) });
  return { challenge, browser, secret };
}

/** A browser with the cookies that this one has now. */
function twinOf({ cookies }: Browser): Browser {
  const twin = new Browser(environment());
  twin.adopt({ ...cookies });
  return twin;
}

describe.each(Object.entries(voidings))("INC-37 once %s", (name, makeVoid) => {
  it("a challenge that was completed gives no receipt again", async () => {
    const { challenge, browser } = await enrolByChallenge();
    const done = `${base}/challenge/done?challenge=${challenge.id}`;
    expect(receiptOn(await twinOf(browser).open(done))).not.toBe("");
    const [again, byLink] = [twinOf(browser), twinOf(browser)];
    await makeVoid();
    const page = await again.open(done);
    expect([page.status, page.heading]).toEqual([410, endedHeading]);
    expectNoReceipt(page);
    expectNoReceipt((await visitChallenge(challenge, environment(), byLink)).page);
  });

  it("nor does its code, sent again", async () => {
    const { secret } = await enrolBackendUser(shop, "42", { username: "ada" });
    const browser = await visitChallenge(await createChallenge(shop, "42"));
    const twin = twinOf(browser);
    await twin.open(browser.page.path);
    const text = await code(secret);
    expect(receiptOn(await submitCode(browser, text))).not.toBe("");
    await makeVoid();
    const page = await submitCode(twin, text);
    expect(page.status).toBe(410);
    expectNoReceipt(page);
  });

  it("a challenge that was opened is over", async () => {
    const { secret } = await enrolBackendUser(shop, "42", { username: "ada" });
    const challenge = await createChallenge(shop, "42");
    const browser = await visitChallenge(challenge);
    await makeVoid();
    const page = await submitCode(browser, await code(secret));
    expect(page.status).toBe(name.includes("hundred failures") ? 403 : 410);
    expectNoReceipt(page);
    if (!name.includes("deleted")) expect((await statusOf(sibling, challenge)).completed_at).toBeNull();
  });

  it("a challenge that was made opens no more", async () => {
    if (name.includes("hundred failures")) return;
    await enrolBackendUser(shop, "42", { username: "ada" });
    const challenge = await createChallenge(shop, "42");
    await makeVoid();
    const browser = await visitChallenge(challenge);
    expect([browser.page.status, browser.page.heading]).toEqual([410, endedHeading]);
    expect(await listSessionRows()).toEqual([]);
    if (!name.includes("deleted")) expect((await statusOf(sibling, challenge)).opened_at).toBeNull();
  });

  it.each(["verify", "backup-codes"])(
    "a retry of POST …/%s does not get the first answer, although a copy has not heard of it",
    async (call) => {
      const { secret } = await enrolBackendUser(shop, "42", { username: "ada" });
      const body = { code: await code(secret) };
      const first = await shop.post(path(`/${call}`), body, repeatable("key"));
      expect(first.status).toBe(200);
      const behind = new Client(environment({ DB: await freezeReplica(env.DB) }));
      expect((await shop.at(behind).post(path(`/${call}`), body, repeatable("key"))).text).toBe(first.text);
      await makeVoid();
      for (const client of [behind, new Client()]) {
        const answer = await sibling.at(client).post(path(`/${call}`), body, repeatable("key"));
        expect(answer).toMatchObject({ status: 409, json: { code: "idempotency_conflict" } });
        expect(answer.json.title).toBe("First response void");
        expect(answer.text).not.toContain("receipt");
      }
    },
  );
});

describe("what an account has approved", () => {
  it("INC-37 is void once the account itself has switched two-factor authentication off", async () => {
    const local = await createKey(operator(), "local", { return_urls: shopUrls });
    const ada = await createReadyAccount("ada");
    const token = await fullToken(ada);
    const ofCode = async () => code(ada.secret);
    const challenge = await createChallenge(local, ada.id);
    const browser = await visitChallenge(challenge);
    const [before, after] = [twinOf(browser), twinOf(browser)];
    advance(30);
    await submitCode(browser, await ofCode());
    const done = `${base}/challenge/done?challenge=${challenge.id}`;
    expect(receiptOn(await before.open(done))).not.toBe("");
    const unopened = await createChallenge(local, ada.id);
    advance(30);
    const body = { code: await ofCode(), password: ada.password };
    await send(new Client().post("/totp/disable", body, { token }));
    const page = await after.open(done);
    expect(page.status).toBe(410);
    expectNoReceipt(page);
    expect((await visitChallenge(unopened)).page.status).toBe(410);
  });

  it("is not void for what else happens to it: unlocking, new backup codes, a new name, another key's end", async () => {
    const { challenge, browser, secret } = await enrolByChallenge();
    advance(30);
    const body = { code: await code(secret) };
    const first = await shop.post(path("/verify"), body, repeatable("key"));
    await send(sibling.post(path("/unlock")));
    await send(sibling.post(path("/enable")));
    await send(sibling.put(path(), { username: "lovelace" }));
    advance(30);
    await send(sibling.post(path("/backup-codes"), { code: await code(secret) }));
    await send(operator().delete(`/v1/api-keys/${sibling.keyId}?realm=shop`));
    expect(receiptOn(await browser.open(`${base}/challenge/done?challenge=${challenge.id}`))).not.toBe("");
    expect((await shop.post(path("/verify"), body, repeatable("key"))).text).toBe(first.text);
  });

  it("of an account that is older than approval periods stands as well", async () => {
    const { challenge, browser } = await enrolByChallenge();
    await query("UPDATE users SET approval_period_id = NULL");
    await query("UPDATE challenges SET approval_period_id = NULL");
    expect(
      receiptOn(await twinOf(browser).open(`${base}/challenge/done?challenge=${challenge.id}`)),
    ).not.toBe("");
    await send(sibling.post(path("/reset")));
    expectNoReceipt(await browser.open(`${base}/challenge/done?challenge=${challenge.id}`));
  });
});
