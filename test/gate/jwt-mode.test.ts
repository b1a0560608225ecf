import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { generateKey, IdentityProvider, type SigningKey } from "../support/identity-provider.ts";
import { Browser, countCosts, nothing, openSite, type Site } from "../support/origin-site.ts";
import { listEvents, query } from "../support/rows.ts";

const carrier = "Cf-Access-Jwt-Assertion";

let key: SigningKey;
let site: Site;
let idp: IdentityProvider;

beforeAll(async () => {
  key = await generateKey("k1");
});
useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.answer = ({ headers }) => new Response(`hello ${headers.get("Remote-User") ?? "nobody"}`);
  idp = new IdentityProvider(key);
  vi.mocked(fetch).mockImplementation(idp.beside(site));
});

/** A browser that a provider's proxy stands in front of: every request has a token. */
async function signedIn(claims = {}, overrides = {}) {
  const browser = new Browser({ ...idp.variables, ...overrides });
  browser.added[carrier] = await idp.token(claims);
  return browser;
}

const setUp = "/api/auth/account/two-factor?rd=%2Finbox";
const secondFactor = "/api/auth/second-factor?rd=%2Finbox";

describe("behind an identity provider", () => {
  it("accepts a valid token, creates the account in its realm, and requires a code", async () => {
    const browser = await signedIn();
    expect(await browser.redirectOf("/inbox")).toBe(setUp);
    expect(site.pages).toHaveLength(0);
    const users = await query("SELECT realm, username, email, password_hash FROM users");
    expect(users).toEqual([{ realm: "jwt", username: "ada", email: "ada@idp.test", password_hash: null }]);
    expect(await listEvents("user.created")).toHaveLength(1);

    await browser.enrol();
    expect(await (await browser.load("/inbox")).text()).toBe("hello ada");
    expect(site.lastPage.headers.get("Remote-Email")).toBe("ada@idp.test");
  });

  it("costs no trip to D1, no call of KV and no look at the keys while a session is fresh", async () => {
    const { bindings, costOf } = countCosts(site);
    const browser = await signedIn({}, bindings);
    await browser.enrol();
    await browser.load("/inbox");
    const fetches = idp.fetches;
    const cost = await costOf(async () => expect((await browser.load("/inbox")).status).toBe(200));
    expect([cost, idp.fetches - fetches]).toEqual([nothing, 0]);
  });

  it("asks for no new code when the same person's token is renewed", async () => {
    const browser = await signedIn();
    await browser.enrol();
    for (let i = 0; i < 3; i++) {
      advance(200);
      browser.added[carrier] = await idp.token({ jti: `renewed-${i}` });
      expect(await (await browser.load("/inbox")).text()).toBe("hello ada");
    }
  });

  it("requires another account in the same browser to submit its own code", async () => {
    const grace = await signedIn({ sub: "grace" });
    const secret = await grace.enrol();
    const browser = await signedIn();
    await browser.enrol();
    await browser.load("/inbox");
    browser.added[carrier] = await idp.token({ sub: "grace" });
    const reached = site.pages.length;
    expect(await browser.redirectOf("/inbox")).toBe(secondFactor);
    expect((await browser.script("/inbox")).status).toBe(401);
    expect(site.pages).toHaveLength(reached);
    await browser.passSecondFactor(secret);
    expect(await (await browser.load("/inbox")).text()).toBe("hello grace");
    browser.added[carrier] = await idp.token({ sub: "ada" });
    expect(await browser.redirectOf("/inbox")).toBe(secondFactor);
  });

  it("asks the same name of another provider for a code of its own", async () => {
    const browser = await signedIn();
    await browser.enrol();
    const other = await signedIn({ iss: "https://other.test" }, { JWT_ISSUER: "https://other.test" });
    for (const [name, value] of browser.cookies) other.cookies.set(name, value);
    expect(await other.redirectOf("/inbox")).toBe(secondFactor);
  });

  it("ends at once with the token, however fresh the session is", async () => {
    const browser = await signedIn();
    await browser.enrol();
    const reached = site.pages.length;
    for (const token of [
      undefined,
      "",
      "garbage",
      await idp.token({ exp: Math.floor(Date.now() / 1000) - 60 }),
    ]) {
      if (token === undefined) delete browser.added[carrier];
      else browser.added[carrier] = token;
      expect(await browser.redirectOf("/inbox")).toBe("/api/auth/sign-in?rd=%2Finbox");
    }
    expect(site.pages).toHaveLength(reached);
  });

  it("never forwards anonymous requests: a script gets 401, and a page load a page that explains", async () => {
    const browser = new Browser(idp.variables);
    const data = await browser.script("/inbox");
    expect([data.status, await data.json()]).toEqual([
      401,
      expect.objectContaining({ code: "unauthenticated", sign_in: "/api/auth/sign-in?rd=%2Finbox" }),
    ]);
    expect((await browser.post("/inbox", { a: "1" })).status).toBe(401);
    const page = await browser.follow("/inbox");
    expect(page.status).toBe(401);
    const text = await page.text();
    expect(text).toContain("You are not signed in at the identity provider");
    expect(text).not.toContain("<form");
    for (const own of ["/account", "/account/two-factor", "/second-factor"])
      expect([own, (await browser.follow(`/api/auth${own}`)).status]).toEqual([own, 401]);
    expect([site.pages.length, idp.fetches]).toEqual([0, 0]);
  });

  it("forwards anonymous requests as anonymous where the path is public", async () => {
    const POLICY = JSON.stringify([{ path: "/public/*", require: "none" }]);
    const browser = new Browser({ ...idp.variables, POLICY });
    expect(await (await browser.load("/public/x")).text()).toBe("hello nobody");
    expect(idp.fetches).toBe(0);
  });

  it("does not pass the provider's word on to the site as its own", async () => {
    const browser = await signedIn({}, { ENROLMENT: "optional" });
    await browser.load("/inbox", { "Remote-User": "root" });
    expect(site.lastPage.headers.get("Remote-User")).toBe("ada");
  });

  it("has no password sign-in", async () => {
    const browser = await signedIn();
    expect((await browser.post("/api/auth/sign-in", { username: "ada", password: "x" })).status).toBe(404);
    const headers = { "Content-Type": "application/json" };
    const login = { method: "POST", headers, body: '{"username":"ada","password":"x"}' };
    expect((await browser.script("/api/auth/login", login)).status).toBe(404);
  });
});

describe("where the token is", () => {
  const visit = async (overrides: object, headers: Record<string, string>) =>
    new Browser({ ...idp.variables, ...overrides }).load("/inbox", headers);

  it("is the header of JWT_SOURCE, in any case, with or without Bearer", async () => {
    const token = await idp.token();
    for (const [JWT_SOURCE, name, value] of [
      ["header:Cf-Access-Jwt-Assertion", "cf-access-jwt-assertion", token],
      ["header:Authorization", "Authorization", `Bearer ${token}`],
      ["header:authorization", "Authorization", `bearer  ${token}`],
      ["header:X-Token", "X-TOKEN", token],
      ["header:X_Id.Token", "X_Id.Token", token],
    ] as const) {
      const response = await visit({ JWT_SOURCE }, { [name]: value });
      expect([JWT_SOURCE, response.headers.get("Location")]).toEqual([JWT_SOURCE, setUp]);
    }
  });

  it("is the cookie of JWT_SOURCE", async () => {
    const Cookie = `a=1; CF_Authorization=${await idp.token()}; b=2`;
    const response = await visit({ JWT_SOURCE: "cookie:CF_Authorization" }, { Cookie });
    expect(response.headers.get("Location")).toBe(setUp);
  });

  it("is nowhere else", async () => {
    const token = await idp.token();
    const elsewhere: [string, Record<string, string>][] = [
      ["header:X-Token", { Authorization: `Bearer ${token}` }],
      ["header:X-Token", { Cookie: `X-Token=${token}` }],
      ["cookie:CF_Authorization", { CF_Authorization: token }],
      ["cookie:CF_Authorization", { Cookie: `XCF_Authorization=${token}` }],
      ["header:X-Token", { "X-Token": `Basic ${token}` }],
    ];
    for (const [JWT_SOURCE, headers] of elsewhere) {
      const response = await visit({ JWT_SOURCE }, headers);
      expect([headers, response.headers.get("Location")]).toEqual([headers, "/api/auth/sign-in?rd=%2Finbox"]);
    }
    const inAddress = await new Browser(idp.variables).load(`/inbox?${carrier}=${token}`);
    expect(inAddress.headers.get("Location")).toContain("/sign-in");
  });

  it("INC-24 INC-26 is refused where the site may read another one", async () => {
    const [ada, grace] = [await idp.token(), await idp.token({ sub: "grace" })];
    const again = await idp.token({ jti: "2" });
    const cases: [string, Record<string, string>][] = [
      ["cookie:jwt_token", { Cookie: `jwt_token=${ada}; jwt_token=${grace}` }],
      ["cookie:jwt_token", { Cookie: `jwt_token=${grace}; jwt_token=${ada}` }],
      ["cookie:jwt_token", { Cookie: `jwt_token=${ada}; jwt_token=${again}` }],
      ["cookie:jwt_token", { Cookie: `jwt_token=forged; jwt_token=${ada}` }],
      ["cookie:jwt_token", { Cookie: `jwt_token=${ada}; JWT_Token=${grace}` }],
      ["cookie:jwt_token", { Cookie: `jwt_token=${ada}; jwt.token=forged` }],
      ["cookie:jwt_token", { Cookie: `jwt_token=${ada}; %6awt_token=${grace}` }],
      ["cookie:jwt_token", { Cookie: `jwt_token=${ada}; a=b jwt_token=${grace}` }],
      ["cookie:jwt_token", { Cookie: `jwt_token=${ada}; \u0085jwt_token=forged` }],
      ["cookie:jwt_token", { Cookie: `__Host-sallyport=1 jwt_token=forged; jwt_token=${ada}` }],
      ["header:X-Id-Token", { "X-Id-Token": ada, X_Id_Token: "forged" }],
      ["header:X-Id-Token", { "X-Id-Token": ada, "X~Id~Token": ada }],
      ["header:X-Id-Token", { X_Id_Token: ada }],
      ["header:X-Id-Token", { "X-Id-Token": `${ada}, ${ada}` }],
    ];
    for (const [JWT_SOURCE, headers] of cases) {
      const response = await visit({ JWT_SOURCE, ENROLMENT: "optional" }, headers);
      expect([headers, response.status, response.headers.get("Location")]).toEqual([headers, 401, null]);
    }
    expect(site.pages).toHaveLength(0);
    const Cookie = `jwt_token=${ada}; jwt_token=${ada}`;
    const same = await visit({ JWT_SOURCE: "cookie:jwt_token" }, { Cookie });
    expect(same.headers.get("Location")).toBe(setUp);
  });

  it("INC-26 reaches the site on an open path in the spelling of JWT_SOURCE only", async () => {
    const POLICY = JSON.stringify([{ path: "/*", require: "none" }]);
    await visit({ JWT_SOURCE: "header:X-Id-Token", POLICY }, { "X-Id-Token": "a", X_Id_Token: "b" });
    expect(site.lastPage.headers.get("X-Id-Token")).toBe("a");
    expect(site.lastPage.headers.get("X_Id_Token")).toBeNull();
  });
});
