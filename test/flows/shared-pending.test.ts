import { beforeEach, describe, expect, it } from "vitest";
import { firstFactorOnlySessionLimits } from "../../src/domain/sign-in/openings.ts";
import { createReadyAccount, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { type FirstFactorName, firstFactors, showFirstFactor } from "../support/first-factors.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";
import { listEvents, listSessionRows, query } from "../support/rows.ts";
import { Client, code, pendingToken, wrongCode } from "../support/worker.ts";

// INC-30: a pending session is reused, and none replaces the session of another account.

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
});

const pendingCookie = "__Host-sallyport-pending";
const secondFactor = "/api/auth/second-factor";
const accountPage = "/api/auth/account";
const home = "198.51.100.7";
const elsewhere = "203.0.113.9";
const external = firstFactors.filter((name) => name !== "password");

/** Another client that shows the same first factor, from this network. It keeps its cookies. */
function clientLike(browser: Browser, address = home): Browser {
  const twin = new Browser();
  Object.assign(twin, { bindings: browser.bindings });
  for (const [name, value] of browser.cookies) if (!name.startsWith("__Host-")) twin.cookies.set(name, value);
  Object.assign(twin.added, browser.added, addressIn(browser, address));
  return twin;
}

/** A proxy says its client's address itself. */
const addressIn = (browser: Browser, address: string) =>
  browser.added["X-Sallyport-Proxy-Key"] === undefined
    ? { "CF-Connecting-IP": address }
    : { "X-Forwarded-For": address };

/** So many networks. */
const networks = (many: number) => Array.from({ length: many }, (_, i) => `2001:db8:${i.toString(16)}::7`);

/** An account with a second factor, and a client at home that shows its first one. */
async function enrolled(name: FirstFactorName, overrides = {}): Promise<{ owner: Browser; secret: string }> {
  const first = await showFirstFactor(name, site, overrides);
  const secret = await first.enrol();
  await query("DELETE FROM sessions");
  await query("DELETE FROM audit_events");
  return { owner: clientLike(first), secret };
}

/** Asks for the page of the code without a cookie, so often. Returns the tokens that it was given. */
async function flood(browser: Browser, times: number, path = secondFactor): Promise<string[]> {
  const tokens: string[] = [];
  for (let i = 0; i < times; i++) {
    const client = clientLike(browser, addressOf(browser));
    expect((await client.load(path)).status).toBeLessThan(400);
    const token = client.cookies.get(pendingCookie);
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

const addressOf = ({ added }: Browser) => added["CF-Connecting-IP"] ?? added["X-Forwarded-For"] ?? "";

/** Types the code that is due. Returns where the page leads. */
async function typeCode(browser: Browser, text: string): Promise<string | null> {
  const response = await browser.post(secondFactor, { code: text, rd: "/inside" });
  await response.body?.cancel();
  return response.headers.get("Location");
}

describe.each(external)("with %s as the first factor", (name) => {
  it("INC-30 150 requests without a cookie make a few pending sessions and events, and all are served", async () => {
    const { owner } = await enrolled(name);
    expect(new Set(await flood(owner, 150)).size).toBeGreaterThanOrEqual(
      firstFactorOnlySessionLimits.maxPerNetwork,
    );
    expect(await listSessionRows()).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
    const events = await listEvents("first_factor.accepted");
    expect(events).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
    expect(new Set(events.map(({ session_id }) => session_id)).size).toBe(
      firstFactorOnlySessionLimits.maxPerNetwork,
    );
    for (const { user_id } of events) expect(user_id).not.toBeNull();
  });

  it("INC-30 at once, too", async () => {
    const { owner } = await enrolled(name);
    await Promise.all(Array.from({ length: 30 }, () => flood(owner, 1)));
    expect(await listSessionRows()).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
    expect(await listEvents("first_factor.accepted")).toHaveLength(
      firstFactorOnlySessionLimits.maxPerNetwork,
    );
  });

  it("INC-30 no flood pushes the owner's pending session out, nor does signing out of every one that is shared", async () => {
    const { owner, secret } = await enrolled(name);
    await owner.load(secondFactor);
    const tokens = await flood(clientLike(owner), 40);
    for (const token of tokens) {
      const client = clientLike(owner);
      client.cookies.set(pendingCookie, token);
      await client.post("/api/auth/sign-out", {});
    }
    await flood(clientLike(owner), 40);
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
  });

  it("INC-30 an owner signs in with a shared session after a flood", async () => {
    const { owner, secret } = await enrolled(name);
    await flood(owner, 40);
    await owner.load(secondFactor);
    expect(await listSessionRows()).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
    const full = await listSessionRows("full");
    expect(full).toMatchObject([{ kind: "full" }]);
    expect((await owner.load("/inbox")).status).toBe(200);
    expect(await listSessionRows("full")).toEqual(full);
  });

  it("INC-30 a thief that opened the session which the owner shares can't end it, however often it tries", async () => {
    const { owner, secret } = await enrolled(name);
    const thieves: Browser[] = [];
    const openOne = async () => {
      const thief = clientLike(owner);
      await thief.load(secondFactor);
      thieves.push(thief);
    };
    for (let i = 0; i < firstFactorOnlySessionLimits.maxPerNetwork; i++) await openOne();
    for (let round = 0; round < 3; round++) {
      const at = clientLike(owner);
      await at.load(secondFactor);
      for (const thief of thieves.splice(0)) await thief.post("/api/auth/sign-out", {});
      await openOne();
      expect(await typeCode(at, await code(secret))).toBe("/inside");
      advance(30);
    }
    const events = await listEvents();
    expect(events.filter(({ type }) => type === "second_factor.rejected")).toEqual([]);
  });

  it("INC-30 nor one that opened it in another network", async () => {
    const { owner, secret } = await enrolled(name);
    const thieves = networks(firstFactorOnlySessionLimits.maxPerAccount).map((network) =>
      clientLike(owner, network),
    );
    for (const thief of thieves) await thief.load(secondFactor);
    await owner.load(secondFactor);
    for (const thief of thieves) await thief.post("/api/auth/sign-out", {});
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
  });

  it("INC-30 signing out closes a pending session to the client that opened it, and to no client that shares it", async () => {
    const { owner, secret } = await enrolled(name);
    const clients = Array.from({ length: firstFactorOnlySessionLimits.maxPerNetwork }, () =>
      clientLike(owner),
    );
    for (const client of clients) await client.load(secondFactor);
    const tokens = clients.map(({ cookies }) => cookies.get(pendingCookie) ?? "");
    await owner.load(secondFactor);
    for (const client of clients) {
      await client.post("/api/auth/sign-out", {});
      expect(client.cookies.has(pendingCookie)).toBe(false);
    }
    expect(await listEvents("session.ended")).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
    for (const [i, client] of clients.entries()) {
      client.cookies.set(pendingCookie, tokens[i] ?? "");
      expect(await typeCode(client, await code(secret))).not.toBe("/inside");
    }
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
  });

  it("INC-30 a client that has signed out shares a session then, its own old one as well", async () => {
    const { owner, secret } = await enrolled(name);
    await flood(owner, firstFactorOnlySessionLimits.maxPerNetwork - 1);
    await owner.load(secondFactor);
    const token = owner.cookies.get(pendingCookie) ?? "";
    await owner.post("/api/auth/sign-out", {});
    // The cookie comes back, as from a page that was open in another window.
    owner.cookies.set(pendingCookie, token);
    await owner.load("/api/auth/sign-in");
    expect(owner.cookies.get(pendingCookie)).not.toBe(token);
    expect(await listSessionRows()).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
  });

  it("INC-30 wrong codes in a shared session block it for no longer than the account's cool-down", async () => {
    const { owner, secret } = await enrolled(name);
    await flood(owner, firstFactorOnlySessionLimits.maxPerNetwork);
    const thief = clientLike(owner);
    await thief.load(secondFactor);
    for (let i = 0; i < 5; i++) await typeCode(thief, await wrongCode(secret, i));
    advance(60);
    await owner.load(secondFactor);
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
  });

  it("INC-30 another network has sessions of its own", async () => {
    const { owner } = await enrolled(name);
    await flood(owner, 20);
    await flood(clientLike(owner, elsewhere), 20);
    expect(await listSessionRows()).toHaveLength(2 * firstFactorOnlySessionLimits.maxPerNetwork);
    expect(await listEvents("first_factor.accepted")).toHaveLength(
      2 * firstFactorOnlySessionLimits.maxPerNetwork,
    );
  });

  it("INC-30 a pending session is not shared with another network while the account is within its bound", async () => {
    const { owner, secret } = await enrolled(name);
    const thief = clientLike(owner, elsewhere);
    await flood(thief, firstFactorOnlySessionLimits.maxPerNetwork);
    await query("UPDATE sessions SET attempts = 5");
    await owner.load(secondFactor);
    await flood(thief, 1);
    expect(await listSessionRows()).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork + 2);
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
  });

  it("INC-30 an account opens a bounded number over all networks, and each client is served", async () => {
    const { owner, secret } = await enrolled(name);
    await owner.load(secondFactor);
    for (const network of networks(firstFactorOnlySessionLimits.maxPerAccount + 20)) {
      expect(await flood(clientLike(owner, network), 1)).toHaveLength(1);
    }
    expect(await listSessionRows()).toHaveLength(firstFactorOnlySessionLimits.maxPerAccount);
    expect(await listEvents("first_factor.accepted")).toHaveLength(
      firstFactorOnlySessionLimits.maxPerAccount,
    );
    // The owner's own is still there, and a client in a network without one shares one that works.
    const late = clientLike(owner, "192.0.2.200");
    await late.load(secondFactor);
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
    advance(30);
    expect(await typeCode(late, await code(secret))).toBe("/inside");
    expect(await listSessionRows("full")).toHaveLength(2);
  });

  it("INC-30 opening and ending in turn, each time from another network, leaves as few rows and events", async () => {
    const { owner } = await enrolled(name);
    for (const network of networks(firstFactorOnlySessionLimits.maxKeptRows + 20)) {
      const client = clientLike(owner, network);
      await client.load(secondFactor);
      await client.post("/api/auth/sign-out", {});
    }
    expect((await listSessionRows()).length).toBeLessThanOrEqual(
      firstFactorOnlySessionLimits.maxKeptRows + 1,
    );
    expect(await listEvents("first_factor.accepted")).toHaveLength(
      firstFactorOnlySessionLimits.maxPerAccount,
    );
    expect(await listEvents("session.ended")).toHaveLength(firstFactorOnlySessionLimits.maxPerAccount);
  });

  it("INC-30 a client that has one uses it on every page, and is given no other", async () => {
    const { owner } = await enrolled(name);
    await owner.load(secondFactor);
    const token = owner.cookies.get(pendingCookie);
    for (const path of ["/sign-in", "/second-factor", "/account", "/account/two-factor"]) {
      const response = await owner.load(`/api/auth${path}`);
      expect([path, response.headers.getSetCookie()]).toEqual([path, []]);
    }
    expect(owner.cookies.get(pendingCookie)).toBe(token);
    expect(await listSessionRows()).toHaveLength(1);
    expect(await listEvents("first_factor.accepted")).toHaveLength(1);
  });

  it("but not one that has had its attempts, is over soon, or is of another account", async () => {
    const { owner } = await enrolled(name);
    for (const change of [
      "UPDATE sessions SET attempts = 5",
      `UPDATE sessions SET expires_at = ${Date.now() + firstFactorOnlySessionLimits.minSeconds * 1000}`,
      "UPDATE sessions SET user_id = 'somebody else'",
    ]) {
      await query("DELETE FROM sessions");
      owner.cookies.delete(pendingCookie);
      await owner.load(secondFactor);
      const token = owner.cookies.get(pendingCookie);
      await query(change);
      await owner.load("/api/auth/sign-in");
      expect(owner.cookies.get(pendingCookie), change).not.toBe(token);
      expect(await listSessionRows(), change).toHaveLength(2);
    }
  });

  // The token of the test's provider is over by then.
  it.skipIf(name === "jwt")(
    "a session that is shared leaves time for a code: at least half of what a pending one has",
    async () => {
      const { owner, secret } = await enrolled(name);
      await flood(owner, firstFactorOnlySessionLimits.maxPerNetwork);
      for (const [seconds, rows] of [
        [firstFactorOnlySessionLimits.minSeconds - 1, firstFactorOnlySessionLimits.maxPerNetwork],
        [1, firstFactorOnlySessionLimits.maxPerNetwork + 1],
      ] as const) {
        advance(seconds);
        await flood(owner, 3);
        expect(await listSessionRows()).toHaveLength(rows);
      }
      expect(await listEvents("first_factor.accepted")).toHaveLength(
        firstFactorOnlySessionLimits.maxPerNetwork,
      );
      const late = clientLike(owner);
      await late.load(secondFactor);
      advance(firstFactorOnlySessionLimits.minSeconds);
      expect(await typeCode(late, await code(secret))).toBe("/inside");
    },
  );

  it.skipIf(name === "jwt")("in the next window events are written again", async () => {
    const { owner } = await enrolled(name);
    await flood(owner, 20);
    advance(firstFactorOnlySessionLimits.windowSeconds + 1);
    await flood(owner, 20);
    expect(await listEvents("first_factor.accepted")).toHaveLength(
      2 * firstFactorOnlySessionLimits.maxPerNetwork,
    );
  });

  it("INC-30 opening and ending in turn leaves as few rows and events", async () => {
    const { owner } = await enrolled(name);
    for (let i = 0; i < 80; i++) {
      const client = clientLike(owner);
      await client.load(secondFactor);
      await client.post("/api/auth/sign-out", {});
    }
    expect((await listSessionRows()).length).toBeLessThanOrEqual(
      firstFactorOnlySessionLimits.maxKeptRows + 1,
    );
    expect(await listEvents("first_factor.accepted")).toHaveLength(
      firstFactorOnlySessionLimits.maxPerNetwork,
    );
    expect(await listEvents("session.ended")).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
  });

  it("INC-30 opening full sessions and ending them, one or all others, leaves as few rows and events", async () => {
    const owner = clientLike(await showFirstFactor(name, site, { ENROLMENT: "optional" }));
    await owner.load(accountPage);
    const [own] = await listSessionRows("full");
    for (let i = 0; i < 40; i++) {
      await clientLike(owner).load(accountPage);
      const other = (await listSessionRows("full")).find(
        ({ id, expires_at }) => id !== own?.id && expires_at > Date.now(),
      );
      await owner.post("/api/auth/account/sessions/end", { id: String(other?.id) });
      await clientLike(owner).load(accountPage);
      await owner.post("/api/auth/account/sessions/end-others", {});
    }
    expect((await listSessionRows()).length).toBeLessThanOrEqual(
      firstFactorOnlySessionLimits.maxKeptRows + 1,
    );
    expect(await listEvents("first_factor.accepted")).toHaveLength(
      firstFactorOnlySessionLimits.maxPerNetwork,
    );
    for (const type of ["session.ended", "session.others_ended"]) {
      expect((await listEvents(type)).length).toBeGreaterThan(0);
      expect((await listEvents(type)).length).toBeLessThanOrEqual(firstFactorOnlySessionLimits.maxPerNetwork);
    }
  });

  it.each(["required", "optional"])(
    "INC-30 page loads of an account without a second factor leave few sessions and events, ENROLMENT=%s",
    async (ENROLMENT) => {
      const owner = clientLike(await showFirstFactor(name, site, { ENROLMENT }));
      for (let i = 0; i < 30; i++) {
        const response = await clientLike(owner).load("/inbox");
        expect(response.status).toBe(ENROLMENT === "optional" ? 200 : 303);
      }
      expect(await listSessionRows()).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
      expect(await listEvents("first_factor.accepted")).toHaveLength(
        firstFactorOnlySessionLimits.maxPerNetwork,
      );
      for (let i = 0; i < firstFactorOnlySessionLimits.maxKeptRows; i++)
        await clientLike(owner).load("/api/auth/account");
      expect((await listSessionRows()).length).toBeLessThanOrEqual(firstFactorOnlySessionLimits.maxKeptRows);
      expect(await listEvents("first_factor.accepted")).toHaveLength(
        firstFactorOnlySessionLimits.maxPerNetwork,
      );
      // Whoever comes then can still set a second factor up.
      const late = clientLike(owner);
      await late.enrol();
      expect((await late.load("/inbox")).status).toBe(200);
    },
  );
});

describe("the site's own login as the first factor", () => {
  it("INC-23 binds the full session to what the request with the code shows, not to what opened the pending one", async () => {
    const { owner, secret } = await enrolled("origin");
    await flood(owner, firstFactorOnlySessionLimits.maxPerNetwork);
    site.sessions.set("s9", "ada");
    await owner.load(secondFactor);
    owner.cookies.set("sid", "s9");
    expect(await typeCode(owner, await code(secret))).toBe("/inside");
    expect((await owner.load("/inbox")).status).toBe(200);
    owner.cookies.set("sid", "s1");
    expect(await owner.redirectOf("/inbox")).toContain(secondFactor);
  });

  it("INC-24 does not return the session to a request that names another account", async () => {
    const { owner, secret } = await enrolled("origin");
    await owner.load(secondFactor);
    site.sessions.set("s1", "grace");
    expect(await typeCode(owner, await code(secret))).not.toBe("/inside");
    expect(await listSessionRows("full")).toEqual([]);
  });
});

describe("a password as the first factor", () => {
  const login = (account: { username: string; password: string }, client = new Client()) =>
    client.login(account, { address: home });

  it("INC-30 opens a few pending sessions, and shares the newest with further clients", async () => {
    const account = await createReadyAccount("ada");
    const answers = [];
    for (let i = 0; i < firstFactorOnlySessionLimits.maxPerNetwork + 3; i++) {
      answers.push(await login(account));
      advance(10);
    }
    expect(await listSessionRows()).toHaveLength(firstFactorOnlySessionLimits.maxPerNetwork);
    expect(await listEvents("first_factor.accepted")).toHaveLength(
      firstFactorOnlySessionLimits.maxPerNetwork,
    );
    // What is said of its end is so.
    const left = answers.map(({ json }) => json.expires_in);
    expect(left).toEqual([300, 300, 300, 300, 300, 290, 280, 270]);
    const { session_token: shared } = answers.at(-1)?.json ?? {};
    expect((await verify(shared, await code(account.secret))).status).toBe(200);
  });

  it("SE-01 SE-06 a shared token opens nothing but the second-factor step, and does not end what another client opened", async () => {
    const account = await createReadyAccount("ada");
    const own: string[] = [];
    for (let i = 0; i < firstFactorOnlySessionLimits.maxPerNetwork; i++)
      own.push(await pendingToken(account));
    const shared = await pendingToken(account);
    expect((await new Client().call("/session", { token: shared })).status).toBe(401);
    expect((await new Client().post("/logout", {}, { token: shared })).status).toBe(200);
    expect((await verify(own.at(-1) ?? "", await code(account.secret))).status).toBe(200);
    expect((await verify(shared, await code(account.secret))).json.code).toBe("session_expired");
  });

  it("INC-30 the client that opened a session which is shared does not end it, either", async () => {
    const account = await createReadyAccount("ada");
    const own: string[] = [];
    for (let i = 0; i < firstFactorOnlySessionLimits.maxPerNetwork; i++)
      own.push(await pendingToken(account));
    const shared = await pendingToken(account);
    for (const token of own)
      expect((await new Client().post("/logout", {}, { token })).json.status).toBe("success");
    expect((await verify(own[0] ?? "", await code(account.secret))).json.code).toBe("session_expired");
    expect((await verify(shared, await code(account.secret))).status).toBe(200);
  });

  it("TH-04 sharing gives no attempts beyond the session's", async () => {
    const account = await createReadyAccount("ada");
    for (let i = 0; i < firstFactorOnlySessionLimits.maxPerNetwork; i++) await pendingToken(account);
    const shared = [await pendingToken(account), await pendingToken(account)];
    await query("UPDATE sessions SET attempts = 4");
    expect((await verify(shared[0] ?? "", await wrongCode(account.secret))).status).toBe(401);
    const answer = await verify(shared[1] ?? "", await code(account.secret));
    expect(answer).toMatchObject({ status: 429, json: { start_over: true } });
    // A new sign-in is to be had at once.
    expect((await verify(await pendingToken(account), await code(account.secret))).status).toBe(200);
  });

  it("INC-30 an account without a second factor keeps so many sessions over all networks, and the newest work", async () => {
    const account = await createReadyAccount("ada");
    await query("UPDATE users SET totp_enabled = 0");
    await query(
      `INSERT INTO sessions (id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at, network)
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       SELECT 'old-' || i, 'full', ?, 0, '["pwd"]', ?1, ?1, ?1, ?, '192.0.2.' || i FROM n`.replaceAll(
        "?1",
        "0",
      ),
      firstFactorOnlySessionLimits.maxKeptRows,
      account.id,
      Date.now() + 3_600_000,
    );
    const answer = await new Client().login(account);
    expect((await new Client().call("/session", { token: answer.json.session_token })).status).toBe(200);
    const rows = await listSessionRows();
    expect(rows).toHaveLength(firstFactorOnlySessionLimits.maxKeptRows);
    expect(rows.map(({ id }) => id)).not.toContain("old-1");
  });
});
