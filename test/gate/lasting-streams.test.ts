import { beforeEach, describe, expect, it, vi } from "vitest";
import { firstFactors, showFirstFactor } from "../support/first-factors.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, countCosts, nothing, openSite, type Site } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";
import { holdTime, passTime } from "../support/sockets.ts";
import { cut, failureOf, openStream, type SiteStream, takeStreams } from "../support/streams.ts";

let site: Site;
/** The site's ends of all its streams. */
let streams: SiteStream[];

useFreshWorker();
beforeEach(() => {
  site = openSite();
  streams = takeStreams(site);
});

/** A browser with a session of both factors. */
async function inside(name: (typeof firstFactors)[number] = "password", overrides = {}): Promise<Browser> {
  const browser = await showFirstFactor(name, site, { ORIGIN_URL: "http://origin.test", ...overrides });
  await browser.enrol();
  await browser.load("/inside");
  holdTime();
  return browser;
}

/** Opens a stream, and checks that a piece comes through. */
async function open(browser: Browser, init: RequestInit = {}) {
  const stream = await openStream(browser, init);
  expect(stream.response.status).toBe(200);
  const [own] = streams.slice(-1);
  if (own === undefined) throw new Error("The request has not reached the site");
  await pass(stream, own);
  return { ...stream, own };
}

async function pass({ read }: { read: () => Promise<string | null> }, own: SiteStream): Promise<void> {
  const [received] = await Promise.all([read(), own.send("data: x\n\n")]);
  expect(received).toBe("data: x\n\n");
}

describe.each(firstFactors)("a response that lasts, with the first factor %s", (name) => {
  it.each(["0", "5", "60"])(
    "INC-38 is cut within SESSION_RECHECK (%s) of the end of its session",
    async (SESSION_RECHECK) => {
      const stream = await open(await inside(name, { SESSION_RECHECK }));
      await query("DELETE FROM sessions");
      await pass(stream, stream.own);
      const next = failureOf(stream.read());
      await passTime(Math.max(Number(SESSION_RECHECK), 5));
      expect(await next).toBe(cut);
      await expect(stream.own.send("more")).rejects.toThrow();
    },
  );

  it("INC-38 is cut when the account is disabled", async () => {
    const stream = await open(await inside(name));
    await query("UPDATE users SET disabled_at = 1");
    const next = failureOf(stream.read());
    await passTime(60);
    expect(await next).toBe(cut);
  });

  it("INC-20 is cut when the store can't tell", async () => {
    const stream = await open(await inside(name));
    await query("ALTER TABLE sessions RENAME TO sessions_away");
    const next = failureOf(stream.read());
    await passTime(60);
    expect(await next).toBe(cut);
  });

  it("goes on while its session lives, for one trip to D1 in each interval", async () => {
    const { bindings, costOf } = countCosts(site);
    const stream = await open(await inside(name, bindings));
    for (let round = 0; round < 3; round++) {
      await pass(stream, stream.own);
      const { reads, batches } = await costOf(() => passTime(60));
      expect(reads + batches).toBe(1);
    }
    await pass(stream, stream.own);
    await stream.own.end();
    expect(await stream.read()).toBeNull();
  });
});

describe("a response that lasts", () => {
  it("INC-38 is cut after a sign-out, and the next request leads to the sign-in", async () => {
    const browser = await inside();
    const stream = await open(browser);
    await browser.post("/api/auth/sign-out", {});
    const next = failureOf(stream.read());
    await passTime(60);
    expect(await next).toBe(cut);
    expect(await browser.redirectOf("/inside")).toMatch(/^\/api\/auth\/sign-in/);
  });

  it("INC-38 is cut for a bearer of the session, too", async () => {
    const browser = await inside();
    const token = browser.cookies.get("__Host-sallyport");
    const program = new Browser(browser.bindings as unknown as Record<string, unknown>);
    const stream = await open(program, { headers: { Authorization: `Bearer ${token}` } });
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    await query("DELETE FROM sessions");
    const next = failureOf(stream.read());
    await passTime(60);
    expect(await next).toBe(cut);
  });

  it("INC-38 is cut when another account signs in at the site under the same cookie", async () => {
    const stream = await open(await inside("origin"));
    site.sessions.set("s1", "grace");
    const next = failureOf(stream.read());
    await passTime(60);
    expect(await next).toBe(cut);
  });

  it.each(["a rule of the first factor", "ENROLMENT=optional"])(
    "INC-38 is cut when the account that opened it by %s, without a session, is disabled",
    async (ground) => {
      const overrides =
        ground === "ENROLMENT=optional"
          ? { ENROLMENT: "optional" }
          : { POLICY: '[{"path":"/live","require":"first_factor"}]' };
      const browser = await showFirstFactor("origin", site, overrides);
      holdTime();
      const stream = await open(browser);
      expect(await query("SELECT id FROM sessions")).toEqual([]);
      await query("UPDATE users SET disabled_at = 1");
      const next = failureOf(stream.read());
      await passTime(60);
      expect(await next).toBe(cut);
    },
  );

  it("INC-38 is cut where the path requires nothing, and the site was told of the account", async () => {
    const stream = await open(await inside("password", { POLICY: '[{"path":"/live","require":"none"}]' }));
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    await query("DELETE FROM sessions");
    const next = failureOf(stream.read());
    await passTime(60);
    expect(await next).toBe(cut);
  });

  it("is never checked for an anonymous visitor where the path requires nothing", async () => {
    const { bindings, costOf } = countCosts(site);
    const POLICY = '[{"path":"/live","require":"none"}]';
    const browser = new Browser({ FIRST_FACTOR: "password", POLICY, ...bindings });
    holdTime();
    const stream = await open(browser);
    expect(await costOf(() => passTime(600))).toEqual(nothing);
    await pass(stream, stream.own);
  });

  it("INC-38 is cut for an anonymous visitor who signs in at the site: it would go around the second factor", async () => {
    const browser = Browser.signedIn("s1");
    holdTime();
    const stream = await open(browser);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    await passTime(60);
    await pass(stream, stream.own);
    site.sessions.set("s1", "ada");
    const next = failureOf(stream.read());
    await passTime(60);
    expect(await next).toBe(cut);
  });

  it("goes on when the second factor gets older than max_age, which counts when it is opened", async () => {
    const POLICY = '[{"path":"/live","require":"second_factor","max_age":60}]';
    const stream = await open(await inside("password", { POLICY }));
    await passTime(60);
    await pass(stream, stream.own);
    await passTime(60);
    await pass(stream, stream.own);
  });

  it("is checked no more when it has ended, when its reader has left, and when it had no body", async () => {
    const { bindings, costOf } = countCosts(site);
    const browser = await inside("password", bindings);
    const ended = await open(browser);
    await ended.own.end();
    expect(await ended.read()).toBeNull();
    const left = await browser.script("/live");
    await left.body?.cancel();
    site.answer = () => new Response(null, { status: 204 });
    expect((await browser.script("/nothing")).status).toBe(204);
    // The relay learns from the next piece that its reader has left.
    await streams
      .at(-1)
      ?.send("x")
      .catch(() => {});
    // No fake time passes here.
    while (vi.getTimerCount() > 0) await scheduler.wait(10);
    expect(await costOf(() => passTime(600))).toEqual(nothing);
  });

  it("keeps its headers, its status and its length", async () => {
    const browser = await inside();
    const body = "0123456789";
    const headers = { "Content-Length": "10", ETag: '"v1"', "Content-Encoding": "br", "X-Own": "é" };
    site.answer = () => new Response(body, { status: 203, statusText: "Odd", headers, encodeBody: "manual" });
    const { response, read } = await openStream(browser);
    expect([response.status, response.statusText]).toEqual([203, "Odd"]);
    expect(Object.fromEntries(response.headers)).toMatchObject({ "content-length": "10", etag: '"v1"' });
    expect(await read()).toBe(body);
  });
});

describe("a request that lasts", () => {
  it("INC-38 ends with its session before the site responds, with the response of an anonymous request", async () => {
    const browser = await inside();
    let aborted = false;
    site.answer = (request) =>
      new Promise((_, reject) => {
        request.signal.addEventListener("abort", () => {
          aborted = true;
          reject(request.signal.reason);
        });
      });
    const answered = browser.script("/poll");
    await query("DELETE FROM sessions");
    await passTime(60);
    const response = await Promise.race([answered, scheduler.wait(5000)]);
    expect([response?.status, aborted]).toEqual([401, true]);
    expect(await response?.json()).toMatchObject({ code: "unauthenticated" });
  });

  it("INC-38 aborts an upload with its session, and does not end its body", async () => {
    const browser = await inside();
    const seen: string[] = [];
    site.answer = (request) => {
      void request.text().then(() => seen.push("complete"));
      return new Promise((_, reject) => {
        request.signal.addEventListener("abort", () => {
          seen.push("aborted");
          reject(request.signal.reason);
        });
      });
    };
    const { readable, writable } = new IdentityTransformStream();
    const answered = browser.script("/upload", { method: "PUT", body: readable });
    await writable.getWriter().write(new TextEncoder().encode("the first half"));
    await query("DELETE FROM sessions");
    await passTime(60);
    await Promise.race([answered, scheduler.wait(5000)]);
    expect(seen).toEqual(["aborted"]);
    expect((await answered).status).toBe(401);
  });
});
