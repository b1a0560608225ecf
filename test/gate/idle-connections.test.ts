import { beforeEach, describe, expect, it } from "vitest";
import { showFirstFactor } from "../support/first-factors.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { type Browser, countCosts, openSite, type Site } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";
import { echo, ended, endOf, holdTime, openSocket, passTime, takeSockets } from "../support/sockets.ts";
import { cut, failureOf, openStream, type SiteStream, takeStreams } from "../support/streams.ts";

// SE-07: what passes over an open connection is use of its session.

let site: Site;
let streams: SiteStream[];

useFreshWorker();
beforeEach(() => {
  site = openSite();
});

const shortIdle = { SESSION_IDLE: "60", SESSION_RECHECK: "60" };

async function inside(overrides: object): Promise<Browser> {
  const browser = await showFirstFactor("password", site, { ORIGIN_URL: "http://origin.test", ...overrides });
  await browser.enrol();
  await browser.load("/inside");
  holdTime();
  return browser;
}

/** An open connection of either kind. */
interface Connection {
  /** Lets data pass, and fails when it does not. */
  use(): Promise<void>;
  /** Waits for the end. */
  end(): Promise<void>;
}

async function openWebSocket(browser: Browser): Promise<Connection> {
  takeSockets(site);
  const { webSocket, ends } = await openSocket(browser);
  return {
    use: async () => {
      expect(ends).toEqual([]);
      expect(await echo(webSocket, "tick")).toBe("tick");
    },
    end: async () => expect(await endOf(ends)).toEqual(ended),
  };
}

async function openEvents(browser: Browser): Promise<Connection> {
  streams = takeStreams(site);
  const { read } = await openStream(browser);
  const own = streams.at(-1) as SiteStream;
  return {
    use: async () => expect((await Promise.all([read(), own.send("tick")]))[0]).toBe("tick"),
    end: async () => expect(await failureOf(read())).toBe(cut),
  };
}

const lastSeen = async () => {
  const [row] = await query<{ at: number }>("SELECT last_seen_at AS at FROM sessions WHERE kind = 'full'");
  return row?.at ?? 0;
};

describe.each([
  ["a WebSocket", openWebSocket],
  ["a stream of events", openEvents],
] as const)("%s", (_what, open) => {
  it("SE-07 keeps its session alive while data passes, and the next request finds it", async () => {
    const browser = await inside(shortIdle);
    const connection = await open(browser);
    for (let seconds = 0; seconds < 300; seconds += 20) {
      await connection.use();
      await passTime(20);
    }
    await passTime(30);
    const response = await browser.load("/inside");
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie().join()).toContain("__Host-sallyport=");
  });

  it("SE-07 ends with its session when no data has passed for SESSION_IDLE", async () => {
    const browser = await inside(shortIdle);
    const connection = await open(browser);
    await passTime(20);
    await connection.use();
    await passTime(50);
    await connection.use();
    // The use at 70 seconds counts until 130, and the next check comes within 6 seconds.
    await passTime(59);
    await connection.use();
    await passTime(67);
    await connection.end();
    expect(await browser.redirectOf("/inside")).toMatch(/^\/api\/auth\/sign-in/);
  });

  it("SE-07 ends with its session after SESSION_MAX_AGE, whatever passes", async () => {
    const connection = await open(await inside({ ...shortIdle, SESSION_MAX_AGE: "120" }));
    for (let seconds = 0; seconds < 80; seconds += 20) {
      await connection.use();
      await passTime(20);
    }
    await passTime(20);
    await connection.end();
  });

  it("costs one write in each interval with data, and one read in each without, however much passes", async () => {
    const { bindings, costOf } = countCosts(site);
    const connection = await open(await inside({ ...bindings, SESSION_RECHECK: "60" }));
    await passTime(60);
    for (const uses of [0, 1, 50]) {
      const before = await lastSeen();
      const cost = await costOf(async () => {
        for (let count = 0; count < uses; count++) await connection.use();
        await passTime(60);
      });
      expect(cost.reads + cost.batches).toBe(1);
      expect((await lastSeen()) > before).toBe(uses > 0);
    }
  });

  it("records the time of its last use, and never an earlier one than is recorded", async () => {
    const browser = await inside({ SESSION_RECHECK: "60" });
    const connection = await open(browser);
    await passTime(60);
    await connection.use();
    const used = Date.now();
    await passTime(60);
    expect(await lastSeen()).toBe(used);
    await connection.use();
    await passTime(10);
    await query("UPDATE sessions SET last_seen_at = ?", Date.now());
    const later = await lastSeen();
    await passTime(50);
    expect(await lastSeen()).toBe(later);
  });
});
