import { beforeEach, describe, expect, it } from "vitest";
import { headersOf, jwtHeader, mockProvider, showFirstFactor } from "../support/first-factors.ts";
import { proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, countCosts, nothing, openSite, type Site } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";
import { echo, ended, endOf, holdTime, openSocket, passTime, takeSockets } from "../support/sockets.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  takeSockets(site);
});

/** Where a first factor alone opens a socket, and no session is kept: a program, a script, a WebSocket. */
const grounds: [string, object][] = [
  ["a rule of the first factor", { POLICY: '[{"path":"/live","require":"first_factor"}]' }],
  ["ENROLMENT=optional", { ENROLMENT: "optional" }],
];
const sources = ["origin", "jwt", "proxy"] as const;
const worlds = sources.flatMap((name) =>
  grounds.flatMap(([ground, variables]) =>
    ["0", "60"].map((SESSION_RECHECK) => ({ name, ground, SESSION_RECHECK, variables })),
  ),
);

describe.each(worlds)(
  "a WebSocket that the first factor $name alone has opened, by $ground, with SESSION_RECHECK $SESSION_RECHECK",
  ({ name, variables, SESSION_RECHECK }) => {
    const open = async (overrides = {}) => {
      const browser = await showFirstFactor(name, site, {
        ORIGIN_URL: "http://origin.test",
        ...variables,
        SESSION_RECHECK,
        ...overrides,
      });
      holdTime();
      const socket = await openSocket(browser);
      expect(await query("SELECT id FROM sessions")).toEqual([]);
      expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
      return { browser, ...socket };
    };

    it("INC-32 is closed when the account is disabled", async () => {
      const { webSocket, ends } = await open();
      await query("UPDATE users SET disabled_at = 1");
      expect(await echo(webSocket, "still open")).toBe("still open");
      await passTime(60);
      expect(await endOf(ends)).toEqual(ended);
    });

    it("INC-32 is closed when the account is gone", async () => {
      const { ends } = await open();
      await query("DELETE FROM users");
      await passTime(60);
      expect(await endOf(ends)).toEqual(ended);
    });

    it("INC-20 is closed when the store can't tell", async () => {
      const { ends } = await open();
      await query("DROP TABLE users");
      await passTime(60);
      expect(await endOf(ends)).toEqual(ended);
    });

    it("INC-32 stays open while the first factor is there, for one read of the store each time", async () => {
      const { bindings, costOf } = countCosts(site);
      const { webSocket, ends } = await open(bindings);
      const probes = name === "origin" ? 1 : 0;
      const seconds = Math.max(Number(SESSION_RECHECK), 5);
      for (let round = 0; round < 3; round++) {
        const cost = await costOf(() => passTime(seconds));
        expect(cost).toEqual({ ...nothing, reads: 1, probes });
      }
      expect(ends).toEqual([]);
      expect(await echo(webSocket, "hello")).toBe("hello");
    });

    it("INC-32 is closed when the account has set up a second factor that the path now requires", async () => {
      const { ends, webSocket } = await open();
      await query("UPDATE users SET totp_enabled = 1");
      await passTime(60);
      if (variables === grounds[0]?.[1]) expect(await echo(webSocket, "hello")).toBe("hello");
      else expect(await endOf(ends)).toEqual(ended);
    });
  },
);

describe.each(["0", "60"])(
  "a WebSocket behind an identity provider, with SESSION_RECHECK %s",
  (SESSION_RECHECK) => {
    const POLICY = '[{"path":"/live","require":"first_factor"}]';

    async function open(expiresInSeconds: number, enrolled: boolean) {
      const provider = await mockProvider(site);
      const browser = new Browser({ ...provider.variables, POLICY, SESSION_RECHECK });
      const token = (seconds: number) => provider.token({ exp: Math.floor(Date.now() / 1000) + seconds });
      browser.added[jwtHeader] = await token(3600);
      if (enrolled) await browser.enrol();
      if (enrolled) await browser.load("/inside");
      browser.added[jwtHeader] = await token(expiresInSeconds);
      holdTime();
      return { provider, ...(await openSocket(browser)) };
    }

    it.each([
      ["the token alone", false],
      ["a session", true],
    ])("INC-32 is closed at the token's end: opened with %s", async (_what, enrolled) => {
      const { webSocket, ends } = await open(150, enrolled);
      await passTime(149);
      expect(ends).toEqual([]);
      expect(await echo(webSocket, "hello")).toBe("hello");
      // A minute of tolerance for clocks, and the next check.
      await passTime(120);
      expect(await endOf(ends)).toEqual(ended);
    });

    it("INC-20 is closed when the provider's keys can't be had", async () => {
      const { provider, ends } = await open(3600, false);
      provider.publish = () => new Response(null, { status: 500 });
      // The keys are kept for ten minutes.
      await passTime(700);
      expect(await endOf(ends)).toEqual(ended);
    });

    it("INC-32 is closed when the provider has withdrawn the key", async () => {
      const { provider, ends } = await open(3600, false);
      provider.publish = () => Response.json({ keys: [] });
      await passTime(700);
      expect(await endOf(ends)).toEqual(ended);
    });
  },
);

describe("a WebSocket on a path that requires nothing", () => {
  const POLICY = '[{"path":"/live","require":"none"}]';

  it.each(["password", "origin", "jwt", "proxy"] as const)(
    "INC-32 is closed with the session that the site was told of: %s",
    async (name) => {
      const browser = await showFirstFactor(name, site, { ORIGIN_URL: "http://origin.test", POLICY });
      await browser.enrol();
      await browser.load("/inside");
      holdTime();
      const { ends, webSocket } = await openSocket(browser);
      expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
      await query("DELETE FROM sessions");
      expect(await echo(webSocket, "hello")).toBe("hello");
      await passTime(60);
      expect(await endOf(ends)).toEqual(ended);
    },
  );

  it.each(["password", "origin", "jwt", "proxy"] as const)(
    "INC-32 is left alone when the visitor is anonymous: anybody may open it (%s)",
    async (name) => {
      const browser = await showFirstFactor(name, site, { ORIGIN_URL: "http://origin.test", POLICY });
      for (const header of Object.keys(headersOf(browser))) delete browser.added[header];
      browser.cookies.clear();
      if (name === "proxy") browser.added["X-Sallyport-Proxy-Key"] = proxyKey;
      holdTime();
      const { ends, webSocket } = await openSocket(browser);
      await passTime(300);
      expect(ends).toEqual([]);
      expect(await echo(webSocket, "hello")).toBe("hello");
    },
  );
});

describe.each(["0", "60"])(
  "an anonymous WebSocket to a site with its own login, with SESSION_RECHECK %s",
  (SESSION_RECHECK) => {
    it("INC-32 is closed after a sign-in at the site under the same cookie: it would go around the second factor", async () => {
      const browser = Browser.signedIn("s1", { SESSION_RECHECK });
      holdTime();
      const { ends, webSocket } = await openSocket(browser);
      expect(site.lastPage.headers.get("Remote-User")).toBeNull();
      await passTime(60);
      expect(await echo(webSocket, "hello")).toBe("hello");
      site.sessions.set("s1", "ada");
      await passTime(60);
      expect(await endOf(ends)).toEqual(ended);
    });

    it("stays open until a sign-in, without a read of the store", async () => {
      const { bindings, costOf } = countCosts(site);
      const browser = Browser.signedIn("s1", { SESSION_RECHECK, ...bindings });
      holdTime();
      const { ends, webSocket } = await openSocket(browser);
      const cost = await costOf(() => passTime(60));
      expect({ ...cost, probes: 0 }).toEqual(nothing);
      expect(ends).toEqual([]);
      expect(await echo(webSocket, "hello")).toBe("hello");
    });

    it("is not asked about when it shows nothing that the site could know it by", async () => {
      const browser = new Browser({ SESSION_RECHECK });
      holdTime();
      const { ends } = await openSocket(browser);
      await passTime(300);
      expect([ends, site.probes]).toEqual([[], []]);
    });
  },
);
