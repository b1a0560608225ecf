import { beforeEach, describe, expect, it } from "vitest";
import { ask, proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite, pageLoad, type Site } from "../support/origin-site.ts";
import { code } from "../support/worker.ts";

// Attacks that were tried on the running product, each in every way in. The attacker has the victim's first factor, and
// an account of their own with a second factor.

let site: Site;

/** The names of the accounts by cookie, token and key. */
const accounts: Record<string, string> = {
  V1: "victim",
  M1: "mallory",
  tokenV: "victim",
  tokenM: "mallory",
  keyV: "victim",
  keyM: "mallory",
  "keyV&api_key=x": "mallory",
};
const cookieOf = ({ headers }: Request) => /(?:^|; )sid=([^;]*)/.exec(headers.get("Cookie") ?? "")?.[1];
const tokenOf = ({ headers }: Request) => headers.get("Authorization")?.replace(/^Bearer /, "");
const keyOf = ({ url }: Request) => new URL(url).searchParams.get("api_key");

/** The who-am-I takes the first credential that is there; the pages take the cookie first. */
const firstOf = (values: readonly (string | null | undefined)[]) =>
  accounts[values.find((value) => value !== null && value !== undefined) ?? ""];

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.whoAmI = (request) => {
    if (request.headers.has("Origin")) return new Response("CORS", { status: 403 });
    const name = firstOf([tokenOf(request), keyOf(request), cookieOf(request)]);
    return name === undefined ? new Response(null, { status: 401 }) : Response.json({ user: { name } });
  };
  site.answer = (request) =>
    new Response(`page of ${firstOf([cookieOf(request), keyOf(request), tokenOf(request)]) ?? "anonymous"}`);
});

const entryPoints = ["gate", "/auth-request", "/forward-auth"] as const;
const settings = entryPoints.flatMap((entryPoint) =>
  (["0", "60"] as const).flatMap((recheck) =>
    [undefined, "/login"].map((login) => ({ entryPoint, recheck, login: login ?? "none" })),
  ),
);

interface Sent {
  readonly path?: string;
  readonly headers: Record<string, string>;
  readonly method?: string;
}

describe.each(settings)("through $entryPoint, SESSION_RECHECK=$recheck, ORIGIN_LOGIN: $login", (setting) => {
  const variables = {
    ORIGIN_URL: setting.entryPoint === "gate" ? "http://origin.test" : "",
    WHOAMI_URL: "http://origin.test/me",
    PROXY_KEY: proxyKey,
    SESSION_RECHECK: setting.recheck,
    ORIGIN_CREDENTIALS: "query:api_key",
    WHOAMI_NOBODY: "401,403",
    WHOAMI_FORBIDDEN_TEXT: "CORS",
    ...(setting.login === "none" ? {} : { ORIGIN_LOGIN: setting.login }),
  };

  /** What a client gets to see of the site: a page, or the status of the refusal. */
  async function fetchPage(
    browser: Browser,
    { path = "/inbox", headers, method = "GET" }: Sent,
  ): Promise<string> {
    if (setting.entryPoint === "gate") {
      const response = await browser.request(path, { method, headers });
      return response.status === 200 ? response.text() : String(response.status);
    }
    const asked = { ...headers, "X-Sallyport-Proxy-Key": proxyKey };
    const response = await ask(browser.bindings, setting.entryPoint, { method, uri: path, headers: asked });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value !== "") browser.cookies.set(name, value);
    }
    if (response.status !== 200) return String(response.status);
    return (await site.answer(new Request(`http://origin.test${path}`, { headers }))).text();
  }

  /** A session of the attacker's own account, proven with their own code while these credentials are shown. */
  async function prove(secret: string, headers: Record<string, string>, query = ""): Promise<Browser> {
    const browser = new Browser(variables);
    const path = `/api/auth/second-factor${query}`;
    const shown = () => {
      const own = [...browser.cookies].map(([name, value]) => `${name}=${value}`);
      const { Cookie, ...others } = headers;
      const all = [...(Cookie === undefined ? [] : [Cookie]), ...own].join("; ");
      return { ...others, ...(all === "" ? {} : { Cookie: all }) };
    };
    await browser.request(path, { headers: { ...pageLoad, ...shown() } });
    const form = { ...pageLoad, ...shown(), "Content-Type": "application/x-www-form-urlencoded" };
    await browser.request(path, {
      method: "POST",
      headers: form,
      body: `code=${await code(secret)}&rd=/inbox`,
    });
    return browser;
  }

  const withSession = (browser: Browser, Cookie = "") => {
    const own = [...browser.cookies].map(([name, value]) => `${name}=${value}`);
    return [Cookie, ...own].filter((piece) => piece !== "").join("; ");
  };

  async function enrolBoth(): Promise<string> {
    const enrolling = { ...variables, ORIGIN_URL: "http://origin.test" };
    await Browser.signedIn("V1", enrolling).enrol();
    return Browser.signedIn("M1", enrolling).enrol();
  }

  it("INC-23 a session that was bound with two spellings of a cookie shows no page of the other account", async () => {
    const secret = await enrolBoth();
    const attacker = await prove(secret, { Cookie: "sid=M1; SID=V1" });
    const swapped = await fetchPage(attacker, {
      headers: { Cookie: withSession(attacker, "SID=M1; sid=V1") },
    });
    expect(swapped).toMatch(/^(303|401|403)$/);
  });

  it("INC-23 a session that was bound with a token beside a cookie shows no page for the cookie alone", async () => {
    const secret = await enrolBoth();
    const attacker = await prove(secret, { Cookie: "SID=V1", Authorization: "Bearer tokenM" });
    const page = await fetchPage(attacker, { headers: { Cookie: withSession(attacker, "sid=V1") } });
    expect(page).toMatch(/^(303|401|403)$/);
  });

  it("INC-23 a session that was bound with an escaped separator shows no page for two parameters", async () => {
    const secret = await enrolBoth();
    const attacker = await prove(secret, {}, "?api_key=keyV%26api_key%3Dx");
    const path = "/inbox?api_key=keyV&api_key=x";
    const page = await fetchPage(attacker, { path, headers: { Cookie: withSession(attacker) } });
    expect(page).toMatch(/^(303|401|403)$/);
  });

  it.each([
    ["garbage in Authorization", { Authorization: "Bearer garbage" }, "/inbox"],
    ["an empty scheme in Authorization", { Authorization: "Bearer" }, "/inbox"],
    ["garbage in the query", {}, "/inbox?api_key=garbage"],
    ["the attacker's token", { Authorization: "Bearer tokenM" }, "/inbox"],
    ["the attacker's key", {}, "/inbox?api_key=keyM"],
  ])("INC-24 the victim's cookie beside %s shows no page", async (_what, headers, path) => {
    const secret = await enrolBoth();
    const anonymous = new Browser(variables);
    expect(await fetchPage(anonymous, { path, headers: { Cookie: "sid=V1", ...headers } })).toMatch(
      /^40[13]$/,
    );
    const query = path.slice("/inbox".length);
    const attacker = await prove(secret, { Cookie: "sid=V1", ...headers }, query);
    const Cookie = withSession(attacker, "sid=V1");
    expect(await fetchPage(attacker, { path, headers: { Cookie, ...headers } })).toMatch(/^40[13]$/);
    const mine = await prove(secret, { Cookie: "sid=M1" });
    const both = { Cookie: withSession(mine, "sid=V1"), ...headers };
    expect(await fetchPage(mine, { path, headers: both })).toMatch(/^40[13]$/);
  });

  it.each([
    ["token", { Authorization: "Bearer tokenV" }, "/inbox"],
    ["key", {}, "/inbox?api_key=keyV"],
  ])(
    "INC-24 the victim's %s beside the attacker's cookie shows no page where pages read the cookie last",
    async (_what, headers, path) => {
      site.answer = (request) =>
        new Response(
          `page of ${firstOf([tokenOf(request), keyOf(request), cookieOf(request)]) ?? "anonymous"}`,
        );
      const secret = await enrolBoth();
      const attacker = await prove(secret, { Cookie: "sid=M1", ...headers }, path.slice("/inbox".length));
      const both = { Cookie: withSession(attacker, "sid=M1"), ...headers };
      expect(await fetchPage(attacker, { path, headers: both })).toMatch(/^40[13]$/);
    },
  );

  it.each(["GET", "POST"])(
    "INC-25 a foreign Origin does not make the victim anonymous for %s",
    async (method) => {
      await enrolBoth();
      const headers = { Cookie: "sid=V1", Origin: "https://evil.test" };
      expect(await fetchPage(new Browser(variables), { headers, method })).toMatch(/^(303|401|403)$/);
      const handshake = { ...headers, Upgrade: "websocket", Connection: "Upgrade" };
      expect(await fetchPage(new Browser(variables), { headers: handshake })).toMatch(/^(303|401|403)$/);
    },
  );

  it("the attacker gets their own page, and the anonymous visitor what ORIGIN_LOGIN leaves open", async () => {
    const secret = await enrolBoth();
    const attacker = await prove(secret, { Cookie: "sid=M1" });
    const own = { headers: { Cookie: withSession(attacker, "sid=M1") } };
    expect(await fetchPage(attacker, own)).toBe("page of mallory");
    const anonymous = await fetchPage(new Browser(variables), { headers: { Cookie: "sid=stale" } });
    expect(anonymous).toBe(setting.login === "none" ? "page of anonymous" : "401");
  });
});
