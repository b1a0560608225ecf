import { createLocalJWKSet, decodeJwt, type JSONWebKeySet } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { checkAssertion } from "../../examples/demo-origin/assertion.ts";
import { type FirstFactorName, firstFactors, headersOf, showFirstFactor } from "../support/first-factors.ts";
import { ask, type Endpoint, endpoints, page, proxyKey } from "../support/forward-auth.ts";
import { startFreshWorker, useFreshWorker } from "../support/fresh-worker.ts";
import { mintSessionToken, type Rule } from "../support/gate.ts";
import { type Browser, openSite, type Site } from "../support/origin-site.ts";
import { base, environment, host, send } from "../support/worker.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
});

const rules: readonly Rule[] = [
  { path: "/public/*", require: "none" },
  { path: "/feed", require: "first_factor" },
  { path: "/notes/*", require: "first_factor" },
  { path: "/api/*", methods: ["GET", "OPTIONS"], require: "first_factor" },
  { path: "/pay/*", require: "second_factor", max_age: 300 },
];
const POLICY = JSON.stringify(rules);

const worlds = firstFactors.flatMap((name) =>
  ["0", "60"].map((SESSION_RECHECK) => [name, SESSION_RECHECK] as const),
);

/** The assertion in the headers of a response to a proxy. Null: there is none. */
const assertionIn = ({ headers }: Response) => headers.get("X-Sallyport-Assertion") || null;

const askAs = (
  browser: Browser,
  endpoint: Endpoint,
  uri: string,
  more: Record<string, string> = {},
  method = "GET",
) => ask(browser.bindings, endpoint, { uri, method, headers: { ...headersOf(browser), ...more } });

/** A proxy shows the key itself in that first factor, so a call beside it is one without. */
function withoutKey(browser: Browser): Browser {
  delete browser.added["X-Sallyport-Proxy-Key"];
  return browser;
}

describe.each(worlds)(
  "with %s as the first factor and SESSION_RECHECK %s",
  (name: FirstFactorName, SESSION_RECHECK) => {
    const variables = { POLICY, SESSION_RECHECK };
    const key = { "X-Sallyport-Proxy-Key": proxyKey };

    it.each(["http://origin.test", "route"])(
      "INC-28 a visitor who calls an endpoint behind the gate gets 404 and no assertion: ORIGIN_URL=%s",
      async (ORIGIN_URL) => {
        for (const PROXY_KEY of name === "proxy" ? [proxyKey] : [undefined, proxyKey]) {
          await startFreshWorker();
          site = openSite();
          const browser = withoutKey(
            await showFirstFactor(name, site, { ...variables, ORIGIN_URL, PROXY_KEY }),
          );
          const wrong: Record<string, string>[] = [
            {},
            { "X-Sallyport-Proxy-Key": "" },
            { "X-Sallyport-Proxy-Key": "x" },
          ];
          for (const endpoint of endpoints) {
            for (const guess of wrong) {
              for (const accept of [{}, page]) {
                const response = await askAs(browser, endpoint, "/notes/x", { ...guess, ...accept });
                expect([response.status, assertionIn(response), response.headers.get("Remote-User")]).toEqual(
                  [404, null, null],
                );
              }
            }
          }
          expect(site.pages).toEqual([]);
        }
      },
    );

    it("INC-28 a proxy that shows the key is answered, and the assertion says what was shown", async () => {
      const browser = await showFirstFactor(name, site, {
        ...variables,
        PROXY_KEY: proxyKey,
        ORIGIN_URL: "http://origin.test",
      });
      for (const endpoint of endpoints) {
        const response = await askAs(browser, endpoint, "/notes/x", key);
        expect(response.status).toBe(200);
        expect(decodeJwt(assertionIn(response) ?? "")).toMatchObject({
          acr: "first_factor",
          path: "/notes/",
        });
      }
      await browser.enrol();
      for (const endpoint of endpoints) {
        // What the session has shown counts, and not what the path requires.
        const response = await askAs(browser, endpoint, "/notes/x", key);
        expect(decodeJwt(assertionIn(response) ?? "")).toMatchObject({
          acr: "second_factor",
          path: "/notes/",
        });
        expect(assertionIn(await askAs(browser, endpoint, "/public/x", { Cookie: "", ...key }))).toBeNull();
      }
    });

    it("INC-28 an assertion for a path of the first factor satisfies an origin for no other path, level or host", async () => {
      const browser = await showFirstFactor(name, site, { ...variables, ORIGIN_URL: "" });
      const check = await originCheck();
      for (const endpoint of endpoints) {
        const stolen = assertionIn(await askAs(browser, endpoint, "/notes/x"));
        expect(stolen).not.toBeNull();
        const at = (path: string, level: "first_factor" | "second_factor", hosts?: string[]) =>
          check(stolen ?? "", { path, level, method: "GET" }, hosts);
        expect(await at("/notes/y", "first_factor")).toMatchObject({ ok: true });
        expect(await at("/notes", "first_factor")).toMatchObject({ ok: true });
        expect(await at("/notes/x", "second_factor")).toEqual({ ok: false, reason: "acr is first_factor" });
        for (const path of ["/pay/x", "/", "/notesx", "/note", "/x/notes/"])
          expect([path, await at(path, "first_factor")]).toEqual([
            path,
            { ok: false, reason: "path is /notes/" },
          ]);
        expect(await at("/notes/x", "first_factor", ["other.example"])).toMatchObject({ ok: false });
        const feed = assertionIn(await askAs(browser, endpoint, "/feed"));
        for (const path of ["/feed/x", "/feeds", "/feed$", "/"])
          expect((await check(feed ?? "", { path, level: "first_factor", method: "GET" })).ok).toBe(false);
        expect((await check(feed ?? "", { path: "/feed", level: "first_factor", method: "GET" })).ok).toBe(
          true,
        );
        const read = assertionIn(await askAs(browser, endpoint, "/api/x")) ?? "";
        const asked = { path: "/api/x", level: "first_factor" } as const;
        expect(await check(read, { ...asked, method: "POST" })).toEqual({
          ok: false,
          reason: "methods are GET,OPTIONS",
        });
        for (const method of ["GET", "HEAD", "OPTIONS"])
          expect((await check(read, { ...asked, method })).ok).toBe(true);
      }
    });
  },
);

/** As the demo origin checks, for the addresses of the tests. */
async function originCheck() {
  const response = await send(new Request(`${host}${base}/.well-known/jwks.json`));
  const keys = createLocalJWKSet(await response.json<JSONWebKeySet>());
  const issuers = [`${host}${base}`];
  return (token: string, asked: Parameters<typeof checkAssertion>[3], hosts = ["site.example"]) =>
    checkAssertion(token, keys, { issuers, audience: host, hosts }, asked);
}

describe("the scope of an assertion", () => {
  const bindings = environment({ POLICY, ORIGIN_URL: "", PROXY_KEY: proxyKey });

  const scopeOf = async (session: string, question: Parameters<typeof ask>[2]) => {
    const { acr, host, path, methods } = decodeJwt(
      assertionIn(await ask(bindings, "/auth-request", { ...question, session })) ?? "",
    );
    return { acr, host, path, methods };
  };
  const whole = { acr: "second_factor", host: "site.example", methods: undefined };

  it.each([
    ["/inbox", { path: "/" }],
    ["/", { path: "/" }],
    ["/notes", { path: "/notes/" }],
    ["/notes/x", { path: "/notes/" }],
    ["/feed", { path: "/feed$" }],
    ["/feed/x", { path: "/" }],
    ["/FEED", { path: "/" }],
    ["/public/x", { path: "/public/" }],
    ["/api/x", { path: "/api/", methods: ["GET", "OPTIONS"] }],
    ["/pay/x", { path: "/pay/" }],
    // Of several readings the strictest decides, and is named.
    ["/public/..%2fpay/x", { path: "/pay/" }],
    ["/notes/..%2finbox", { path: "/" }],
    ["/public/..%2fnotes/x", { path: "/notes/" }],
    ["/public/%2e%2e/public/x", { path: "/public/" }],
  ])("INC-28 is the rule that decided: %s", async (uri, expected) => {
    expect(await scopeOf(await mintSessionToken(), { uri })).toEqual({ ...whole, ...expected });
  });

  it("INC-28 says a rule for exactly the root otherwise than no rule", async () => {
    const root = environment({
      POLICY: JSON.stringify([{ path: "/", require: "first_factor" }]),
      ORIGIN_URL: "",
    });
    const assertion = assertionIn(
      await ask(root, "/auth-request", { uri: "/", session: await mintSessionToken() }),
    );
    expect(decodeJwt(assertion ?? "").path).toBe("/$");
    const check = await originCheck();
    const at = async (path: string) =>
      (await check(assertion ?? "", { path, level: "first_factor", method: "GET" })).ok;
    expect([await at("/"), await at("/x"), await at("/$")]).toEqual([true, false, false]);
  });

  it("INC-28 names the host that the visitor asked for, by the word of a proxy with the key only", async () => {
    const session = await mintSessionToken();
    const hostBy = async (headers: Record<string, string>) => (await scopeOf(session, { headers })).host;
    const forwarded = { "X-Forwarded-Host": "WWW.Site.Example:443" };
    const trusted = { "X-Sallyport-Proxy-Key": proxyKey };
    expect(await hostBy({ ...forwarded, ...trusted })).toBe("www.site.example");
    expect(await hostBy({ ...forwarded, ...trusted, "X-Forwarded-Proto": "http" })).toBe(
      "www.site.example:443",
    );
    expect(await hostBy({ "X-Forwarded-Host": "www.site.example:8443", ...trusted })).toBe(
      "www.site.example:8443",
    );
    expect(await hostBy(trusted)).toBe("site.example");
    for (const key of [{}, { "X-Sallyport-Proxy-Key": "wrong" }])
      expect(await hostBy({ ...forwarded, ...key })).toBe("site.example");
  });

  it.each(["a, b", "a b", "a/b", "a@b", "a?b", "a#b", "a\\b", "a:b", "%61", "[", "a:99999"])(
    "INC-28 is refused when a proxy with the key names what is no host: %j",
    async (name) => {
      for (const endpoint of endpoints) {
        const headers = { "X-Forwarded-Host": name, "X-Sallyport-Proxy-Key": proxyKey };
        const response = await ask(bindings, endpoint, { headers, session: await mintSessionToken() });
        expect([response.status, assertionIn(response)]).toEqual([403, null]);
      }
    },
  );

  it("INC-28 is never another request's, though its signature is used again for ten seconds", async () => {
    const session = await mintSessionToken();
    const trusted = { "X-Sallyport-Proxy-Key": proxyKey };
    const questions = ["/inbox", "/feed", "/notes/x", "/api/x", "/pay/x", "/public/x"].flatMap((uri) =>
      ["a.example", "b.example"].map((name) => ({ uri, headers: { ...trusted, "X-Forwarded-Host": name } })),
    );
    const assertions = new Set<string>();
    for (const round of [1, 2, 3]) {
      for (const question of questions) {
        const assertion = assertionIn(await ask(bindings, "/forward-auth", { ...question, session })) ?? "";
        const { host, path } = decodeJwt(assertion);
        expect([round, question.uri, host]).toEqual([
          round,
          question.uri,
          question.headers["X-Forwarded-Host"],
        ]);
        expect(path).toBe(
          { "/feed": "/feed$", "/inbox": "/" }[question.uri] ?? question.uri.replace("x", ""),
        );
        assertions.add(assertion);
      }
    }
    expect(assertions.size).toBe(questions.length);
  });
});

describe("the assertion that a site behind the gate gets", () => {
  it.each(["http://origin.test", "route"])(
    "INC-28 names level, host, path and methods: ORIGIN_URL=%s",
    async (ORIGIN_URL) => {
      const bindings = environment({ POLICY, ORIGIN_URL });
      const sent = async (path: string, claims: Parameters<typeof mintSessionToken>[0] = {}) => {
        const headers = { Cookie: `__Host-sallyport=${await mintSessionToken(claims)}` };
        await send(new Request(host + path, { headers }), bindings);
        const {
          acr,
          host: asked,
          path: judged,
          methods,
        } = decodeJwt(site.lastPage.headers.get("X-Sallyport-Assertion") ?? "");
        return [acr, asked, judged, methods];
      };
      const one = { enrolled: false, amr: ["pwd"], secondFactorAt: null };
      expect(await sent("/inbox")).toEqual(["second_factor", "site.example", "/", undefined]);
      expect(await sent("/notes/x")).toEqual(["second_factor", "site.example", "/notes/", undefined]);
      expect(await sent("/notes/x", one)).toEqual(["first_factor", "site.example", "/notes/", undefined]);
      expect(await sent("/feed", one)).toEqual(["first_factor", "site.example", "/feed$", undefined]);
      expect(await sent("/public/x", one)).toEqual(["first_factor", "site.example", "/public/", undefined]);
      expect(await sent("/api/x", one)).toEqual([
        "first_factor",
        "site.example",
        "/api/",
        ["GET", "OPTIONS"],
      ]);
    },
  );
});

describe("an endpoint for proxies behind the gate", () => {
  it("INC-28 is 404 for all other requests, as a path that does not exist", async () => {
    for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]) {
      for (const overrides of [{ PROXY_KEY: undefined }, { PROXY_KEY: proxyKey }]) {
        const bindings = environment({
          ORIGIN_URL: "http://origin.test",
          POLICY: '[{"path":"/*","require":"none"}]',
          ...overrides,
        });
        const bodyAt = async (path: string) => {
          const response = await send(new Request(`${host}${base}${path}`, { method }), bindings);
          return [response.status, (await response.text()).replace(/"request_id":"[^"]*"/, "")];
        };
        for (const endpoint of endpoints) expect(await bodyAt(endpoint)).toEqual(await bodyAt("/nothing"));
      }
    }
    expect(site.pages).toEqual([]);
  });
});
