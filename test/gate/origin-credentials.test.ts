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
import { environment } from "../support/worker.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada");
  // A site that takes a token from a header of its own and from the address, before it looks at its cookie.
  site.whoAmI = (request) => {
    const token = request.headers.get("X-Api-Key") ?? new URL(request.url).searchParams.get("api_key");
    const user =
      token === null ? site.userOf(request) : { "key-of-grace": "grace", "key-of-ada": "ada" }[token];
    return user ? Response.json({ user: { name: user } }) : new Response(null, { status: 401 });
  };
});

const ORIGIN_CREDENTIALS = "header:X-Api-Key,query:api_key";
const refused = async (response: Response) => [
  response.status,
  ((await response.json()) as { code: string }).code,
];

/** Signs ada in with both factors and the site's cookie. */
async function inside(overrides = {}) {
  const browser = Browser.signedIn("s1", { ORIGIN_CREDENTIALS, ...overrides });
  await browser.enrol();
  expect((await browser.load("/inbox")).status).toBe(200);
  return browser;
}

describe("credentials of the site beside its cookie", () => {
  it("are asked about without a cookie", async () => {
    const browser = new Browser({ ORIGIN_CREDENTIALS });
    const byHeader = await browser.script("/inbox", { headers: { "X-Api-Key": "key-of-grace" } });
    expect(await refused(byHeader)).toEqual([401, "second_factor_required"]);
    const byAddress = await browser.script("/inbox?api_key=key-of-grace");
    expect(await refused(byAddress)).toEqual([401, "second_factor_required"]);
    expect(site.probes.map(({ url }) => url)).toEqual([
      "http://origin.test/me",
      "http://origin.test/me?api_key=key-of-grace",
    ]);
    expect(site.pages).toHaveLength(0);
    // The site may take it elsewhere than at its who-am-I.
    expect(await refused(await browser.script("/inbox?api_key=stale"))).toEqual([401, "unauthenticated"]);
  });

  it.each([
    ["header", { "X-Api-Key": "key-of-ada" }, "/inbox"],
    ["header in another case", { "x-api-KEY": "key-of-ada" }, "/inbox"],
    ["parameter", {}, "/inbox?api_key=key-of-ada"],
    ["second parameter", {}, "/inbox?x=1&api_key=key-of-ada"],
  ])("INC-23 make another session of it: %s", async (_what, headers: Record<string, string>, path) => {
    const browser = await inside();
    const [probes, reached] = [site.probes.length, site.pages.length];
    const response = await browser.script(path, { headers });
    expect(await refused(response)).toEqual([401, "second_factor_required"]);
    expect(site.probes).toHaveLength(probes + 2);
    expect(site.pages).toHaveLength(reached);
  });

  it.each([
    ["header", { "X-Api-Key": "key-of-grace" }, "/inbox"],
    ["parameter", {}, "/inbox?api_key=key-of-grace"],
    ["header that the site does not know", { "X-Api-Key": "stale" }, "/inbox"],
    ["Authorization that the site does not know", { Authorization: "Bearer garbage" }, "/inbox"],
  ])(
    "INC-24 are refused when they name another account than the cookie: %s",
    async (_what, headers, path) => {
      const browser = await inside();
      const reached = site.pages.length;
      const response = await browser.script(path, { headers: headers as Record<string, string> });
      expect(await refused(response)).toEqual([401, "ambiguous_credentials"]);
      expect(site.pages).toHaveLength(reached);
    },
  );

  it.each([
    ["header with _ for -", { X_Api_Key: "key-of-grace" }, "/inbox"],
    ["header with . for -", { "X.Api.Key": "key-of-grace" }, "/inbox"],
    ["header with ~ for -", { "X~Api~Key": "key-of-grace" }, "/inbox"],
    ["header twice", { "X-Api-Key": "key-of-ada, key-of-grace" }, "/inbox"],
    ["Authorization twice", { Authorization: "Bearer a, Bearer b" }, "/inbox"],
    ["Authorization twice, once empty", { Authorization: "Bearer a, " }, "/inbox"],
    ["parameter in another case", {}, "/inbox?API_KEY=key-of-grace"],
    ["parameter with . for _", {}, "/inbox?api.key=key-of-grace"],
    ["parameter with an escape", {}, "/inbox?%61pi_key=key-of-grace"],
    ["parameter with two escapes", {}, "/inbox?%2561pi_key=key-of-grace"],
    ["parameter of a list", {}, "/inbox?api_key[]=key-of-grace"],
    ["parameter twice", {}, "/inbox?api_key=key-of-ada&api_key=key-of-grace"],
    ["parameter behind a semicolon", {}, "/inbox?x=1;api_key=key-of-grace"],
    ["parameter behind an escaped semicolon", {}, "/inbox?x=1%3bapi_key=key-of-grace"],
    ["parameter that is not UTF-8", {}, "/inbox?api_key=%e1"],
  ])("INC-23 INC-26 are refused without a question: %s", async (_what, headers, path) => {
    const browser = await inside();
    const [probes, reached] = [site.probes.length, site.pages.length];
    const response = await browser.script(path, { headers: headers as Record<string, string> });
    expect(await refused(response)).toEqual([401, "ambiguous_credentials"]);
    expect([site.probes.length, site.pages.length]).toEqual([probes, reached]);
  });

  it("INC-26 reach the origin on an open path in the spelling of the configuration only", async () => {
    const POLICY = JSON.stringify([{ path: "/public/*", require: "none" }]);
    const browser = new Browser({ ORIGIN_CREDENTIALS, POLICY });
    await browser.script("/public/x", { headers: { "X-Api-Key": "a", X_Api_Key: "b", "X.Api.Key": "c" } });
    const seen = [...site.lastPage.headers].filter(([name]) => /api/.test(name));
    expect(seen).toEqual([["x-api-key", "a"]]);
  });

  it("INC-26 reach the origin under the name of the configuration, whatever characters it has", async () => {
    const POLICY = JSON.stringify([{ path: "/public/*", require: "none" }]);
    const browser = new Browser({ ORIGIN_CREDENTIALS: "header:X_Api.Key", POLICY });
    await browser.script("/public/x", { headers: { "X_Api.Key": "a", "X-Api-Key": "b", X_Api_Key: "c" } });
    const seen = [...site.lastPage.headers].filter(([name]) => /api/.test(name));
    expect(seen).toEqual([["x_api.key", "a"]]);
  });

  it("leave a session alone that has the same ones, or none", async () => {
    const { bindings, costOf } = countCosts(site);
    const browser = await inside(bindings);
    const cost = await costOf(async () => {
      expect((await browser.load("/inbox?x=1&my_api_key2=3")).status).toBe(200);
      expect((await browser.load("/inbox", { "X-Api-Keys": "x" })).status).toBe(200);
    });
    expect(cost).toEqual(nothing);
  });

  it("are a way around when they are not named: what ORIGIN_CREDENTIALS is for", async () => {
    const browser = new Browser();
    const response = await browser.script("/inbox", { headers: { "X-Api-Key": "key-of-grace" } });
    expect([response.status, site.probes.length]).toEqual([200, 0]);
  });
});

describe("a gate that denies anonymous requests (ORIGIN_LOGIN)", () => {
  const closed = {
    ORIGIN_LOGIN: "/login",
    POLICY: JSON.stringify([{ path: "/login", require: "none" }]),
  };

  it("lets anonymous requests pass to public paths only, and redirects page loads to the site's login", async () => {
    const browser = new Browser(closed);
    expect((await browser.load("/login")).status).toBe(200);
    expect((await browser.post("/login", "ada")).status).toBe(200);
    const reached = site.pages.length;
    expect(await refused(await browser.script("/inbox"))).toEqual([401, "unauthenticated"]);
    expect(
      await refused(await browser.script("/inbox", { headers: { "X-Api-Key": "key-of-grace" } })),
    ).toEqual([401, "unauthenticated"]);
    expect((await browser.post("/inbox", { a: "1" })).status).toBe(401);
    const handshake = { Upgrade: "websocket", "Sec-Fetch-Mode": "websocket" };
    expect((await browser.request("/live", { headers: handshake })).status).toBe(401);
    expect(site.pages).toHaveLength(reached);
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/sign-in?rd=%2Finbox");
    expect(await browser.redirectOf("/api/auth/sign-in?rd=%2Finbox")).toBe("/login");
    for (const own of ["/account", "/account/two-factor", "/second-factor"])
      expect(await (await browser.follow(`/api/auth${own}`)).text()).toBe("hello nobody");
  });

  it("requires the second factor after the site's login", async () => {
    const browser = Browser.signedIn("s1", closed);
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/account/two-factor?rd=%2Finbox");
    await browser.enrol();
    expect(await (await browser.load("/inbox")).text()).toBe("hello ada");
    site.sessions.delete("s1");
    await browser.post("/login", "");
    expect(await browser.redirectOf("/inbox")).toBe("/api/auth/sign-in?rd=%2Finbox");
  });

  it("breaks the loop when the login itself is not opened", async () => {
    const browser = new Browser({ ...closed, POLICY: "[]" });
    let last = new Response();
    for (let hops = 0; hops < 20; hops++) {
      last = await browser.load(last.headers.get("Location") ?? "/inbox");
      if (last.status !== 303) break;
    }
    expect(last.status).toBe(508);
    expect(site.pages).toHaveLength(0);
  });
});

describe("the names of anonymous users (WHOAMI_ANONYMOUS)", () => {
  it.each(["exact", "canonical"])(
    "INC-27 pass as anonymous, and no other spelling does (EXTERNAL_NAMES=%s)",
    async (EXTERNAL_NAMES) => {
      const variables = { WHOAMI_ANONYMOUS: "guest, Anonymous", EXTERNAL_NAMES };
      for (const name of ["guest", "Anonymous"]) {
        site.whoAmI = () => Response.json({ user: { name } });
        expect((await Browser.signedIn("s1", variables).load("/inbox")).status).toBe(200);
        expect(site.lastPage.headers.get("Remote-User")).toBeNull();
      }
      const reached = site.pages.length;
      for (const name of ["guest2", "gues", "nobody", "Guest", "GUEST", "anonymous", "ｇｕｅｓｔ"]) {
        site.whoAmI = () => Response.json({ user: { name } });
        expect((await Browser.signedIn("s1", variables).load("/inbox")).status).toBe(303);
      }
      expect(site.pages).toHaveLength(reached);
    },
  );
});

describe("their variables", () => {
  const problems = (overrides: Record<string, unknown>): string => {
    try {
      getConfig(environment({ ...originVariables, ...overrides }));
      return "";
    } catch (error) {
      return String(error);
    }
  };

  it.each([
    ["ORIGIN_CREDENTIALS", "X-Api-Key"],
    ["ORIGIN_CREDENTIALS", "body:token"],
    ["ORIGIN_CREDENTIALS", "header:"],
    ["ORIGIN_CREDENTIALS", "header:a b"],
    ["ORIGIN_LOGIN", "login"],
    ["ORIGIN_LOGIN", "//evil.example/login"],
    ["ORIGIN_LOGIN", "/\\evil.example"],
    ["ORIGIN_LOGIN", "https://evil.example/login"],
  ])("are refused when %s is %s", (name, value) => {
    expect(problems({ [name]: value })).toContain(name);
    expect(problems({ ORIGIN_CREDENTIALS, ORIGIN_LOGIN: "/login?x=1" })).toBe("");
  });
});
