import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { findKnownDeviceNumber, knownDeviceTtlSeconds } from "../../src/core/tokens/known-devices.ts";
import { createReadyAccount, fullToken, visible } from "../support/accounts.ts";
import { Browser } from "../support/browser.ts";
import { advance } from "../support/clock.ts";
import {
  browserHeaders,
  cookieValue,
  deviceCookieName,
  parseSetCookies,
  pendingCookieName,
  sessionCookieName,
} from "../support/cookies.ts";
import { countTrips, delayD1, recordStatements } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, visit, workersKeyring } from "../support/gate.ts";
import { randomKey } from "../support/keyring.ts";
import { tapKv } from "../support/kv.ts";
import { openSite, Browser as SiteBrowser } from "../support/origin-site.ts";
import { dumpKv, listEvents, query } from "../support/rows.ts";
import { counterKey, deviceOf, home, readCounter, setCounter } from "../support/throttles.ts";
import {
  type Account,
  type Answer,
  type CallOptions,
  Client,
  code,
  createAccount,
  environment,
} from "../support/worker.ts";

useFreshWorker();

const elsewhere = "198.51.100.9";

/** A request from a browser that has this device cookie, and whatever other cookies are given. */
const from = (device: string, address = home, cookies: Record<string, string> = {}): CallOptions => ({
  address,
  headers: browserHeaders({ ...cookies, [deviceCookieName]: device }),
});

const wrong = ({ username }: Pick<Account, "username">, options: CallOptions, client = new Client()) =>
  client.login({ username, password: "wrong password" }, options);

function expectBlocked(answer: Answer, seconds = 900): void {
  expect(answer).toMatchObject({ status: 429, json: { code: "too_many_attempts" } });
  expect(answer.headers.get("Retry-After")).toBe(String(seconds));
}

/** Strangers fill every counter of an account and of this address, each with a real last failure. */
async function lockOutStrangers({ username }: Account, address = home, bindings = environment()) {
  const client = new Client(bindings);
  for (const scope of ["account", "network", "network_account"] as const) {
    const last = { account: 99, network: 29, network_account: 9 }[scope];
    await setCounter(await counterKey(scope, { username, address }, bindings), last);
  }
  expect((await wrong({ username }, { address }, client)).status).toBe(401);
}

describe("an attacker who knows a user name", () => {
  it("TH-06 INC-16 can't lock its owner out of a known device, from any networks or from the owner's own", async () => {
    const account = await createReadyAccount();
    const client = new Client();
    const login = await client.login(account, { address: home });
    const second = { session_token: login.json.session_token, code: await code(account.secret) };
    const device = cookieValue(await client.post("/totp/verify", second), deviceCookieName) ?? "";
    await lockOutStrangers(account);
    for (const address of [home, elsewhere, "2001:db8::1"]) {
      expectBlocked(await client.login(account, { address }));
      expect(await client.login(account, from(device, address))).toMatchObject({
        status: 200,
        json: { status: "totp_required" },
      });
    }
    advance(30);
    const again = await client.login(account, from(device));
    const body = { session_token: again.json.session_token, code: await code(account.secret) };
    expect((await client.post("/totp/verify", body, from(device))).status).toBe(200);
  });

  it("TH-06 is no nearer to the account by the owner's sign-in: the block goes on for strangers", async () => {
    const account = await createReadyAccount();
    const device = await deviceOf(account.username);
    await lockOutStrangers(account);
    expect((await new Client().login(account, from(device))).status).toBe(200);
    expectBlocked(await new Client().login(account, { address: elsewhere }));
    expect((await readCounter(await counterKey("account")))?.failures).toBe(100);
  });

  it("TH-06 does not block a sign-in with pages", async () => {
    const account = await createAccount();
    const bindings = environment({ ENROLMENT: "optional" });
    const browser = new Browser(bindings);
    await browser.open("/api/auth/sign-in");
    expect((await browser.signIn(account)).path).toBe("/api/auth/account");
    await browser.open("/api/auth/sign-out");
    await browser.submit("/sign-out");
    await lockOutStrangers(account, "unknown");

    const stranger = new Browser(bindings);
    await stranger.open("/api/auth/sign-in");
    expect((await stranger.signIn(account)).exchange.status).toBe(429);
    await browser.open("/api/auth/sign-in");
    expect((await browser.signIn(account)).path).toBe("/api/auth/account");
  });

  it("TH-06 doesn't stop the owner from switching the second factor off in a session", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const device = await deviceOf(account.username);
    await lockOutStrangers(account);
    const body = { code: await code(account.secret), password: account.password };
    const session = { [sessionCookieName]: token };
    const page = { ...from("", home, session), method: "POST" };
    expectBlocked(await new Client().post("/totp/disable", body, page));
    expect((await new Client().post("/totp/disable", body, from(device, home, session))).status).toBe(200);
  });
});

describe("a device becomes known", () => {
  const isKnown = (answer: Answer) => cookieValue(answer, deviceCookieName) !== undefined;

  it("when a sign-in with a password is complete, and at nothing before or beside it", async () => {
    const plain = await createAccount("plain");
    const account = await createReadyAccount();
    const client = new Client();
    const refused = await wrong(account, {});
    const login = await client.login(account);
    const pending = { session_token: login.json.session_token };
    const wrongCode = await client.post("/totp/verify", { ...pending, code: "0000-0000" });
    const verified = await client.post("/totp/verify", { ...pending, code: await code(account.secret) });
    const token = verified.json.session_token;
    advance(30);
    const stepUp = await client.post(
      "/step-up",
      { code: await code(account.secret) },
      { headers: browserHeaders({ [sessionCookieName]: token }) },
    );
    const session = await client.call("/session", {
      headers: browserHeaders({ [sessionCookieName]: token }),
    });
    const backup = await client.post("/totp/verify", {
      session_token: (await client.login(account)).json.session_token,
      code: account.backupCodes[0],
    });
    expect([refused, login, wrongCode, stepUp, session].map(isKnown)).toEqual(Array(5).fill(false));
    expect([await client.login(plain), verified, backup].map(isKnown)).toEqual([true, true, true]);
    expect([stepUp.status, session.status]).toEqual([200, 200]);
  });

  it("when a page completes the sign-in, and not at a fresh code in a session", async () => {
    const account = await createReadyAccount();
    const browser = new Browser(environment());
    await browser.open("/api/auth/sign-in");
    await browser.signIn(account);
    expect(browser.cookies).not.toHaveProperty(deviceCookieName);
    await browser.submit("/second-factor", { code: await code(account.secret) });
    const { [deviceCookieName]: device } = browser.cookies;
    expect(device).toBeDefined();
    advance(30);
    await browser.open("/api/auth/second-factor");
    const page = await browser.submit("/second-factor", { code: await code(account.secret) });
    expect([page.path, browser.cookies[deviceCookieName]]).toEqual(["/api/auth/account", device]);
  });

  it("not with an external first factor, where there are no passwords to guess", async () => {
    const site = openSite();
    site.sessions.set("s1", "ada").set("s2", "ada");
    const secret = await SiteBrowser.signedIn("s1").enrol();
    const browser = SiteBrowser.signedIn("s2");
    await browser.passSecondFactor(secret);
    expect([...browser.cookies.keys()].toSorted()).toEqual([sessionCookieName, "sid"]);
  });

  it("SE-05 by a cookie with the flags of all the others, for four hundred days", async () => {
    const account = await createAccount();
    const cookies = parseSetCookies(await new Client().login(account));
    expect(cookies.find(({ name }) => name === deviceCookieName)?.attributes).toEqual({
      "max-age": String(knownDeviceTtlSeconds),
      path: "/",
      httponly: true,
      secure: true,
      samesite: "Lax",
    });
  });

  it("beside the accounts that it was known to", async () => {
    const [ada, bob] = [await createAccount("ada"), await createAccount("bob")];
    const first = cookieValue(await new Client().login(ada), deviceCookieName) ?? "";
    const both = cookieValue(await new Client().login(bob, from(first)), deviceCookieName) ?? "";
    for (const [account, address] of [
      [ada, home],
      [bob, elsewhere],
    ] as const) {
      await lockOutStrangers(account, address);
      expect((await new Client().login(account, from(both, address))).status).toBe(200);
    }
  });

  it("SE-01 and that opens nothing: the cookie is no session, and no origin sees it", async () => {
    const account = await createAccount();
    const device = cookieValue(await new Client().login(account), deviceCookieName) ?? "";
    for (const name of [deviceCookieName, sessionCookieName, pendingCookieName]) {
      const headers = browserHeaders({ [name]: device });
      expect((await new Client().call("/session", { headers })).status).toBe(401);
      expect((await new Client().post("/totp/verify", { code: "123456" }, { headers })).status).toBe(401);
    }
    const origin = mockOrigin();
    const bindings = gated([{ path: "/public", require: "none" }]);
    const headers = { Cookie: `a=1; ${deviceCookieName}=${device}; b=2` };
    expect((await visit(bindings, "/private", { headers })).status).toBe(401);
    expect((await visit(bindings, "/public", { headers })).status).toBe(200);
    expect(origin.only().headers.get("Cookie")).toBe("a=1; b=2");
  });
});

describe("what is no known device", () => {
  it("TH-06 is forged, damaged, expired or of another account: it counts as an unknown device", async () => {
    const account = await createAccount();
    const device = await deviceOf(account.username);
    const other = environment({ KEYRING: `k1:${randomKey()}` });
    const [kid, until, number, mac = ""] = device.split(".");
    const flipped = (mac.startsWith("A") ? "B" : "A") + mac.slice(1);
    const cookies: [string, string][] = [
      ["flipped", [kid, until, number, flipped].join(".")],
      ["cut", device.slice(0, -1)],
      ["longer", [kid, Number(until) + 1, number, mac].join(".")],
      ["another's", await deviceOf("bob")],
      ["another realm's", await deviceOf(account.username, { realm: "proxy" })],
      ["another keyring's", await deviceOf(account.username, { bindings: other })],
      ["a session", String((await new Client().login(account)).json.session_token)],
      ["empty", ""],
      ["garbage", "%00~%zz"],
      ["large", "a".repeat(8000)],
    ];
    await lockOutStrangers(account);
    for (const [name, cookie] of cookies) {
      const answer = await new Client().login(account, from(cookie, elsewhere));
      expect([name, answer.status]).toEqual([name, 429]);
    }
    expect((await new Client().login(account, from(device, elsewhere))).status).toBe(200);
    advance(knownDeviceTtlSeconds);
    await lockOutStrangers(account, elsewhere);
    expectBlocked(await new Client().login(account, from(device, elsewhere)));
  });

  it("TH-10 INC-16 changes nothing for other accounts: another name is treated as without the cookie", async () => {
    const device = await deviceOf("ada");
    await createAccount("ada");
    await createAccount("bob");
    const seen: unknown[] = [];
    for (const [index, username] of ["bob", "nobody", "ada"].entries()) {
      const { db, trips } = recordStatements(env.DB);
      const client = new Client(environment({ DB: db }));
      const cookie = username === "ada" ? "" : device;
      const answer = await wrong({ username }, from(cookie, `198.51.100.${index}`), client);
      seen.push({ answer: visible(answer), trips });
    }
    expect(seen[0]).toMatchObject({ answer: { status: 401 }, trips: [{ length: 1 }, expect.any(Array)] });
    for (const one of seen) expect(one).toEqual(seen[0]);
  });

  it("TH-10 answers as a known device does, right up to the block and in it", async () => {
    const account = await createAccount();
    const device = await deviceOf(account.username);
    const counters = [
      await counterKey("account_device", { device }),
      await counterKey("network_account", { address: elsewhere }),
    ];
    for (const key of counters) await setCounter(key, 9);
    for (const status of [401, 429]) {
      const [known, stranger] = [
        await wrong(account, from(device)),
        await wrong(account, { address: elsewhere }),
      ];
      expect([known.status, visible(known)]).toEqual([status, visible(stranger)]);
    }
  });
});

describe("failures on a known device", () => {
  it("TH-04 are ten, on a counter of its own, and change no other counter", async () => {
    const account = await createAccount();
    const device = await deviceOf(account.username);
    const key = await counterKey("account_device", { device });
    await setCounter(key, 8);
    for (let i = 0; i < 2; i++) expect((await wrong(account, from(device))).status).toBe(401);
    expectBlocked(await new Client().login(account, from(device)));
    expectBlocked(await wrong(account, from(device, elsewhere)));
    expect(await query("SELECT key, failures FROM throttles")).toEqual([{ key, failures: 10 }]);
    expect(await dumpKv()).toEqual({ [`block:${key}`]: String(Date.now() + 900_000) });
    expect(await listEvents("first_factor.refused")).toHaveLength(2);
  });

  it("TH-08 block the cookie until its block ends; a request without it may still try", async () => {
    const account = await createAccount();
    const device = await deviceOf(account.username);
    await setCounter(await counterKey("account_device", { device }), 9);
    await wrong(account, from(device));
    for (const [waited, left] of [
      [0, 900],
      [899.5, 1],
    ] as const) {
      advance(waited);
      expectBlocked(await new Client().login(account, from(device)), left);
    }
    expect((await new Client().login(account, { address: home })).status).toBe(200);
    advance(0.5);
    expect((await new Client().login(account, from(device))).status).toBe(200);
  });

  it("are no failures of the account's other devices, nor of another account's with the same number", async () => {
    const [ada, bob] = [await createAccount("ada"), await createAccount("bob")];
    const numberOf = (device: string, { username }: Account) =>
      findKnownDeviceNumber(workersKeyring(), device, { realm: "local", username }, new Date());
    const device = await deviceOf("ada");
    const number = await numberOf(device, ada);
    let [other, theirs] = [device, ""];
    while ((await numberOf(other, ada)) === number) other = await deviceOf("ada");
    while ((await numberOf(theirs, bob)) !== number) theirs = await deviceOf("bob");
    await setCounter(await counterKey("account_device", { device }), 9);
    await wrong(ada, from(device));
    expectBlocked(await new Client().login(ada, from(device)));
    expect((await new Client().login(ada, from(other))).status).toBe(200);
    expect((await new Client().login(bob, from(theirs))).status).toBe(200);
  });

  it("are taken back by a right password", async () => {
    const account = await createAccount();
    const device = await deviceOf(account.username);
    const key = await counterKey("account_device", { device });
    await setCounter(key, 9);
    expect((await new Client().login(account, from(device))).status).toBe(200);
    expect(await readCounter(key)).toBeUndefined();
  });

  it.each([0, 20])(
    "TH-04 TH-02 that come all at once are no more than ten, with %i ms to the database",
    async (milliseconds) => {
      const account = await createAccount();
      const device = await deviceOf(account.username);
      const key = await counterKey("account_device", { device });
      await setCounter(key, 4);
      const client = new Client(environment({ DB: delayD1(env.DB, milliseconds) }));
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, i) => wrong(account, from(device, `198.51.100.${i}`), client)),
      );
      const statuses = answers.map(({ status }) => status).toSorted();
      expect(statuses).toEqual([...Array(6).fill(401), ...Array(10).fill(429)]);
      expect(await listEvents("first_factor.refused")).toHaveLength(6);
      expect((await readCounter(key))?.failures).toBe(10);
    },
  );

  it("INC-15 count together wherever the password is asked for, and the block is one", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const device = await deviceOf(account.username);
    await setCounter(await counterKey("account_device", { device }), 6);
    const text = await code(account.secret);
    const entries = entriesOf(account, text, from(device, home, { [sessionCookieName]: token }));
    for (const [name, enter] of entries) {
      const answer = await enter("wrong password", new Client());
      expect([name, answer.status]).toEqual([name, 401]);
    }
    const { db, trips } = countTrips(env.DB);
    for (const [name, enter] of entries) {
      const answer = await enter(account.password, new Client(environment({ DB: db })));
      expect([name, answer.status, answer.headers.get("Retry-After")]).toEqual([name, 429, "900"]);
    }
    // The account's page shows a refusal among the account's data, which it has to read.
    expect(trips).toEqual({ reads: 0, batches: 2 });
  });
});

type Entry = readonly [name: string, enter: (password: string, client: Client) => Promise<Answer>];

/** Everywhere that a password can be tried. */
function entriesOf({ username }: Account, text: string, options: CallOptions): readonly Entry[] {
  const form = (path: string, fields: Record<string, string>, client: Client) =>
    client.post(path, String(new URLSearchParams(fields)), {
      ...options,
      headers: { ...options.headers, "Content-Type": "application/x-www-form-urlencoded" },
    });
  return [
    ["POST /login", (password, client) => client.login({ username, password }, options)],
    ["POST /sign-in", (password, client) => form("/sign-in", { username, password }, client)],
    [
      "POST /totp/disable",
      (password, client) => client.post("/totp/disable", { code: text, password }, options),
    ],
    [
      "POST /account/two-factor/disable",
      (password, client) => form("/account/two-factor/disable", { code: text, password }, client),
    ],
  ];
}

describe("failures of an unknown device", () => {
  it("INC-15 count together wherever the password is asked for, and the block is one", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await setCounter(await counterKey("network_account"), 6);
    const text = await code(account.secret);
    const entries = entriesOf(account, text, from("", home, { [sessionCookieName]: token }));
    for (const [name, enter] of entries) {
      expect([name, (await enter("wrong password", new Client())).status]).toEqual([name, 401]);
    }
    for (const [name, enter] of entries) {
      const answer = await enter(account.password, new Client());
      expect([name, answer.status, answer.headers.get("Retry-After")]).toEqual([name, 429, "900"]);
    }
  });
});

describe("what a known device costs", () => {
  it("is one read and one batch, as everybody, and nothing when it is blocked", async () => {
    const account = await createAccount();
    const device = await deviceOf(account.username);
    const { db, trips } = countTrips(env.DB);
    const { kv, calls } = tapKv(env.BLOCKS);
    const client = new Client(environment({ DB: db, BLOCKS: kv }));
    expect((await client.login(account, from(device))).status).toBe(200);
    expect([trips, calls]).toEqual([
      { reads: 1, batches: 1 },
      { gets: 1, puts: 0 },
    ]);
    await setCounter(await counterKey("account_device", { device }), 9);
    await wrong(account, from(device));
    Object.assign(trips, { reads: 0, batches: 0 });
    expectBlocked(await client.login(account, from(device)));
    expect(trips).toEqual({ reads: 0, batches: 0 });
  });

  it("is a share of its own of the rate limit in front", async () => {
    const account = await createAccount();
    const device = await deviceOf(account.username);
    const keys: string[] = [];
    const SIGN_IN_LIMITER = {
      limit: async ({ key }: { key: string }) => {
        keys.push(key);
        return { success: key !== home };
      },
    };
    const client = new Client(environment({ SIGN_IN_LIMITER }));
    expectBlocked(await client.login(account, { address: home }), 60);
    expect((await client.login(account, from(device))).status).toBe(200);
    expect(keys).toEqual([home, await counterKey("account_device", { device })]);
  });
});

describe("a new key in front of the old one", () => {
  it("CR-04 knows the devices of the old one until that is gone, and vouches for them anew", async () => {
    const account = await createAccount();
    const device = cookieValue(await new Client().login(account), deviceCookieName) ?? "";
    const newKey = `k-new:${randomKey()}`;
    const both = environment({ KEYRING: `${newKey},${env.KEYRING}` });
    await lockOutStrangers(account, home, both);
    expectBlocked(await new Client(both).login(account, { address: home }));
    const answer = await new Client(both).login(account, from(device));
    expect(answer.status).toBe(200);
    const renewed = cookieValue(answer, deviceCookieName) ?? "";
    expect(renewed).toMatch(/^k-new\./);

    const alone = new Client(environment({ KEYRING: newKey }));
    expectBlocked(await alone.login(account, from(device)));
    expect((await alone.login(account, from(renewed))).status).toBe(200);
  });
});
