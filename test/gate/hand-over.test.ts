import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { ask, asked } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  Browser,
  countCosts,
  nothing,
  openSite,
  originVariables,
  type Site,
  secretIn,
} from "../support/origin-site.ts";
import { query } from "../support/rows.ts";
import { code, environment, host, send } from "../support/worker.ts";

// A site that keeps its token in the browser's storage: only requests of its scripts have `Authorization`.

const cookieName = "__Host-sallyport-handover";
let site: Site;
/** The account of each token of the site. */
let tokens: Map<string, string>;
useFreshWorker();
beforeEach(() => {
  site = openSite();
  tokens = new Map([
    ["T1", "ada"],
    ["T2", "ada"],
    ["G1", "grace"],
  ]);
  const byCookie = site.whoAmI;
  site.whoAmI = (request) => {
    const token = request.headers.get("Authorization")?.replace("Bearer ", "");
    if (token === undefined) return byCookie(request);
    const name = tokens.get(token);
    return name === undefined ? new Response(null, { status: 401 }) : Response.json({ user: { name } });
  };
});

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const callWith = (browser: Browser, token: string, path = "/data") =>
  browser.script(path, { headers: bearer(token) });
const handOver = (browser: Browser, headers: Record<string, string> = bearer("T1")) =>
  browser.script("/api/auth/hand-over", { method: "POST", headers });
const codeOf = async (response: Response) => ((await response.json()) as { code?: string }).code;

/** Does what the script of the site does, and enrols with the pages, which get no token. */
async function enrolByPages(browser: Browser, token = "T1"): Promise<string> {
  expect((await handOver(browser, bearer(token))).status).toBe(200);
  return browser.enrol();
}

async function submitCode(browser: Browser, secret: string): Promise<Response> {
  const done = await browser.post("/api/auth/second-factor", { code: await code(secret), rd: "/app#tab" });
  advance(30);
  return done;
}

describe("a script with a token that page loads do not send", () => {
  it("hands the first factor over, and its token passes after the visitor's set-up on the pages", async () => {
    const browser = new Browser();
    const refused = await callWith(browser, "T1");
    expect([refused.status, await refused.json()]).toEqual([
      401,
      expect.objectContaining({
        sign_in: "/api/auth/account/two-factor?rd=%2Fdata",
        hand_over: "/api/auth/hand-over",
      }),
    ]);
    const handed = await handOver(browser);
    expect([handed.status, await handed.json()]).toEqual([
      200,
      { status: "success", data: { expires_in: 600 } },
    ]);
    expect(handed.headers.getSetCookie().join()).toMatch(
      new RegExp(`^${cookieName}=[^;]+; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax$`),
    );
    await browser.enrol();
    expect(browser.cookies.has(cookieName)).toBe(false);
    expect((await callWith(browser, "T1")).status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    expect(site.lastPage.headers.get("Cookie")).toBeNull();
  });

  it("passes after the visitor's code, and comes back to the fragment of the page", async () => {
    const secret = await enrolByPages(new Browser());
    const browser = new Browser();
    expect(await codeOf(await callWith(browser, "T1"))).toBe("second_factor_required");
    await handOver(browser);
    expect((await browser.load("/api/auth/second-factor?rd=%2Fapp%23tab")).status).toBe(200);
    const done = await submitCode(browser, secret);
    expect([done.status, done.headers.get("Location")]).toEqual([303, "/app#tab"]);
    expect((await callWith(browser, "T1")).status).toBe(200);
    expect(browser.cookies.has(cookieName)).toBe(false);
  });

  it("hands over for a step-up, too", async () => {
    const POLICY = JSON.stringify([{ path: "/*", require: "second_factor", max_age: 60 }]);
    const browser = new Browser({ POLICY });
    const secret = await enrolByPages(browser);
    advance(120);
    const refused = await callWith(browser, "T1");
    expect(await refused.json()).toMatchObject({
      code: "step_up_required",
      hand_over: "/api/auth/hand-over",
    });
    await handOver(browser);
    expect((await submitCode(browser, secret)).status).toBe(303);
    expect((await callWith(browser, "T1")).status).toBe(200);
  });

  it("is told about the call only when it sends more than a page load does", async () => {
    site.sessions.set("S", "ada");
    const refused = (await (await Browser.signedIn("S").script("/data")).json()) as object;
    expect([Object.keys(refused).includes("sign_in"), Object.keys(refused).includes("hand_over")]).toEqual([
      true,
      false,
    ]);
  });

  it("INC-30 costs one question to the site, and no trip to the store", async () => {
    const { bindings, costOf } = countCosts(site);
    const browser = new Browser(bindings);
    for (let i = 0; i < 3; i++)
      expect(await costOf(() => handOver(browser))).toEqual({ ...nothing, probes: 1 });
    expect(await query("SELECT id FROM users UNION ALL SELECT id FROM sessions")).toEqual([]);
  });

  it("works beside cookies of the site, when the page load shows the same ones", async () => {
    site.sessions.set("S", "ada");
    const browser = Browser.signedIn("S");
    const secret = await enrolByPages(browser);
    expect((await callWith(browser, "T1")).status).toBe(200);
    const other = Browser.signedIn("S");
    await handOver(other);
    await other.load("/api/auth/second-factor");
    await submitCode(other, secret);
    expect((await callWith(other, "T1")).status).toBe(200);
    // With the cookie alone the request has other credentials.
    expect((await other.script("/data")).status).toBe(401);
  });
});

describe("a first factor that was handed over", () => {
  it("INC-40 INC-23 opens a session for the credentials of that request alone", async () => {
    const browser = new Browser();
    await enrolByPages(browser);
    expect((await callWith(browser, "T1")).status).toBe(200);
    for (const token of ["T2", "G1"])
      expect([token, (await callWith(browser, token)).status]).toEqual([token, 401]);
    // Without a token the visitor is anonymous to the site, as before.
    expect((await browser.load("/inbox")).status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    browser.cookies.set("sid", "S");
    site.sessions.set("S", "grace");
    expect((await browser.script("/inbox")).status).toBe(401);
  });

  it("INC-40 names no account to the site, at the gate or at a proxy", async () => {
    const browser = new Browser({ POLICY: '[{"path":"/*","require":"first_factor"}]' });
    await handOver(browser);
    expect((await browser.script("/inbox")).status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    expect(site.lastPage.headers.get("Cookie")).toBeNull();
    const strict = new Browser({ ORIGIN_LOGIN: "/login" });
    await handOver(strict);
    expect((await strict.script("/inbox")).status).toBe(401);
    const token = browser.cookies.get(cookieName) ?? "";
    for (const endpoint of ["/forward-auth", "/auth-request"] as const) {
      const bindings = asked([], { ...originVariables, ORIGIN_URL: "", WHOAMI_URL: "http://origin.test/me" });
      const response = await ask(bindings, endpoint, { headers: { Cookie: `${cookieName}=${token}` } });
      expect([response.status, response.headers.get("Remote-User")]).toEqual([200, ""]);
    }
  });

  it("INC-40 is no session and no pending session, and neither of those is one", async () => {
    const browser = new Browser();
    const secret = await enrolByPages(new Browser());
    await handOver(browser);
    await browser.load("/api/auth/second-factor");
    const handed = browser.cookies.get(cookieName) ?? "";
    const pending = browser.cookies.get("__Host-sallyport-pending") ?? "";
    await submitCode(browser, secret);
    const full = browser.cookies.get("__Host-sallyport") ?? "";
    expect(new Set([handed, pending, full, ""]).size).toBe(4);
    for (const name of ["__Host-sallyport", "__Host-sallyport-pending"]) {
      const thief = new Browser();
      thief.cookies.set(name, handed);
      expect((await callWith(thief, "T1")).status).toBe(401);
      expect((await thief.load("/api/auth/second-factor")).status).toBe(303);
    }
    for (const token of [
      full,
      pending,
      pending.replace("pending_", ""),
      "",
      "x",
      `${handed}x`,
      handed.slice(1),
    ]) {
      const thief = new Browser();
      thief.cookies.set(cookieName, token);
      const page = await thief.load("/api/auth/second-factor");
      expect(page.headers.get("Location")).toBe("/api/auth/sign-in");
    }
  });

  it("INC-40 gives a thief of its cookie a form for the code, and with a right code no access without the token", async () => {
    const secret = await enrolByPages(new Browser());
    const browser = new Browser();
    await handOver(browser);
    const thief = browser.steal(cookieName);
    expect((await thief.load("/api/auth/account")).status).toBe(303);
    expect((await thief.load("/api/auth/second-factor")).status).toBe(200);
    await submitCode(thief, secret);
    expect((await thief.script("/data")).status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    expect((await callWith(thief, "G1")).status).toBe(401);
    // The victim's browser has got nothing of it.
    expect((await callWith(browser, "T1")).status).toBe(401);
  });

  it("INC-40 is not what a request without credentials, or with refused ones, can take or prolong", async () => {
    const browser = new Browser();
    await handOver(browser);
    const token = browser.cookies.get(cookieName);
    advance(300);
    for (const headers of [{}, bearer("wrong")]) {
      const refused = await handOver(browser, headers as Record<string, string>);
      expect([refused.status, await codeOf(refused)]).toEqual([401, "unauthenticated"]);
    }
    expect(browser.cookies.get(cookieName)).toBe(token);
    site.sessions.set("S", "grace");
    const mixed = await handOver(Browser.signedIn("S"));
    expect([mixed.status, await codeOf(mixed)]).toEqual([401, "ambiguous_credentials"]);
  });

  it("WB-01 INC-40 can't be taken by a page of another site", async () => {
    for (const headers of [{ "Sec-Fetch-Site": "cross-site" }, { "Sec-Fetch-Site": "same-site" }]) {
      const browser = new Browser();
      const refused = await handOver(browser, { ...bearer("T1"), ...headers });
      expect([refused.status, browser.cookies.size]).toEqual([403, 0]);
    }
    const origin = { ...bearer("T1"), Origin: "https://evil.example" };
    const request = new Request(`${host}/api/auth/hand-over`, { method: "POST", headers: origin });
    expect((await send(request, environment(originVariables))).status).toBe(403);
  });

  it("ends after ten minutes", async () => {
    const secret = await enrolByPages(new Browser());
    const browser = new Browser();
    await handOver(browser);
    advance(599);
    expect((await browser.load("/api/auth/second-factor")).status).toBe(200);
    advance(2);
    expect((await browser.load("/api/auth/second-factor")).status).toBe(303);
    expect((await submitCode(browser, secret)).headers.get("Location")).not.toBe("/app#tab");
  });

  it("INC-40 does not count for another account, or for other cookies than the script has sent", async () => {
    site.sessions.set("S", "ada");
    site.sessions.set("N", "ada");
    const browser = Browser.signedIn("S");
    await handOver(browser);
    await enrolByPages(new Browser());
    const ways: [string, () => void][] = [
      ["another session of the account", () => browser.cookies.set("sid", "N")],
      ["no session", () => browser.cookies.delete("sid")],
      ["another account", () => browser.cookies.set("sid", "S") && site.sessions.set("S", "grace")],
      ["a session that has ended under the same cookie", () => site.sessions.delete("S")],
    ];
    const bound: string[] = [];
    for (const [what, change] of ways) {
      change();
      browser.cookies.delete("__Host-sallyport-pending");
      const page = await browser.load("/api/auth/second-factor");
      bound.push(`${what}: ${page.status} ${page.headers.get("Location") ?? ""}`.trim());
    }
    expect(bound).toEqual([
      // By its own cookie the request is ada's, and a session would be bound to this cookie alone.
      "another session of the account: 200",
      "no session: 303 /api/auth/sign-in",
      "another account: 303 /api/auth/account/two-factor",
      "a session that has ended under the same cookie: 303 /api/auth/sign-in",
    ]);
  });

  it("INC-40 does not open the site when the token names another account by then, however fresh the session is", async () => {
    const secret = await enrolByPages(new Browser());
    const browser = new Browser({ SESSION_RECHECK: "60" });
    await handOver(browser);
    await browser.load("/api/auth/second-factor");
    tokens.set("T1", "grace");
    expect((await submitCode(browser, secret)).status).toBe(303);
    const reached = site.pages.length;
    expect((await callWith(browser, "T1")).status).toBe(401);
    expect(site.pages).toHaveLength(reached);
  });

  it("ends with sign-out", async () => {
    const browser = new Browser();
    await enrolByPages(browser);
    await handOver(browser);
    expect((await browser.load("/api/auth/account")).status).toBe(200);
    await browser.post("/api/auth/sign-out", {});
    expect(browser.cookies.has(cookieName)).toBe(false);
    expect((await browser.load("/api/auth/account")).status).toBe(303);
  });

  it("ends with a code and with a sign-out at the API, too", async () => {
    const secret = await enrolByPages(new Browser());
    const browser = new Browser();
    const call = async (path: string, body: object) =>
      browser.script(`/api/auth${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
    await handOver(browser);
    await browser.load("/api/auth/second-factor");
    expect((await call("/totp/verify", { code: await code(secret) })).status).toBe(200);
    expect(browser.cookies.has(cookieName)).toBe(false);
    const other = new Browser();
    await handOver(other);
    const signedOut = await other.script("/api/auth/logout", { method: "POST" });
    expect([signedOut.status, other.cookies.has(cookieName)]).toEqual([401, false]);
  });

  it("is nothing where passwords of Sallyport are the first factor", async () => {
    const response = await send(
      new Request(`${host}/api/auth/hand-over`, { method: "POST", headers: bearer("T1") }),
      environment({}),
    );
    expect(response.status).toBe(404);
  });
});

describe("the set-up page", () => {
  it("shows the secret of the account that was handed over", async () => {
    const browser = new Browser();
    await handOver(browser, bearer("G1"));
    await browser.load("/api/auth/account/two-factor");
    const page = await (
      await browser.post("/api/auth/account/two-factor", { step: "start", rd: "/" })
    ).text();
    expect([secretIn(page)?.length, page.includes("grace")]).toEqual([32, true]);
  });
});
