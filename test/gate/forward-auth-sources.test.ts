import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { ask, endpoints, identityIn, noIdentity, page, proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  Browser,
  countCosts,
  nothing,
  openSite,
  originVariables,
  type Site,
} from "../support/origin-site.ts";
import { query } from "../support/rows.ts";
import { environment } from "../support/worker.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada").set("s2", "ada").set("s3", "grace");
});

const variables = {
  ...originVariables,
  ORIGIN_URL: "",
  WHOAMI_URL: "http://origin.test/me",
  PROXY_KEY: proxyKey,
  POLICY: JSON.stringify([{ path: "/public/*", require: "none" }]),
};

/** The headers of a browser after both factors. */
async function inside(overrides = {}) {
  const browser = Browser.signedIn("s1", { ...variables, ...overrides });
  await browser.enrol();
  const cookies = () => [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  // The first question after a code is asked of the site; the answer's cookie is what a proxy hands on.
  const first = await ask(browser.bindings, "/auth-request", { headers: { Cookie: cookies() } });
  for (const line of first.headers.getSetCookie()) {
    const value = /^__Host-sallyport=([^;]+)/.exec(line)?.[1];
    if (value !== undefined) browser.cookies.set("__Host-sallyport", value);
  }
  return { browser, bindings: browser.bindings, Cookie: cookies() };
}

describe.each(endpoints)("%s in front of a site with its own login", (endpoint) => {
  const askAs = (Cookie: string, question = {}, overrides = {}) =>
    ask(environment({ ...variables, ...overrides }), endpoint, { ...question, headers: { Cookie } });

  it("lets an anonymous request pass with all headers empty, without a who-am-I request when there is no cookie", async () => {
    const stranger = await ask(environment(variables), endpoint);
    expect([stranger.status, identityIn(stranger), site.probes.length]).toEqual([200, noIdentity, 0]);
    const stale = await askAs("sid=stale");
    expect([stale.status, identityIn(stale), site.probes.length]).toEqual([200, noIdentity, 1]);
  });

  it("denies access without a second factor, and creates the account", async () => {
    const response = await askAs("sid=s1");
    expect([response.status, identityIn(response)]).toEqual([401, [null, null, null]]);
    expect(await query("SELECT realm, username FROM users")).toEqual([{ realm: "origin", username: "ada" }]);
    expect(await query("SELECT id FROM sessions")).toEqual([]);
  });

  it("costs no trip to D1, no call of KV and no question to the site with a fresh session", async () => {
    const { bindings: counting, costOf } = countCosts(site);
    const { bindings, Cookie } = await inside(counting);
    const cost = await costOf(async () => {
      for (const uri of ["/inbox", "/public/x"]) {
        const response = await ask(bindings, endpoint, { uri, headers: { Cookie } });
        expect([response.status, identityIn(response)[0]]).toEqual([200, "ada"]);
        expect(response.headers.getSetCookie()).toEqual([]);
      }
    });
    expect(cost).toEqual(nothing);
    advance(60);
    const stale = await costOf(() => ask(bindings, endpoint, { headers: { Cookie } }));
    expect(stale).toEqual({ ...nothing, batches: 1, probes: 1 });
  });

  it("costs one question when the site's cookie has changed, and refuses", async () => {
    const { bindings, Cookie } = await inside();
    const probes = site.probes.length;
    for (const sid of ["s2", "s3"]) {
      const response = await ask(bindings, endpoint, { headers: { Cookie: Cookie.replace("s1", sid) } });
      expect(response.status).toBe(401);
    }
    expect(site.probes).toHaveLength(probes + 2);
  });

  it("hands on a token that is asked about, after every request that can change something", async () => {
    const { bindings, Cookie } = await inside();
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const response = await ask(bindings, endpoint, { method, headers: { Cookie } });
      const token = /^__Host-sallyport=([^;]+)/.exec(response.headers.getSetCookie()[0] ?? "")?.[1];
      expect([method, response.status, typeof token]).toEqual([method, 200, "string"]);
      const probes = site.probes.length;
      const next = `sid=s1; __Host-sallyport=${token}`;
      expect((await ask(bindings, endpoint, { headers: { Cookie: next } })).status).toBe(200);
      expect(site.probes).toHaveLength(probes + 1);
    }
  });

  it("INC-31 does so after a GET that names another method", async () => {
    const { bindings, Cookie } = await inside();
    const tokenAfter = async (uri: string) => {
      const response = await ask(bindings, endpoint, { uri, headers: { Cookie } });
      return [response.status, response.headers.getSetCookie().length];
    };
    expect(await tokenAfter("/inbox?_method=POST")).toEqual([200, 1]);
    expect(await tokenAfter("/inbox?_method=GET")).toEqual([200, 0]);
    const headers = { Cookie, "X-HTTP-Method-Override": "PUT" };
    expect((await ask(bindings, endpoint, { headers })).headers.getSetCookie()).toHaveLength(1);
  });

  it("opens a session for an account that needs no second factor, at a page load only", async () => {
    const bindings = environment({ ...variables, ENROLMENT: "optional" });
    const script = await ask(bindings, endpoint, { headers: { Cookie: "sid=s1" } });
    expect([script.status, script.headers.getSetCookie()]).toEqual([200, []]);
    const form = await ask(bindings, endpoint, { method: "POST", headers: { ...page, Cookie: "sid=s1" } });
    expect([form.status, form.headers.getSetCookie()]).toEqual([200, []]);
    expect(await query("SELECT id FROM sessions")).toEqual([]);
    const load = await ask(bindings, endpoint, { headers: { ...page, Cookie: "sid=s1" } });
    expect([load.status, load.headers.getSetCookie().length]).toEqual([200, 1]);
    expect(await query("SELECT kind FROM sessions")).toEqual([{ kind: "full" }]);
  });

  it("INC-20 denies access when the who-am-I fails, and SE-11 to a disabled account", async () => {
    site.whoAmI = () => new Response(null, { status: 500 });
    expect((await askAs("sid=s1")).status).toBe(endpoint === "/auth-request" ? 403 : 503);
    site.whoAmI = () => Response.json({ user: { name: "ada" } });
    await askAs("sid=s1");
    await query("UPDATE users SET disabled_at = 1");
    const closed = await askAs("sid=s1", page);
    expect([closed.status, closed.headers.get("Location")]).toEqual([403, null]);
  });

  it("asks about credentials in the address that the proxy asks about, and not in its own", async () => {
    const bindings = environment({ ...variables, ORIGIN_CREDENTIALS: "query:api_key" });
    site.whoAmI = ({ url }) =>
      new URL(url).searchParams.get("api_key") === "k"
        ? Response.json({ user: { name: "grace" } })
        : new Response(null, { status: 401 });
    expect((await ask(bindings, endpoint, { uri: "/inbox?api_key=k" })).status).toBe(401);
    expect((await ask(bindings, endpoint, { uri: "/inbox?x=1" })).status).toBe(200);
  });

  it("believes a proxy's own user with its key only", async () => {
    const bindings = environment({ FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey, ENROLMENT: "optional" });
    const user = { "Remote-User": "ada" };
    expect((await ask(bindings, endpoint, { headers: user })).status).toBe(401);
    const trusted = await ask(bindings, endpoint, {
      headers: { ...user, "X-Sallyport-Proxy-Key": proxyKey },
    });
    expect([trusted.status, identityIn(trusted)[0]]).toEqual([200, "ada"]);
  });
});
