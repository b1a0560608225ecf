import { env } from "cloudflare:workers";
import { createLocalJWKSet, jwtVerify, SignJWT } from "jose";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { openField } from "../../src/core/crypto/envelope.ts";
import { apiKeyScopes } from "../../src/domain/service-api/service-caller.ts";
import { serviceOperations } from "../../src/http/api/service/service-operations.ts";
import { createReadyAccount, fullToken, verify } from "../support/accounts.ts";
import { Backend, createKey, operator, userPath } from "../support/backend.ts";
import { createChallenge, shopUrls, step, visitChallenge } from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import { proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mintSessionToken, mockOrigin, originUrl, visit, workersKeyring } from "../support/gate.ts";
import { generateKey, IdentityProvider } from "../support/identity-provider.ts";
import {
  exportAll,
  fileOf,
  generateOperatorKey,
  importFile,
  requestExport,
  rfcSecret,
} from "../support/import-export.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { originVariables, Site, Browser as SiteBrowser } from "../support/origin-site.ts";
import { listEvents, query, readUser } from "../support/rows.ts";
import { secretOn } from "../support/site.ts";
import {
  type Account,
  type Answer,
  Client,
  code,
  createAccount,
  type EnrolledAccount,
  environment,
} from "../support/worker.ts";

// SECURITY.md, "What a leak gives away": each cell of the table is a test here, in which the holder of a secret tries it.
// A copy of D1 is in test/flows/at-rest.test.ts. INC-29 has the two that this page is about; the ways to touch an
// account of ADMIN_USERS are all in test/flows/admin-users.test.ts.

const variables = { ADMIN_USERS: "root" };
const bindings = () => environment(variables);
const theirs = "a password of the attacker";

useFreshWorker();
beforeEach(() => {
  collectLogLines();
});

/** An attacker's program that shows a key to the service API. */
const holder = (key: string, realm = "local") => new Backend(realm, key, new Client(bindings()));

/** Signs in with the attacker's password, sets up a second factor of the attacker's, and asks the gate for a page. */
async function enterAs(username: string): Promise<{ status: number; user: string | null }> {
  const client = new Client(bindings());
  const account = { username, password: theirs };
  const first = await client.login(account);
  if (first.json.status !== "success") return { status: first.status, user: null };
  const { session_token: token } = first.json;
  const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
  await client.post("/totp/enable", { code: await code(secret) }, { token });
  advance(30);
  const pending = (await client.login(account)).json.session_token;
  const done = await verify(pending, await code(secret), {}, client);
  return forwardIfAuthorized(done.json.session_token);
}

/** Asks the gate for a page with the token of a session: the status, and the user that the origin is told. */
async function forwardIfAuthorized(
  session: string,
  overrides = {},
): Promise<{ status: number; user: string | null }> {
  const origin = mockOrigin();
  const { status } = await visit(gated([], { ...variables, ...overrides }), "/private", { session });
  return { status, user: origin.requests[0]?.headers.get("Remote-User") ?? null };
}

/** What an account must not have given away. */
async function secretsOf({ id, secret, backupCodes }: EnrolledAccount): Promise<string[]> {
  const { password_hash: hash } = await readUser(id);
  return [secret, ...backupCodes, ...(hash === null ? [] : [hash])];
}

/** Every answer that a key gets from a call that only reads. */
async function readEverything(key: Backend, { id }: Account): Promise<string> {
  const paths = serviceOperations
    .filter(({ method }) => method === "get")
    .map(({ path }) => path.replace(":id", id).replace(":challenge", "none"));
  const answers = await Promise.all(paths.map((path) => key.get(path)));
  return answers.map(({ text }) => text).join("\n");
}

const isRefused = ({ status, json }: Answer) => [status, json.code, json.export_key];
const needsExportKey = [403, "forbidden", "not_shown"];

describe("the holder of ADMIN_KEY", () => {
  it("INC-29 can make an account, with a second factor of their own, and pass the gate as that", async () => {
    const made = await holder(env.ADMIN_KEY).post("/v1/users", { username: "mallory", password: theirs });
    expect(made.status).toBe(201);
    expect(await enterAs("mallory")).toEqual({ status: 200, user: "mallory" });
  });

  it("INC-29 can take over an account that is not in ADMIN_USERS", async () => {
    const carol = await createReadyAccount("carol");
    const thief = holder(env.ADMIN_KEY);
    expect((await thief.put(userPath(carol.id), { password: theirs })).status).toBe(200);
    expect((await thief.post(`${userPath(carol.id)}/reset`)).status).toBe(200);
    expect(await enterAs("carol")).toEqual({ status: 200, user: "carol" });
  });

  it.each(["origin", "jwt", "proxy"] as const)(
    "INC-29 can reset an account of the realm %s: then its first factor alone leads to a new set-up",
    async (realm) => {
      const idp = new IdentityProvider(await generateKey("k1"));
      const site = new Site();
      site.sessions.set("S", "carol");
      vi.spyOn(globalThis, "fetch").mockImplementation(idp.beside(site));
      const token = await idp.token({ sub: "carol" });
      const withFirstFactor = () => {
        const more = realm === "jwt" ? idp.variables : { FIRST_FACTOR: realm, PROXY_KEY: proxyKey };
        const browser = SiteBrowser.signedIn("S", more);
        if (realm === "jwt") browser.added["Cf-Access-Jwt-Assertion"] = token;
        if (realm === "proxy")
          Object.assign(browser.added, { "X-Sallyport-Proxy-Key": proxyKey, "Remote-User": "carol" });
        return browser;
      };
      await withFirstFactor().enrol();
      expect(await withFirstFactor().redirectOf("/inbox")).toBe("/api/auth/second-factor?rd=%2Finbox");
      const [carol] = await query<{ id: string }>("SELECT id FROM users WHERE username = 'carol'");
      const path = `${userPath(carol?.id ?? "")}/reset?realm=${realm}`;
      const reset = await holder(env.ADMIN_KEY).post(path);
      expect(reset.status).toBe(200);
      expect(await withFirstFactor().redirectOf("/inbox")).toBe("/api/auth/account/two-factor?rd=%2Finbox");
    },
  );

  it("INC-29 protects no account when ADMIN_USERS is empty", async () => {
    const root = await createReadyAccount("root");
    const thief = new Backend("local", env.ADMIN_KEY, new Client(environment({ ADMIN_USERS: "" })));
    expect((await thief.post(`${userPath(root.id)}/reset`)).status).toBe(200);
  });

  it("INC-29 can't take over an account that is in ADMIN_USERS", async () => {
    const root = await createReadyAccount("root");
    const thief = holder(env.ADMIN_KEY);
    const minted = await createKey(thief, "local", { return_urls: shopUrls });
    for (const key of [thief, minted]) {
      expect(isRefused(await key.put(userPath(root.id), { password: theirs }))).toEqual(needsExportKey);
      expect(isRefused(await key.post(`${userPath(root.id)}/reset`))).toEqual(needsExportKey);
      expect(isRefused(await key.delete(userPath(root.id)))).toEqual(needsExportKey);
    }
    expect((await enterAs("root")).status).toBe(401);
    expect(await forwardIfAuthorized(await fullToken(root))).toEqual({ status: 200, user: "root" });
  });

  it("INC-29 can't export: not to a key of their own, in no realm, and with no API key that they make", async () => {
    await createReadyAccount("root");
    await importFile(fileOf({ id: "1", secret: rfcSecret }), { realm: "shop" });
    const { publicJwk } = await generateOperatorKey();
    const keys = await Promise.all(["local", "shop"].map((realm) => createKey(holder(env.ADMIN_KEY), realm)));
    for (const options of [
      { token: env.ADMIN_KEY },
      { token: env.ADMIN_KEY, realm: "shop" },
      ...keys.map(({ key }) => ({ token: key })),
    ]) {
      const answer = await requestExport(publicJwk, { ...options, headers: {}, bindings: bindings() });
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, "forbidden"]);
    }
    expect(await listEvents("users.exported")).toEqual([]);
  });

  it("INC-29 gets no live secret, backup code or password hash from any call that reads", async () => {
    const carol = await createReadyAccount("carol");
    const said = await readEverything(holder(env.ADMIN_KEY), carol);
    for (const secret of await secretsOf(carol)) expect(said).not.toContain(secret);
    expect(said).toContain("carol@example.com");
  });

  it("INC-29 is told by an import whether a guess of a whole secret is right, and nothing of one that is not", async () => {
    const carol = await createReadyAccount("carol");
    const errors = async (line: object) =>
      (await importFile(fileOf(line), { bindings: bindings() })).json.data.errors;
    const close = carol.secret.replace(/.$/, (last) => (last === "A" ? "Q" : "A"));
    const wrong = await errors({ id: carol.id, username: "carol", secret: rfcSecret });
    expect(await errors({ id: carol.id, username: "carol", secret: close })).toEqual(wrong);
    expect(await errors({ id: carol.id, username: "carol", secret: carol.secret })).toEqual([]);
  });

  it("INC-29 can't speak as a visitor: it is no session token, at the API and at the gate", async () => {
    mockOrigin();
    const headers = { Authorization: `Bearer ${env.ADMIN_KEY}` };
    expect((await visit(gated([], variables), "/private", { headers })).status).toBe(401);
    expect((await new Client(bindings()).call("/session", { token: env.ADMIN_KEY })).status).toBe(401);
  });
});

describe("the holder of EXPORT_KEY", () => {
  it("INC-29 can do nothing with it alone: it is no key of any call", async () => {
    const root = await createReadyAccount("root");
    const { publicJwk } = await generateOperatorKey();
    const bearer = { token: env.EXPORT_KEY, bindings: bindings() };
    expect((await requestExport(publicJwk, bearer)).status).toBe(401);
    const thief = holder(env.EXPORT_KEY);
    const beside = { headers: { "X-Sallyport-Export-Key": env.EXPORT_KEY } };
    for (const { method, path } of serviceOperations) {
      const at = path.replace(":id", root.id).replace(/:\w+/g, "x");
      const options = { method: method.toUpperCase(), ...(method === "get" ? {} : { body: {} }) };
      const answers = [
        await thief.client.call(at, { ...options, ...beside, token: thief.key }),
        await thief.client.call(at, { ...options, ...beside }),
      ];
      for (const { status, json } of answers)
        expect([path, status, json.code]).toEqual([path, 401, "invalid_api_key"]);
    }
    mockOrigin();
    const gate = { headers: { ...beside.headers, Authorization: `Bearer ${env.EXPORT_KEY}` } };
    expect((await visit(gated([], variables), "/private", gate)).status).toBe(401);
  });
});

describe("the holder of ADMIN_KEY and EXPORT_KEY", () => {
  it("INC-29 can take out every live secret, and compute the codes of every account", async () => {
    const root = await createReadyAccount("root");
    const { users } = await exportAll({ bindings: bindings() });
    const [line] = users.filter(({ username }) => username === "root");
    expect(line.secret).toBe(root.secret);
    expect(line.password_hash).toMatch(/^\$scrypt\$/);
    const pending = (await new Client(bindings()).login(root)).json.session_token;
    expect((await verify(pending, await code(line.secret), {}, new Client(bindings()))).status).toBe(200);
  });

  it("INC-29 can take over an account that is in ADMIN_USERS", async () => {
    const root = await createReadyAccount("root");
    const thief = holder(env.ADMIN_KEY);
    const beside = { headers: { "X-Sallyport-Export-Key": env.EXPORT_KEY } };
    expect((await thief.put(userPath(root.id), { password: theirs }, beside)).status).toBe(200);
    expect((await thief.post(`${userPath(root.id)}/reset`, {}, beside)).status).toBe(200);
    expect(await enterAs("root")).toEqual({ status: 200, user: "root" });
    const recorded = await listEvents("export_key.accepted");
    expect(recorded.map(({ actor, user_id: user }) => [actor, user])).toEqual([
      ["admin", root.id],
      ["admin", root.id],
    ]);
  });

  it("INC-29 can't read a password: what comes out are hashes", async () => {
    const root = await createReadyAccount("root");
    const { file } = await exportAll({ bindings: bindings() });
    expect(file).not.toContain(root.password);
  });
});

describe("the holder of an API key", () => {
  /** A key of the password users, with one scope. */
  const keyWith = (scope: (typeof apiKeyScopes)[number]) =>
    createKey(operator(new Client(bindings())), "local", { scopes: [scope], return_urls: shopUrls });

  it.each(apiKeyScopes)(
    "CR-09 with the scope %s alone can make the calls of that scope, and no other",
    async (scope) => {
      const carol = await createReadyAccount("carol");
      const key = await keyWith(scope);
      for (const { id, method, path, access } of serviceOperations) {
        const at = path.replace(":id", carol.id).replace(/:\w+/g, "none");
        const { status, json } = await key.client.call(at, {
          method: method.toUpperCase(),
          token: key.key,
          // Nothing is done: no call takes this.
          ...(method === "get" ? {} : { body: { nothing: true } }),
        });
        const lacks = status === 403 && /does not have the scope/.test(json.detail);
        expect([id, lacks]).toEqual([id, access !== scope]);
      }
    },
  );

  it.each(apiKeyScopes)(
    "INC-29 with the scope %s is shown no live secret, backup code or password hash",
    async (scope) => {
      const carol = await createReadyAccount("carol");
      const said = await readEverything(await keyWith(scope), carol);
      for (const secret of await secretsOf(carol)) expect(said).not.toContain(secret);
      expect(said.includes("carol@example.com")).toBe(scope === "users:read");
    },
  );

  it("WB-09 finds nothing of another realm", async () => {
    const carol = await createReadyAccount("carol");
    const other = await createKey(operator(new Client(bindings())), "shop");
    expect((await other.get(userPath(carol.id))).status).toBe(404);
    expect((await other.post(`${userPath(carol.id)}/reset`)).status).toBe(404);
    expect((await other.get(`${userPath(carol.id)}?realm=local`)).status).toBe(404);
  });

  it("INC-29 with the scope users:write can take over an account of its realm, and none of ADMIN_USERS", async () => {
    const [carol, root] = [await createReadyAccount("carol"), await createReadyAccount("root")];
    const key = await keyWith("users:write");
    for (const { id } of [carol, root]) {
      const expected = id === root.id ? needsExportKey : [200, undefined, undefined];
      expect(isRefused(await key.put(userPath(id), { password: theirs }))).toEqual(expected);
      expect(isRefused(await key.delete(`${userPath(id)}/totp`))).toEqual(expected);
    }
    expect(await enterAs("carol")).toEqual({ status: 200, user: "carol" });
    expect((await enterAs("root")).status).toBe(401);
  });

  it("INC-29 with the scope verify can put a second factor on an account that has none, and can't sign in with it", async () => {
    const dave = await createAccount("dave");
    const key = await keyWith("verify");
    const browser = await visitChallenge(await createChallenge(key, dave.id), bindings());
    const secret = secretOn(await step(browser, "start"));
    await step(browser, "confirm", { code: await code(secret) });
    expect((await readUser(dave.id)).totp_enabled).toBe(1);
    expect(await query("SELECT id FROM sessions WHERE kind = 'full'")).toEqual([]);
    expect((await new Client(bindings()).login({ ...dave, password: theirs })).status).toBe(401);
  });

  it("INC-29 with the scope verify can use up the codes of an account, and of none of ADMIN_USERS", async () => {
    const [carol, root] = [await createReadyAccount("carol"), await createReadyAccount("root")];
    const key = await keyWith("verify");
    await query("UPDATE users SET second_factor_failures = 99");
    expect((await key.verify(carol.id, "0000-0000")).status).toBe(401);
    expect((await key.verify(carol.id, await code(carol.secret))).json.code).toBe("second_factor_disabled");
    expect(isRefused(await key.verify(root.id, "0000-0000"))).toEqual(needsExportKey);
    expect((await readUser(root.id)).second_factor_failures).toBe(99);
  });

  it("INC-29 with the scope admin can reset an account of its realm and bring accounts in, and can't export", async () => {
    const carol = await createReadyAccount("carol");
    const key = await keyWith("admin");
    expect((await key.post(`${userPath(carol.id)}/reset`)).status).toBe(200);
    const own = fileOf({ username: "mallory", secret: rfcSecret }, { username: "root", secret: rfcSecret });
    const { json } = await importFile(own, { token: key.key, bindings: bindings() });
    expect(json.data).toMatchObject({ created: 1, failed: 1, errors: [{ line: 2, code: "forbidden" }] });
    const { publicJwk } = await generateOperatorKey();
    const options = { token: key.key, headers: {}, bindings: bindings() };
    expect((await requestExport(publicJwk, options)).status).toBe(403);
    // A key that it makes can do no more than it can itself.
    const wider = await key.post("/v1/api-keys", { name: "wider", scopes: ["users:write"] });
    expect([wider.status, wider.json.code]).toEqual([403, "forbidden"]);
  });
});

describe("the holder of PROXY_KEY", () => {
  const shown = { "X-Sallyport-Proxy-Key": proxyKey };
  const asRoot = { ...shown, "Remote-User": "root", "Remote-Email": "root@site.test" };

  it("with FIRST_FACTOR=password can choose the address that failures are counted for, and can't sign in", async () => {
    const carol = await createReadyAccount("carol");
    const client = new Client(environment({ PROXY_KEY: proxyKey }));
    const guess = (headers: Record<string, string>) =>
      client.login({ ...carol, password: "wrong" }, { headers, address: "203.0.113.7" });
    for (let network = 1; network <= 20; network++)
      expect((await guess({ ...shown, "X-Forwarded-For": `198.51.${network}.1` })).status).toBe(401);
    const [event] = await listEvents("first_factor.refused");
    expect(event?.client_address).toBe("198.51.1.1");
    // Without it they all come from one network.
    for (let tries = 0; tries < 10; tries++) await guess({ "X-Forwarded-For": `198.51.${tries}.1` });
    expect((await guess({})).status).toBe(429);
    const origin = mockOrigin();
    const bound = gated([], { PROXY_KEY: proxyKey });
    expect((await visit(bound, "/private", { headers: asRoot })).status).toBe(401);
    expect(origin.requests).toEqual([]);
  });

  it("with FIRST_FACTOR=origin is anonymous: the origin is not told of a user", async () => {
    const site = new Site();
    vi.spyOn(globalThis, "fetch").mockImplementation(site.fetch as typeof fetch);
    const browser = new SiteBrowser({ PROXY_KEY: proxyKey });
    Object.assign(browser.added, asRoot);
    expect(await (await browser.script("/inbox")).text()).toBe("hello nobody");
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    expect(await query("SELECT id FROM users")).toEqual([]);
    expect(originVariables.FIRST_FACTOR).toBe("origin");
  });

  it("with FIRST_FACTOR=jwt is anonymous, and does not get in", async () => {
    const idp = new IdentityProvider(await generateKey("k1"));
    const site = new Site();
    vi.spyOn(globalThis, "fetch").mockImplementation(idp.beside(site));
    const browser = new SiteBrowser({ ...idp.variables, PROXY_KEY: proxyKey });
    Object.assign(browser.added, asRoot);
    expect((await browser.script("/inbox")).status).toBe(401);
    expect(site.pages).toEqual([]);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("with FIRST_FACTOR=proxy can be any user without a second factor, and can't pass the second factor of another", async () => {
    const site = new Site();
    vi.spyOn(globalThis, "fetch").mockImplementation(site.fetch as typeof fetch);
    const proxied = (user: string) => {
      const browser = new SiteBrowser({ FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey });
      Object.assign(browser.added, shown, { "Remote-User": user });
      return browser;
    };
    const owner = proxied("root");
    await owner.enrol();
    expect((await owner.script("/inbox")).status).toBe(200);
    site.pages.length = 0;

    expect((await proxied("root").script("/inbox")).status).toBe(401);
    expect(site.pages).toEqual([]);
    const thief = proxied("newcomer");
    await thief.enrol();
    expect((await thief.script("/inbox")).status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBe("newcomer");
  });
});

describe("the holder of KEYRING", () => {
  const keyring = workersKeyring();
  const asRoot = { userId: "any", username: "root", realm: "local" } as const;

  it("can make a session that the gate believes without asking the store", async () => {
    expect(await forwardIfAuthorized(await mintSessionToken(asRoot))).toEqual({ status: 200, user: "root" });
  });

  it("can't with SESSION_RECHECK = 0, nor under BASE_PATH, where the store is asked", async () => {
    const token = await mintSessionToken(asRoot);
    expect((await forwardIfAuthorized(token, { SESSION_RECHECK: "0" })).status).toBe(401);
    for (const path of ["/session", "/totp", "/sessions"])
      expect([path, (await new Client(bindings()).call(path, { token })).status]).toEqual([path, 401]);
  });

  it("can sign an assertion that every origin believes", async () => {
    const keys = await keyring.assertionKeys(keyring.currentKid);
    if (keys === null) throw new Error("The keyring has no key");
    const assertion = await new SignJWT({ preferred_username: "root", amr: ["pwd", "otp"] })
      .setProtectedHeader({ alg: "EdDSA", kid: keyring.currentKid, typ: "JWT" })
      .setIssuer("https://site.example/api/auth")
      .setAudience(originUrl)
      .setExpirationTime(new Date(Date.now() + 60_000))
      .sign(keys.privateKey);
    const jwks = (await new Client(bindings()).call("/.well-known/jwks.json")).json;
    const { payload } = await jwtVerify(assertion, createLocalJWKSet(jwks), { currentDate: new Date() });
    expect(payload.preferred_username).toBe("root");
  });

  it("can't sign in, and can't call the service API", async () => {
    const root = await createReadyAccount("root");
    const client = new Client(bindings());
    expect((await client.login({ ...root, password: env.KEYRING })).status).toBe(401);
    expect((await client.call("/v1/users", { token: env.KEYRING.slice(0, 200) })).status).toBe(401);
    expect((await client.call("/v1/users", { token: await mintSessionToken(asRoot) })).status).toBe(401);
  });

  it("with a copy of D1 can compute the codes of every account, and can't read a password", async () => {
    const root = await createReadyAccount("root");
    const row = await readUser(root.id);
    const field = { table: "users", column: "totp_secret", rowId: root.id };
    const opened = await openField(keyring, field, row.totp_secret ?? "");
    expect(opened).toEqual({ ok: true, text: root.secret });
    expect(JSON.stringify(row)).not.toContain(root.password);
  });
});
