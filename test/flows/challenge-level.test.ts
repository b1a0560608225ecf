import { beforeEach, describe, expect, it } from "vitest";
import {
  type PendingSessionClaims,
  signPendingSessionToken,
  verifyPendingSessionToken,
} from "../../src/core/tokens/session-token.ts";
import { createReadyAccount, fullToken, verify } from "../support/accounts.ts";
import { type Backend, createKey, createRealm, operator } from "../support/backend.ts";
import { Browser } from "../support/browser.ts";
import {
  askForCode,
  askForSetup,
  challengeCookieName,
  createChallenge,
  endedHeading,
  shopUrls,
  statusOf,
  submitCode,
  visitChallenge,
} from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import {
  browserHeaders,
  deviceCookieName,
  parseSetCookies,
  pendingCookieName,
  sessionCookieName,
} from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, pageLoad, visit, workersKeyring } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { listRoutes, type Route } from "../support/routes.ts";
import { dumpDatabase, listEvents, listSessionRows } from "../support/rows.ts";
import { base, Client, code, environment, pendingToken } from "../support/worker.ts";

let shop: Backend;
useFreshWorker();
beforeEach(async () => {
  collectLogLines();
  shop = await createRealm("shop", { return_urls: shopUrls });
});

/** Every way in which a token can be shown. */
const carriers: Record<string, (token: string) => Record<string, string>> = {
  "a bearer token": (token) => ({ Authorization: `Bearer ${token}` }),
  "a bearer token without its prefix": (token) => ({
    Authorization: `Bearer ${token.replace("pending_", "")}`,
  }),
  "the cookie of a full session": (token) => browserHeaders({ [sessionCookieName]: token }),
  "the cookie of a sign-in": (token) => browserHeaders({ [pendingCookieName]: token }),
  "the cookie of a challenge": (token) => browserHeaders({ [challengeCookieName]: token }),
  "every cookie": (token) =>
    browserHeaders({
      [sessionCookieName]: token,
      [pendingCookieName]: token,
      [challengeCookieName]: token,
    }),
};

const pages = /^\/(sign-in|sign-out|second-factor|account|challenge)/;

/** A request to a route with everything in it that could open it. */
async function knock(route: Route, headers: Record<string, string>, token: string, text: string) {
  const path = route.path.slice(base.length);
  const fields: Record<string, string> = path === "/totp/verify" ? { session_token: token } : {};
  if (/two-factor$/.test(path)) fields.step = "start";
  if (/code|verify|step-up|totp|second-factor|disable/.test(path)) fields.code = text;
  const isPage = pages.test(path);
  const answer = await new Client().call(path, {
    method: route.method,
    headers: {
      "X-Forwarded-Method": "GET",
      "X-Forwarded-Uri": "/inbox",
      ...headers,
      ...(isPage ? { "Content-Type": "application/x-www-form-urlencoded" } : {}),
    },
    ...(route.method === "GET" ? {} : { body: isPage ? String(new URLSearchParams(fields)) : fields }),
  });
  const given = parseSetCookies(answer).filter(({ value }) => value !== "");
  return { status: answer.status, location: answer.headers.get("Location"), code: answer.json?.code, given };
}

describe("the session of a hosted challenge", () => {
  it.each(Object.entries(carriers))(
    "SE-01 INC-11 opens on every route no more than without it, as %s",
    async (_, carry) => {
      const { user, browser } = await askForCode(shop);
      const token = browser.cookies[challengeCookieName] ?? "";
      const text = await code(user.secret);
      const before = await dumpDatabase();
      const routes = listRoutes();
      expect(routes.length).toBeGreaterThan(40);
      for (const route of routes) {
        const nobody = await knock(route, carry("nobody"), "pending_nobody", text);
        const answer = await knock(route, carry(token), token, text);
        const what = `${route.method} ${route.path}`;
        expect({ what, ...answer }).toEqual({ what, ...nobody });
        expect(answer.given, what).toEqual([]);
      }
      // Nothing has happened, and it was good all the time.
      expect(await dumpDatabase()).toEqual(before);
      expect((await submitCode(browser, text)).heading).toBe("Confirmed");
      expect(await listSessionRows()).toEqual([]);
    },
  );

  it.each(Object.entries(carriers))("SE-01 INC-11 does not pass the gate as %s", async (_, carry) => {
    const { browser } = await askForCode(shop);
    const headers = carry(browser.cookies[challengeCookieName] ?? "");
    const origin = mockOrigin();
    for (const level of ["first_factor", "second_factor"] as const) {
      for (const enrolment of ["required", "optional"]) {
        const bindings = gated([{ path: "/*", require: level }], { ENROLMENT: enrolment });
        for (const method of ["GET", "POST"])
          expect((await visit(bindings, "/private", { method, headers })).status).toBe(401);
        const page = await visit(bindings, "/private", { headers: { ...pageLoad, ...headers } });
        expect([page.status, page.headers.get("Location")]).toEqual([303, `${base}/sign-in?rd=%2Fprivate`]);
      }
    }
    expect(origin.requests).toEqual([]);
    await visit(gated([{ path: "/*", require: "none" }]), "/public", { headers });
    const seen = origin.only().headers;
    expect(seen.has("Remote-User")).toBe(false);
    // Its cookie is the Worker's own: the origin does not get to see it.
    expect(seen.get("Cookie") ?? "").not.toContain("sallyport");
  });

  it.each(["a code", "the wizard"])("SE-01 is no full session after %s either", async (way) => {
    const { browser, secret } =
      way === "a code"
        ? await askForCode(shop).then(({ user, ...rest }) => ({ ...rest, secret: user.secret }))
        : { ...(await askForSetup(shop)), secret: "" };
    const token = browser.cookies[challengeCookieName] ?? "";
    if (way === "a code") await submitCode(browser, await code(secret));
    else {
      const scan = await browser.submit("/account/two-factor", { step: "start" });
      const key = /data-copy="([A-Z2-7]{32})"/.exec(scan.html)?.[1] ?? "";
      const done = await browser.submit("/account/two-factor", { step: "confirm", code: await code(key) });
      expect(done.heading).toBe("Save your backup codes");
    }
    const tokens = [token, browser.cookies[challengeCookieName] ?? token];
    for (const each of tokens) {
      expect((await new Client().call("/session", { token: each })).status).toBe(401);
      expect((await verify(each, "000000")).json.code).toBe("session_expired");
    }
    expect(await listSessionRows("full")).toEqual([]);
    for (const { headers } of browser.exchanges)
      for (const { name } of parseSetCookies({ headers })) expect(name).toBe(challengeCookieName);
  });

  it("is not what its token says, if the token says that it is a sign-in's", async () => {
    const { user, browser } = await askForCode(shop);
    const claims = await claimsOf(browser.cookies[challengeCookieName] ?? "");
    const { challenge: _challenge, ...rest } = claims;
    const forged = await signPendingSessionToken(workersKeyring(), rest, new Date());
    const text = await code(user.secret);
    expect(await verify(forged, text)).toMatchObject({ status: 401, json: { code: "session_expired" } });
    const other = new Browser(environment());
    other.adopt({ [pendingCookieName]: forged });
    await other.post("/second-factor", { code: text });
    expect(other.page.heading).toBe("Sign in");
    expect(await listSessionRows()).toMatchObject([{ kind: "pending", attempts: 0 }]);
    expect((await submitCode(browser, text)).heading).toBe("Confirmed");
  });

  it("belongs to its own challenge, whatever a token says", async () => {
    const { user, challenge, browser } = await askForCode(shop);
    const other = await createChallenge(shop, "42");
    await visitChallenge(other);
    const claims = await claimsOf(browser.cookies[challengeCookieName] ?? "");
    if (claims.challenge === undefined) throw new Error("No challenge");
    const swapped = { ...claims, challenge: { ...claims.challenge, id: other.id } };
    const thief = new Browser(environment());
    thief.adopt({
      [challengeCookieName]: await signPendingSessionToken(workersKeyring(), swapped, new Date()),
    });
    for (const fields of [{ code: await code(user.secret) }, { code: user.backupCodes[0] ?? "" }]) {
      const page = await thief.post("/second-factor", { ...fields, challenge: other.id });
      expect([page.status, page.heading]).toEqual([410, endedHeading]);
    }
    for (const each of [challenge, other]) expect((await statusOf(shop, each)).status).toBe("opened");
    expect(await listEvents("challenge.completed")).toEqual([]);
  });
});

describe("a sign-in", () => {
  it.each(["pending", "full"])("completes no challenge with the token of a %s session", async (kind) => {
    const local = await createKey(operator(), "local", { return_urls: shopUrls });
    const account = await createReadyAccount();
    const { id } = await createChallenge(local, account.id);
    const token = kind === "full" ? await fullToken(account) : await pendingToken(account);
    const text = await code(account.secret);
    const browser = new Browser(environment());
    for (const name of [challengeCookieName, pendingCookieName, sessionCookieName]) {
      browser.adopt({ [name]: token });
      for (const fields of [{ code: text }, { step: "start" }, { step: "confirm", code: text }]) {
        const path = "step" in fields ? "/account/two-factor" : "/second-factor";
        const page = await browser.post(path, { ...fields, challenge: id } as Record<string, string>);
        expect([page.status, page.heading]).toEqual([410, endedHeading]);
      }
      for (const path of ["/second-factor", "/account/two-factor", "/challenge/done"])
        expect((await browser.open(`${base}${path}?challenge=${id}`)).status).toBe(410);
    }
  });

  it("completes no challenge with its session, whatever a token says", async () => {
    const local = await createKey(operator(), "local", { return_urls: shopUrls });
    const account = await createReadyAccount();
    const challenge = await createChallenge(local, account.id);
    const opener = await visitChallenge(challenge);
    const { challenge: claims } = await claimsOf(opener.cookies[challengeCookieName] ?? "");
    const pending = await claimsOf(await pendingToken(account));
    if (claims === undefined) throw new Error("No challenge");
    const browser = new Browser(environment());
    const forged = { ...pending, challenge: claims };
    browser.adopt({
      [challengeCookieName]: await signPendingSessionToken(workersKeyring(), forged, new Date()),
    });
    const fields = { code: await code(account.secret), challenge: challenge.id };
    expect((await browser.post("/second-factor", fields)).status).toBe(410);
    expect((await statusOf(local, challenge)).status).toBe("opened");
  });

  it("goes on undisturbed while a challenge is opened and completed in the same browser", async () => {
    const local = await createKey(operator(), "local", { return_urls: shopUrls });
    const account = await createReadyAccount();
    const browser = new Browser(environment());
    await browser.open(`${base}/sign-in`);
    await browser.signIn(account);
    const pending = browser.cookies[pendingCookieName];
    await visitChallenge(await createChallenge(local, account.id), environment(), browser);
    expect((await submitCode(browser, await code(account.secret))).heading).toBe("Confirmed");
    expect(browser.cookies).toEqual({ [pendingCookieName]: pending });
    advance(30);
    await browser.open(`${base}/second-factor`);
    expect((await submitCode(browser, await code(account.secret))).heading).toBe("Your account");
    const { [sessionCookieName]: session, [deviceCookieName]: device } = browser.cookies;

    await visitChallenge(await createChallenge(local, account.id), environment(), browser);
    advance(30);
    expect((await submitCode(browser, await code(account.secret))).heading).toBe("Confirmed");
    expect(browser.cookies).toEqual({ [sessionCookieName]: session, [deviceCookieName]: device });
    expect((await new Client().call("/session", { token: session ?? "" })).status).toBe(200);
  });
});

async function claimsOf(token: string): Promise<PendingSessionClaims> {
  const claims = await verifyPendingSessionToken(workersKeyring(), token, new Date());
  if (claims === null) throw new Error("This is no token of a pending session");
  return claims;
}
