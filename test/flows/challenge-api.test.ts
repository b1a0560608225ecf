import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import {
  createBackendUser,
  createKey,
  createRealm,
  enrolBackendUser,
  operator,
  repeatable,
  userPath,
} from "../support/backend.ts";
import {
  challengeCookieName,
  challengeInput,
  createChallenge,
  shopUrls,
  statusOf,
  visitChallenge,
} from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import { delayD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { dumpDatabase, listEvents, query } from "../support/rows.ts";
import { base, Client, code, createAccount, environment, host } from "../support/worker.ts";

useFreshWorker();
beforeEach(() => {
  collectLogLines();
});

const createShop = (fields = {}) => createRealm("shop", { return_urls: shopUrls, ...fields });
const challengeRows = () => query<Record<string, unknown>>("SELECT * FROM challenges");

describe("POST /v1/challenges", () => {
  it("gives a one-time address, and says until when it is good", async () => {
    const shop = await createShop({ scopes: ["users:write", "verify"] });
    await createBackendUser(shop);
    const answer = await shop.post("/v1/challenges", challengeInput("42"));
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({
      status: "success",
      data: {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        url: expect.stringMatching(new RegExp(`^${host}${base}/challenge/[\\w-]{65}$`)),
        expires_at: new Date(Date.now() + 600_000).toISOString(),
      },
    });
    const { id } = answer.json.data;
    expect(await listEvents("challenge.created")).toMatchObject([
      {
        realm: "shop",
        user_id: "shop:42",
        actor: shop.actor,
        detail: JSON.stringify({ challenge: id, action: "Pay 20 € to Bob" }),
      },
    ]);
  });

  it("SE-04 draws a new address each time, and the store has only its hash", async () => {
    const shop = await createShop();
    await createBackendUser(shop);
    const options = repeatable("once");
    const made = [
      await createChallenge(shop, "42", {}, options),
      await createChallenge(shop, "42"),
      await createChallenge(shop, "42"),
    ];
    const secrets = made.map(({ url }) => url.split("/").at(-1) ?? "");
    expect(new Set(secrets).size).toBe(3);
    const dump = JSON.stringify(await dumpDatabase());
    for (const secret of secrets) expect(dump).not.toContain(secret);
    expect(await challengeRows()).toHaveLength(3);
  });

  it("names a user by the id that it was given, or that it was drawn", async () => {
    const local = await createKey(operator(), "local", { return_urls: shopUrls });
    const ada = await createAccount("ada");
    const challenge = await createChallenge(local, ada.id);
    expect(await statusOf(local, challenge)).toMatchObject({ user: ada.id });
  });

  it("needs a user of the realm with an enabled account", async () => {
    const shop = await createShop();
    const other = await createRealm("other", { return_urls: shopUrls });
    await createBackendUser(shop);
    expect(await shop.post("/v1/challenges", challengeInput("43"))).toMatchObject({
      status: 404,
      json: { code: "not_found" },
    });
    expect((await other.post("/v1/challenges", challengeInput("42"))).status).toBe(404);
    expect((await other.post("/v1/challenges", challengeInput("shop:42"))).status).toBe(404);
    await shop.post(`${userPath("42")}/disable`);
    expect(await shop.post("/v1/challenges", challengeInput("42"))).toMatchObject({
      status: 403,
      json: { code: "forbidden" },
    });
    expect(await challengeRows()).toEqual([]);
    expect(await listEvents("challenge.created")).toEqual([]);
  });

  it.each([
    ["another origin", "https://evil.example/confirmed"],
    ["another path", "https://shop.example/confirmedly"],
    ["no address", "confirmed"],
  ])("INC-09 sends no browser where the key may not: %s", async (_, return_to) => {
    const shop = await createShop();
    await createBackendUser(shop);
    const answer = await shop.post("/v1/challenges", challengeInput("42", { return_to }));
    expect(answer).toMatchObject({ status: 422, json: { code: "invalid_format" } });
    expect(answer.json.detail).toContain("return_to");
    expect(await challengeRows()).toEqual([]);
  });

  it.each(["?receipt=x", "?receipt[]=x", "?a=1;receipt=x", "?%72eceipt=x", "?Challenge.id=x"])(
    "INC-37 takes no return address with an answer of its own: %s",
    async (search) => {
      const shop = await createShop();
      await createBackendUser(shop);
      const return_to = `https://shop.example/confirmed${search}`;
      const answer = await shop.post("/v1/challenges", challengeInput("42", { return_to }));
      expect(answer).toMatchObject({ status: 422, json: { code: "invalid_format" } });
      expect(answer.json.detail).toBe(
        "return_to: it has a parameter that could be read as challenge or receipt, which Sallyport adds",
      );
      expect(await challengeRows()).toEqual([]);
    },
  );

  it("lets ADMIN_KEY send no browser anywhere: it lists no address", async () => {
    const shop = await createShop();
    await createBackendUser(shop);
    const answer = await operator().post("/v1/challenges?realm=shop", challengeInput("42"));
    expect(answer).toMatchObject({ status: 422, json: { code: "invalid_format" } });
  });

  it("needs the scope verify, for either call", async () => {
    const shop = await createShop();
    await createBackendUser(shop);
    const { id } = await createChallenge(shop, "42");
    const reader = await createKey(shop, "shop", {
      name: "reader",
      scopes: ["users:read", "users:write"],
      return_urls: shopUrls,
    });
    expect((await reader.post("/v1/challenges", challengeInput("42"))).status).toBe(403);
    expect((await reader.get(`/v1/challenges/${id}`)).status).toBe(403);
    expect((await new Client().post("/v1/challenges", challengeInput("42"))).status).toBe(401);
  });

  it.each([
    ["no user", { user: undefined }],
    ["an id of no user", { user: "a b" }],
    ["no return_to", { return_to: undefined }],
    ["a number for return_to", { return_to: 7 }],
    ["a return_to without an end", { return_to: `https://shop.example/confirmed?${"x".repeat(1024)}` }],
    ["an empty action", { action: "" }],
    ["an action with a line break", { action: "Pay\n20 €" }],
    ["an action that turns its letters round", { action: "Pay \u202e02" }],
    ["an action without an end", { action: "x".repeat(257) }],
    ["an action of long characters", { action: "漢".repeat(171) }],
    ["an empty nonce", { nonce: "" }],
  ])("refuses %s with 422", async (_, fields) => {
    const shop = await createShop();
    await createBackendUser(shop);
    expect(await shop.post("/v1/challenges", challengeInput("42", fields))).toMatchObject({
      status: 422,
      json: { code: "invalid_format" },
    });
  });

  it("refuses what it does not know with 400", async () => {
    const shop = await createShop();
    const answer = await shop.post("/v1/challenges", challengeInput("42", { lives: 3600 }));
    expect(answer).toMatchObject({ status: 400, json: { code: "malformed_request" } });
  });

  it("takes the longest of everything, and all of it fits into a cookie", async () => {
    const kid = "k".repeat(32);
    const key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
    const client = new Client(environment({ KEYRING: `${kid}:${key}` }));
    const start = "https://shop.example/confirmed?";
    const realm = "r".repeat(64);
    const shop = await createRealm(realm, { return_urls: shopUrls }, client);
    const id = '"'.repeat(128);
    await createBackendUser(shop, id, { username: "\u{1f600}".repeat(120) });
    const challenge = await createChallenge(shop, id, {
      return_to: start + "x".repeat(1024 - start.length),
      action: "\u{1f600}".repeat(128),
      nonce: "\\".repeat(256),
    });
    const browser = await visitChallenge(challenge, client.bindings);
    expect(browser.page.heading).toBe("Set up two-factor authentication");
    const cookie = `${challengeCookieName}=${browser.cookies[challengeCookieName]}`;
    // RFC 6265bis 5.6: browsers take no more of name and value.
    expect(cookie.length).toBeLessThanOrEqual(4096);
    expect(browser.page.text).toContain(`${"\u{1f600}".repeat(39)}… `);
  });
});

describe("a repeated POST /v1/challenges", () => {
  it("gets the first answer, address and all", async () => {
    const shop = await createShop();
    await createBackendUser(shop);
    const first = await shop.post("/v1/challenges", challengeInput("42"), repeatable("k-1"));
    advance(30);
    const again = await shop.post("/v1/challenges", challengeInput("42"), repeatable("k-1"));
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    const other = await shop.post(
      "/v1/challenges",
      challengeInput("42", { nonce: "n-82" }),
      repeatable("k-1"),
    );
    expect(other).toMatchObject({ status: 409, json: { code: "idempotency_conflict" } });
    expect(await challengeRows()).toHaveLength(1);
  });

  it("makes one challenge of fifty at once", async () => {
    const shop = await createShop();
    await createBackendUser(shop);
    const far = shop.at(new Client(environment({ DB: delayD1(env.DB, 20) })));
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => far.post("/v1/challenges", challengeInput("42"), repeatable("k-1"))),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(await challengeRows()).toHaveLength(1);
    expect(await listEvents("challenge.created")).toHaveLength(1);
  });

  it("is tried anew after a refusal", async () => {
    const shop = await createShop();
    expect((await shop.post("/v1/challenges", challengeInput("42"), repeatable("k-1"))).status).toBe(404);
    await createBackendUser(shop);
    expect((await shop.post("/v1/challenges", challengeInput("42"), repeatable("k-1"))).status).toBe(201);
  });
});

describe("GET /v1/challenges/{id}", () => {
  it("tells what has become of a challenge, step by step", async () => {
    const shop = await createShop();
    const user = await enrolBackendUser(shop);
    const challenge = await createChallenge(shop, user.id);
    const { id } = challenge;
    const created = Date.now();
    const at = (seconds: number) => new Date(created + seconds * 1000).toISOString();
    const pending = {
      id,
      user: "42",
      status: "pending",
      action: "Pay 20 € to Bob",
      nonce: "n-81",
      return_to: "https://shop.example/confirmed?order=7",
      created_at: at(0),
      expires_at: at(600),
      opened_at: null,
      completed_at: null,
      amr: null,
    };
    expect(await statusOf(shop, challenge)).toEqual(pending);
    advance(5);
    const browser = await visitChallenge(challenge);
    const opened = { ...pending, status: "opened", opened_at: at(5) };
    expect(await statusOf(shop, challenge)).toEqual(opened);
    advance(30);
    await browser.submit("/second-factor", { code: await code(user.secret) });
    const completed = { ...opened, status: "completed", completed_at: at(35), amr: ["otp"] };
    expect(await statusOf(shop, challenge)).toEqual(completed);
    advance(1000);
    expect(await statusOf(shop, challenge)).toEqual(completed);
  });

  it("is expired when it was not opened, or not completed, in time", async () => {
    const shop = await createShop();
    await enrolBackendUser(shop);
    const [left, opened] = [await createChallenge(shop, "42"), await createChallenge(shop, "42")];
    await visitChallenge(opened);
    advance(599);
    expect((await statusOf(shop, left)).status).toBe("pending");
    expect((await statusOf(shop, opened)).status).toBe("opened");
    advance(1);
    expect((await statusOf(shop, left)).status).toBe("expired");
    expect((await statusOf(shop, opened)).status).toBe("expired");
  });

  it("knows nothing to confirm where nothing was said", async () => {
    const shop = await createShop();
    await createBackendUser(shop);
    const bare = await createChallenge(shop, "42", { action: undefined, nonce: undefined });
    expect(await statusOf(shop, bare)).toMatchObject({ action: null, nonce: null });
  });

  it("WB-09 finds none of another realm, nor one that there is not", async () => {
    const shop = await createShop();
    const other = await createRealm("other", { return_urls: shopUrls });
    await createBackendUser(shop);
    const { id, url } = await createChallenge(shop, "42");
    const answers = [
      await other.get(`/v1/challenges/${id}`),
      await other.get(`/v1/challenges/${id}?realm=other`),
      await other.get(`/v1/challenges/${id}?realm=shop`),
      await shop.get("/v1/challenges/nothing"),
      await shop.get(`/v1/challenges/${url.split("/").at(-1)}`),
    ];
    expect(answers.map(({ status, json }) => [status, json.code])).toEqual(
      answers.map(() => [404, "not_found"]),
    );
    expect((await operator().get(`/v1/challenges/${id}?realm=shop`)).status).toBe(200);
  });

  it("is gone with its user", async () => {
    const shop = await createShop();
    await createBackendUser(shop);
    const challenge = await createChallenge(shop, "42");
    await shop.delete(userPath("42"));
    expect((await shop.get(`/v1/challenges/${challenge.id}`)).status).toBe(404);
    expect((await visitChallenge(challenge)).page.status).toBe(410);
  });
});
