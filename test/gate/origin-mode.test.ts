import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { code, environment, resetStores, send } from "../support/worker.ts";

const variables = {
  ORIGIN_URL: "http://origin.test",
  FIRST_FACTOR: "origin",
  WHOAMI_URL: "/me",
  WHOAMI_USER: "json:/user/name",
  WHOAMI_EMAIL: "json:/user/email",
  ORIGIN_COOKIES: "sid",
};

/** A site with a login of its own: its sessions, and what it was asked. */
class Site {
  readonly sessions = new Map<string, string>();
  probes = 0;
  pages: Request[] = [];
  whoAmI: (request: Request) => Response | Promise<Response> = (request) => {
    const user = this.userOf(request);
    return user === null
      ? new Response(null, { status: 401 })
      : Response.json({ user: { name: user, email: `${user}@site.test` } });
  };

  userOf(request: Request): string | null {
    const sid = /(?:^|; )sid=([^;]*)/.exec(request.headers.get("Cookie") ?? "")?.[1];
    return (sid === undefined ? undefined : this.sessions.get(sid)) ?? null;
  }

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input as RequestInfo, init);
    if (new URL(request.url).pathname === "/me") {
      this.probes += 1;
      return this.whoAmI(request);
    }
    this.pages.push(request);
    return new Response(`hello ${this.userOf(request) ?? "nobody"}`);
  };
}

/** A browser that keeps the cookies of one host. */
class Browser {
  readonly cookies = new Map<string, string>();
  constructor(readonly overrides: Record<string, unknown> = {}) {}

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("Sec-Fetch-Mode")) headers.set("Sec-Fetch-Mode", "navigate");
    headers.set("Sec-Fetch-Site", "same-origin");
    headers.set("Accept", headers.get("Accept") ?? "text/html");
    headers.set("Cookie", [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    const request = new Request(`https://site.example${path}`, { ...init, headers, redirect: "manual" });
    const response = await send(request, environment({ ...variables, ...this.overrides }));
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";");
      const [name = "", value = ""] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      if (value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }

  post(path: string, fields: Record<string, string>): Promise<Response> {
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    return this.request(path, { method: "POST", headers, body: new URLSearchParams(fields).toString() });
  }

  /** Sets up the second factor as the pages do, with the code of the step before. */
  async enrol(): Promise<string> {
    await this.request("/api/auth/account/two-factor");
    const scan = await (await this.post("/api/auth/account/two-factor", { step: "start", rd: "/" })).text();
    const secret = /secret=([A-Z2-7]{32})/.exec(scan)?.[1];
    if (secret === undefined) throw new Error(`no secret on the page: ${scan.slice(0, 300)}`);
    const done = await this.post("/api/auth/account/two-factor", {
      step: "confirm",
      code: await code(secret, -1),
      rd: "/",
    });
    if (done.status !== 200) throw new Error(`confirm: ${done.status}`);
    return secret;
  }
}

let site: Site;

beforeEach(async () => {
  await resetStores();
  site = new Site();
  vi.spyOn(globalThis, "fetch").mockImplementation(site.fetch as typeof fetch);
});
afterEach(() => vi.restoreAllMocks());

describe("in front of a site with its own login", () => {
  it("lets who is nobody there through to its login, and does not even ask about who has no cookie of it", async () => {
    const browser = new Browser();
    expect(await (await browser.request("/login")).text()).toBe("hello nobody");
    expect(site.probes).toBe(0);
    browser.cookies.set("sid", "stale");
    expect(await (await browser.request("/")).text()).toBe("hello nobody");
    expect(site.probes).toBe(1);
  });

  it("sends somebody to set up a second factor, then asks for it in every other session of the site", async () => {
    site.sessions.set("s1", "ada").set("s2", "ada").set("s3", "grace");
    const browser = new Browser();
    browser.cookies.set("sid", "s1");
    const refused = await browser.request("/inbox?x=1");
    expect(refused.status).toBe(303);
    expect(refused.headers.get("Location")).toBe("/api/auth/account/two-factor?rd=%2Finbox%3Fx%3D1");
    expect(site.pages).toHaveLength(0);

    const secret = await browser.enrol();
    const before = site.probes;
    const passed = await browser.request("/inbox");
    expect(await passed.text()).toBe("hello ada");
    expect(site.pages.at(-1)?.headers.get("Remote-User")).toBe("ada");
    expect(site.pages.at(-1)?.headers.get("Remote-Email")).toBe("ada@site.test");
    expect(site.pages.at(-1)?.headers.get("Cookie")).toBe("sid=s1");
    expect(site.probes).toBe(before);

    browser.cookies.set("sid", "s2");
    const other = await browser.request("/inbox");
    expect(other.headers.get("Location")).toBe("/api/auth/second-factor?rd=%2Finbox");
    expect(site.probes).toBe(before + 1);
    const page = await browser.request("/api/auth/second-factor?rd=%2Finbox");
    expect(page.status).toBe(200);
    const verified = await browser.post("/api/auth/second-factor", {
      code: await code(secret),
      rd: "/inbox",
    });
    expect(verified.headers.get("Location")).toBe("/inbox");
    expect(await (await browser.request("/inbox")).text()).toBe("hello ada");

    browser.cookies.set("sid", "s3");
    expect((await browser.request("/inbox")).headers.get("Location")).toContain(
      "/api/auth/account/two-factor",
    );
  });

  it("INC-20 lets nobody through when the site can't tell who is there", async () => {
    site.sessions.set("s1", "ada");
    const lies: Record<string, () => Response | Promise<Response>> = {
      "an error": () => new Response("oops", { status: 500 }),
      "a redirect": () => new Response(null, { status: 302, headers: { Location: "/login" } }),
      "a page instead of JSON": () =>
        new Response("<h1>Sign in</h1>", { headers: { "Content-Type": "text/html" } }),
      "broken JSON": () => new Response("{", { headers: { "Content-Type": "application/json" } }),
      "an object for a name": () => Response.json({ user: { name: { first: "ada" } } }),
      "a list for a name": () => Response.json({ user: { name: ["ada"] } }),
      "a name of control characters": () => Response.json({ user: { name: "a\u0000da" } }),
      "no answer": () => Promise.reject(new Error("connection refused")),
      "an endless answer": () => Response.json({ user: { name: "ada" }, pad: "x".repeat(100_000) }),
    };
    for (const [what, answer] of Object.entries(lies)) {
      site.whoAmI = answer;
      const browser = new Browser();
      browser.cookies.set("sid", "s1");
      const response = await browser.request("/inbox");
      expect([what, response.status]).toEqual([what, 503]);
      expect(response.headers.get("Retry-After")).not.toBeNull();
    }
    expect(site.pages).toHaveLength(0);
  });
});
