import { beforeEach, describe, expect, it } from "vitest";
import { getConfig } from "../../src/runtime.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  Browser,
  countCosts,
  nothing,
  openSite,
  originVariables,
  type Site,
} from "../support/origin-site.ts";
import { listEvents, query } from "../support/rows.ts";
import { Client, environment } from "../support/worker.ts";

const PROXY_KEY = "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4";
const keyHeader = "X-Sallyport-Proxy-Key";
const setUp = "/api/auth/account/two-factor?rd=%2Finbox";
const signIn = "/api/auth/sign-in?rd=%2Finbox";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.answer = ({ headers }) => new Response(`hello ${headers.get("Remote-User") ?? "nobody"}`);
});

/** A browser that a proxy with Basic auth stands in front of. */
function behindProxy(user: string | null, overrides = {}) {
  const browser = new Browser({ FIRST_FACTOR: "proxy", PROXY_KEY, ...overrides });
  browser.added[keyHeader] = PROXY_KEY;
  if (user !== null) browser.added["Remote-User"] = user;
  return browser;
}

const statusOf = async (headers: Record<string, string>, overrides = {}) =>
  (await new Browser({ FIRST_FACTOR: "proxy", PROXY_KEY, ...overrides }).script("/inbox", { headers }))
    .status;

describe("behind a proxy that names its user", () => {
  it("makes the account in its realm, asks for a second factor, and vouches for it", async () => {
    const browser = behindProxy("Ada", { PROXY_EMAIL_HEADER: "Remote-Mail" });
    browser.added["Remote-Mail"] = "ada@proxy.test";
    expect(await browser.redirectOf("/inbox")).toBe(setUp);
    expect(site.pages).toHaveLength(0);
    expect(await query("SELECT realm, username, email, password_hash FROM users")).toEqual([
      { realm: "proxy", username: "Ada", email: "ada@proxy.test", password_hash: null },
    ]);
    await browser.enrol();
    expect(await (await browser.load("/inbox")).text()).toBe("hello Ada");
    expect(site.lastPage.headers.get("Remote-Email")).toBe("ada@proxy.test");
    expect(site.lastPage.headers.get("Remote-Mail")).toBeNull();
  });

  it("has no address where the proxy names one that is longer than addresses are", async () => {
    const browser = behindProxy("ada", { PROXY_EMAIL_HEADER: "Remote-Mail" });
    for (const [address, expected] of [
      [`${"a".repeat(249)}@b.de`, `${"a".repeat(249)}@b.de`],
      [`${"a".repeat(250)}@b.de`, null],
      ["ada@proxy.test", "ada@proxy.test"],
      ["", null],
    ] as const) {
      browser.added["Remote-Mail"] = address;
      await browser.load("/inbox");
      expect(await query("SELECT email FROM users")).toEqual([{ email: expected }]);
    }
  });

  it("costs no trip to D1 and no call of KV while a session is fresh, and asks another user for a code", async () => {
    const { bindings, costOf } = countCosts(site);
    const browser = behindProxy("ada", bindings);
    await browser.enrol();
    await browser.load("/inbox");
    expect(await costOf(() => browser.load("/inbox"))).toEqual(nothing);
    const reached = site.pages.length;
    for (const another of ["grace", "ADA"]) {
      browser.added["Remote-User"] = another;
      expect(await browser.redirectOf("/inbox")).toBe(setUp);
      expect(site.pages).toHaveLength(reached);
    }
    browser.added["Remote-User"] = "ada";
    expect((await browser.load("/inbox")).status).toBe(200);
  });

  it("never forwards anonymous requests", async () => {
    const browser = behindProxy(null);
    expect(await browser.redirectOf("/inbox")).toBe(signIn);
    expect((await browser.script("/inbox")).status).toBe(401);
    expect((await browser.follow("/inbox")).status).toBe(401);
    for (const name of ["", "  ", "a\u0001b", "x".repeat(300)]) {
      const browser = behindProxy(null);
      expect([name, (await browser.script("/inbox", { headers: { "Remote-User": name } })).status]).toEqual([
        name,
        401,
      ]);
    }
    expect(site.pages).toHaveLength(0);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("ends at once when the proxy no longer names a user, or does not send its key", async () => {
    const browser = behindProxy("ada");
    await browser.enrol();
    for (const name of ["Remote-User", keyHeader]) {
      const { [name]: value = "" } = browser.added;
      delete browser.added[name];
      expect(await browser.redirectOf("/inbox")).toBe(signIn);
      browser.added[name] = value;
      expect((await browser.load("/inbox")).status).toBe(200);
    }
  });
});

describe("the proxy's key", () => {
  it.each<[string, string | undefined]>([
    ["no key", undefined],
    ["an empty key", ""],
    ["another key", "Z7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4"],
    ["the beginning of the key", PROXY_KEY.slice(0, -1)],
    ["more than the key", `${PROXY_KEY}x`],
    ["the key in another case", PROXY_KEY.toLowerCase()],
    ["the key twice", `${PROXY_KEY}, ${PROXY_KEY}`],
    ["the key behind another", `x, ${PROXY_KEY}`],
    ["the key as a bearer token", `Bearer ${PROXY_KEY}`],
  ])("is required for the user header, which is ignored with %s", async (_what, key) => {
    const headers = { "Remote-User": "ada", ...(key === undefined ? {} : { [keyHeader]: key }) };
    expect(await statusOf(headers, { ENROLMENT: "optional" })).toBe(401);
    expect(site.pages).toHaveLength(0);
    const good = { "Remote-User": "ada", [keyHeader]: PROXY_KEY };
    expect(await statusOf(good, { ENROLMENT: "optional" })).toBe(200);
  });

  it("INC-08 is read in its own header only, in whatever case", async () => {
    const overrides = { ENROLMENT: "optional" };
    for (const name of ["X_Sallyport_Proxy_Key", "X.Sallyport.Proxy.Key", "X-Proxy-Key", "Authorization"])
      expect([name, await statusOf({ "Remote-User": "ada", [name]: PROXY_KEY }, overrides)]).toEqual([
        name,
        401,
      ]);
    expect(await statusOf({ "remote-user": "ada", [keyHeader.toUpperCase()]: PROXY_KEY }, overrides)).toBe(
      200,
    );
    for (const name of ["Remote_User", "Remote.User", "X-Remote-User", "X-Forwarded-User"])
      expect([name, await statusOf({ [name]: "ada", [keyHeader]: PROXY_KEY }, overrides)]).toEqual([
        name,
        401,
      ]);
  });

  it("is needed: without it, with a short one, or with a placeholder the Worker does not run", () => {
    const problems = (overrides: Record<string, unknown>): string => {
      try {
        getConfig(environment({ ...originVariables, FIRST_FACTOR: "proxy", ...overrides }));
        return "";
      } catch (error) {
        return String(error);
      }
    };
    for (const key of [undefined, "", "short", "change-me-change-me-change-me-change", "a".repeat(40)])
      expect([key, problems({ PROXY_KEY: key })]).toEqual([key, expect.stringContaining("PROXY_KEY")]);
    expect(problems({ PROXY_KEY })).toBe("");
    expect(problems({ PROXY_KEY, PROXY_USER_HEADER: "a b" })).toContain("PROXY_USER_HEADER");
  });

  it("never reaches the site, in any spelling", async () => {
    const browser = behindProxy("ada", { ENROLMENT: "optional" });
    for (const name of ["X_Sallyport_Proxy_Key", "x.sallyport.proxy.key", "X-Sallyport_Proxy-Key"])
      browser.added[name] = PROXY_KEY;
    expect((await browser.load("/inbox")).status).toBe(200);
    expect(JSON.stringify([...site.lastPage.headers])).not.toContain(PROXY_KEY);
  });
});

describe("the user header of a client", () => {
  const POLICY = JSON.stringify([{ path: "/public/*", require: "none" }]);

  it.each(["Remote-User", "remote_user", "Remote.User", "REMOTE-USER", "Remote-Email"])(
    "INC-08 WB-05 does not reach the site as %s",
    async (name) => {
      await new Browser({ FIRST_FACTOR: "proxy", PROXY_KEY, POLICY }).load("/public/x", { [name]: "root" });
      expect(JSON.stringify([...site.lastPage.headers])).not.toContain("root");
    },
  );

  it.each(["X-Webauth-User", "x_webauth_user", "X.Webauth.User", "X-Webauth-Mail", "x_webauth_mail"])(
    "INC-08 WB-05 does not reach the site as %s, where the proxy has headers of its own",
    async (name) => {
      const own = { PROXY_USER_HEADER: "X-Webauth-User", PROXY_EMAIL_HEADER: "X-Webauth-Mail" };
      const overrides = { FIRST_FACTOR: "proxy", PROXY_KEY, POLICY, ENROLMENT: "optional", ...own };
      await new Browser(overrides).load("/public/x", { [name]: "root" });
      expect(JSON.stringify([...site.lastPage.headers])).not.toContain("root");

      const headers = { [keyHeader]: PROXY_KEY, "X-Webauth-User": "ada", "Remote-User": "root" };
      await new Browser(overrides).load("/inbox", headers);
      expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
      expect(site.lastPage.headers.get("X-Webauth-User")).toBeNull();
    },
  );

  it("is ignored where the first factor is another one, with or without the key", async () => {
    site.sessions.set("s1", "ada");
    const browser = Browser.signedIn("s1", { PROXY_KEY, ENROLMENT: "optional" });
    await browser.load("/inbox", { "Remote-User": "root", [keyHeader]: PROXY_KEY });
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
    const password = new Browser({ FIRST_FACTOR: "password", PROXY_KEY });
    const response = await password.load("/inbox", { "Remote-User": "root", [keyHeader]: PROXY_KEY });
    expect(response.headers.get("Location")).toBe(signIn);
  });
});

describe("the address of a client behind a proxy", () => {
  const overrides = { FIRST_FACTOR: "proxy", PROXY_KEY, ENROLMENT: "optional" };

  /** The event of a request with these headers, and the headers that the site gets. */
  async function addressOf(headers: Record<string, string>) {
    await query("DELETE FROM users");
    await query("DELETE FROM audit_events");
    await new Browser(overrides).load("/inbox", { "Remote-User": "ada", [keyHeader]: PROXY_KEY, ...headers });
    const [event] = await listEvents("user.created");
    return [event?.client_address ?? null, site.lastPage.headers.get("X-Forwarded-For")];
  }

  it("is the last one of X-Forwarded-For: what stands before it may be the client's own words", async () => {
    for (const list of ["203.0.113.7", "1.1.1.1, 203.0.113.7", "1.1.1.1,2.2.2.2 ,  203.0.113.7 "])
      expect(await addressOf({ "X-Forwarded-For": list })).toEqual(["203.0.113.7", "203.0.113.7"]);
    const both = { "X-Forwarded-For": "203.0.113.7", "CF-Connecting-IP": "198.51.100.1" };
    expect(await addressOf(both)).toEqual(["203.0.113.7", "203.0.113.7"]);
  });

  it("is the platform's where the proxy says none", async () => {
    for (const list of [{}, { "X-Forwarded-For": "" }, { "X-Forwarded-For": "1.1.1.1, " }])
      expect(await addressOf({ "CF-Connecting-IP": "198.51.100.1", ...list })).toEqual([
        "198.51.100.1",
        "198.51.100.1",
      ]);
    expect(await addressOf({})).toEqual([null, null]);
  });

  it("INC-03 is the platform's without the key, whatever X-Forwarded-For says", async () => {
    const browser = new Browser({
      FIRST_FACTOR: "password",
      PROXY_KEY,
      POLICY: '[{"path":"/*","require":"none"}]',
    });
    for (const key of [undefined, "wrong", PROXY_KEY.slice(1)]) {
      await browser.load("/inbox", {
        "CF-Connecting-IP": "198.51.100.1",
        "X-Forwarded-For": "203.0.113.7",
        ...(key === undefined ? {} : { [keyHeader]: key }),
      });
      expect(site.lastPage.headers.get("X-Forwarded-For")).toBe("198.51.100.1");
    }
  });

  it("INC-15 TH-06 is what wrong passwords are counted for, through the proxy and past it alike", async () => {
    const client = new Client(environment({ PROXY_KEY }));
    const proxied = { [keyHeader]: PROXY_KEY, "X-Forwarded-For": "9.9.9.9, 203.0.113.7" };
    const tries: Record<string, string>[] = [
      { "CF-Connecting-IP": "203.0.113.7" },
      { ...proxied, "CF-Connecting-IP": "198.51.100.1" },
      { ...proxied, "X-Forwarded-For": "8.8.8.8, 203.0.113.7", "CF-Connecting-IP": "198.51.100.2" },
    ];
    for (const headers of tries) {
      const answer = await client.post(
        "/login",
        { username: "nobody", password: "wrong password" },
        { headers },
      );
      expect(answer.status).toBe(401);
    }
    const counters = await query<{ failures: number }>("SELECT failures FROM throttles");
    // One network with one account, the network, and the account.
    expect(counters.map(({ failures }) => failures)).toEqual([3, 3, 3]);
    const forged = { "X-Forwarded-For": "203.0.113.7", "CF-Connecting-IP": "198.51.100.9" };
    await client.post("/login", { username: "nobody", password: "wrong password" }, { headers: forged });
    const after = await query<{ failures: number }>("SELECT failures FROM throttles ORDER BY failures");
    expect(after.map(({ failures }) => failures)).toEqual([1, 1, 3, 3, 4]);
  });
});
