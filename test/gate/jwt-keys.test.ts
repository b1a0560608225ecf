import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { generateKey, IdentityProvider, type SigningKey, signWith } from "../support/identity-provider.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";

let key: SigningKey;
let newKey: SigningKey;
let site: Site;
let idp: IdentityProvider;

beforeAll(async () => {
  key = await generateKey("k1");
  newKey = await generateKey("k2");
});
useFreshWorker();
beforeEach(() => {
  site = openSite();
  idp = new IdentityProvider(key);
  vi.mocked(fetch).mockImplementation(idp.beside(site));
});

/** The status of a visit with this token, for an account that needs no second factor. */
async function visit(token: string | Promise<string>): Promise<number> {
  const headers = { "Cf-Access-Jwt-Assertion": await token };
  const browser = new Browser({ ...idp.variables, ENROLMENT: "optional" });
  return (await browser.script("/inbox", { headers })).status;
}

const unknown = (kid = "k9") => signWith(key, idp.claims(), { kid });

describe("the keys of an identity provider", () => {
  it("are fetched once for many requests", async () => {
    expect(idp.fetches).toBe(0);
    for (let i = 0; i < 10; i++) expect(await visit(idp.token())).toBe(200);
    expect(idp.fetches).toBe(1);
  });

  it("are not fetched without a token, or for a token that cannot be valid", async () => {
    for (const token of [
      "",
      "garbage",
      "a.b.c",
      await signWith(await generateKey("k1", "ES256"), idp.claims()),
    ])
      expect(await visit(token)).toBe(401);
    expect(idp.fetches).toBe(0);
  });

  it("are fetched again at a key id that they don't have, when half a minute has passed", async () => {
    expect(await visit(idp.token())).toBe(200);
    idp.keys = [newKey, key];
    expect(await visit(idp.token())).toBe(401);
    advance(30);
    expect(await visit(idp.token())).toBe(200);
    expect(idp.fetches).toBe(2);
    expect(await visit(signWith(key, idp.claims()))).toBe(200);
    expect(idp.fetches).toBe(2);
  });

  it("are not fetched for every token with an unknown key id", async () => {
    expect(await visit(idp.token())).toBe(200);
    for (let i = 0; i < 20; i++) expect(await visit(unknown(`k${i + 10}`))).toBe(401);
    expect(idp.fetches).toBe(1);
    advance(30);
    for (let i = 0; i < 20; i++) expect(await visit(unknown(`k${i + 10}`))).toBe(401);
    expect(idp.fetches).toBe(2);
    expect(await visit(idp.token())).toBe(200);
  });

  it("CR-08 end with what the provider publishes, within ten minutes", async () => {
    expect(await visit(idp.token())).toBe(200);
    idp.keys = [newKey];
    advance(600);
    expect(await visit(signWith(key, idp.claims()))).toBe(401);
    expect(await visit(idp.token())).toBe(200);
    expect(idp.fetches).toBe(2);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ["500", () => new Response("oops", { status: 500 })],
    ["404", () => new Response(null, { status: 404 })],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { Location: "https://evil.test/keys" } }),
    ],
    ["a page", () => new Response("<h1>", { headers: { "Content-Type": "text/html" } })],
    ["broken JSON", () => new Response("{")],
    ["a list", () => Response.json([])],
    ["an object without keys", () => Response.json({})],
    ["a text for keys", () => Response.json({ keys: "k1" })],
    ["null", () => Response.json(null)],
    ["a key without its figures", () => Response.json({ keys: [{ kty: "RSA", kid: "k1", alg: "RS256" }] })],
    ["a connection that is refused", () => Promise.reject(new TypeError("connection refused"))],
  ])("INC-20 deny access when the provider responds with %s", async (_what, publish) => {
    idp.publish = publish;
    expect(await visit(idp.token())).toBe(503);
    const browser = new Browser(idp.variables);
    browser.added["Cf-Access-Jwt-Assertion"] = await idp.token();
    for (const path of ["/inbox", "/api/auth/account", "/api/auth/sign-in"]) {
      const page = await browser.load(path);
      expect([page.status, page.headers.get("Retry-After")]).toEqual([503, "5"]);
    }
    expect(site.pages).toHaveLength(0);
  });

  it("INC-20 deny access when there are none, or the wrong ones", async () => {
    for (const keys of [[], [newKey.jwk], [{ ...key.jwk, use: "enc" }], [{ ...key.jwk, alg: "PS256" }]]) {
      idp.publish = () => Response.json({ keys });
      advance(600);
      expect(await visit(idp.token())).toBe(401);
    }
    expect(site.pages).toHaveLength(0);
  });

  it("INC-20 deny access when the provider does not respond", async () => {
    idp.publish = ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    expect(await visit(idp.token())).toBe(503);
    expect(site.pages).toHaveLength(0);
  });

  it.each<[string, () => Response]>([
    ["is down", () => new Response(null, { status: 503 })],
    ["sends a page", () => new Response("<h1>")],
    ["sends JSON that is no key set", () => Response.json({ keys: "k1" })],
    ["sends too much", () => new Response(" ".repeat(300_000))],
  ])(
    "are not asked for by every visitor while the provider %s, and are there afterwards",
    async (_what, answer) => {
      const { publish } = idp;
      idp.publish = answer;
      for (let i = 0; i < 10; i++) expect(await visit(idp.token())).toBe(503);
      expect(idp.fetches).toBe(1);
      idp.publish = publish;
      advance(5);
      expect(await visit(idp.token())).toBe(200);
      expect(idp.fetches).toBe(2);
    },
  );

  it("stay in use while the provider is down", async () => {
    expect(await visit(idp.token())).toBe(200);
    idp.publish = () => new Response(null, { status: 503 });
    advance(31);
    for (let i = 0; i < 5; i++) {
      expect(await visit(unknown())).toBe(503);
      expect(await visit(idp.token())).toBe(200);
    }
    expect(idp.fetches).toBe(2);
    advance(600);
    expect(await visit(idp.token())).toBe(503);
  });
});
