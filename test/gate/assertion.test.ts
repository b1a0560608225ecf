import { env } from "cloudflare:workers";
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gated, mintSessionToken, mockOrigin, originUrl, visit, workersKeyring } from "../support/gate.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const jwksPath = "/api/auth/.well-known/jwks.json";
const issuer = "https://site.example/api/auth";

/** Sends a request with this session, and returns the assertion that the origin gets. */
async function passAs(bindings: ReturnType<typeof gated>, session: string): Promise<string> {
  const origin = mockOrigin();
  const response = await visit(bindings, "/a", { session });
  expect(response.status).toBe(200);
  return origin.only().headers.get("X-Sallyport-Assertion") ?? "";
}

const fetchJwks = async (bindings: ReturnType<typeof gated>) =>
  (await visit(bindings, jwksPath)).json<JSONWebKeySet>();

/** As an origin does it that trusts nothing but the Worker's address and its own. */
const verifyAsOrigin = (jwt: string, jwks: JSONWebKeySet, audience = originUrl) =>
  jwtVerify(jwt, createLocalJWKSet(jwks), { algorithms: ["EdDSA"], issuer, audience });

const randomKey = (kid: string) =>
  `${kid}:${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64")}`;

describe("the assertion", () => {
  it("WB-05 verifies with the published keys, and names the account", async () => {
    const firstFactorAt = new Date(Math.floor(Date.now() / 1000) * 1000 - 600_000);
    const secondFactorAt = new Date(firstFactorAt.getTime() + 60_000);
    const session = await mintSessionToken({ firstFactorAt, secondFactorAt });
    const jwt = await passAs(gated(), session);
    const { payload, protectedHeader } = await verifyAsOrigin(jwt, await fetchJwks(gated()));
    expect(protectedHeader).toEqual({ alg: "EdDSA", kid: "k1", typ: "JWT" });
    expect(payload).toEqual({
      iss: issuer,
      aud: originUrl,
      sub: "u-ada",
      preferred_username: "ada",
      email: "ada@example.com",
      acr: "second_factor",
      amr: ["pwd", "otp"],
      host: "site.example",
      path: "/",
      auth_time: secondFactorAt.getTime() / 1000,
      iat: expect.any(Number),
      exp: expect.any(Number),
    });
    const { iat = 0, exp = 0 } = payload;
    expect(exp - iat).toBeGreaterThan(0);
    expect(exp - iat).toBeLessThanOrEqual(60);
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(10);
  });

  it("has no e-mail address where the account has none", async () => {
    const jwt = await passAs(gated(), await mintSessionToken({ email: null }));
    const { payload } = await verifyAsOrigin(jwt, await fetchJwks(gated()));
    expect(payload).not.toHaveProperty("email");
  });

  it("SE-08 says one factor when there was one", async () => {
    const firstFactorAt = new Date(1_900_000_000_000);
    vi.useFakeTimers({ toFake: ["Date"], now: 1_900_000_100_000 });
    const session = await mintSessionToken({
      enrolled: false,
      amr: ["pwd"],
      firstFactorAt,
      secondFactorAt: null,
    });
    const bindings = gated([], { ENROLMENT: "optional" });
    const { payload } = await verifyAsOrigin(await passAs(bindings, session), await fetchJwks(bindings));
    expect(payload).toMatchObject({ acr: "first_factor", amr: ["pwd"], auth_time: 1_900_000_000 });
  });

  it("names a user of another script", async () => {
    const jwt = await passAs(gated(), await mintSessionToken({ username: "жанна" }));
    const { payload } = await verifyAsOrigin(jwt, await fetchJwks(gated()));
    expect(payload.preferred_username).toBe("жанна");
  });

  it("is made for one origin, and refused by another", async () => {
    const jwt = await passAs(gated(), await mintSessionToken());
    const jwks = await fetchJwks(gated());
    await expect(verifyAsOrigin(jwt, jwks, "http://other.test")).rejects.toThrow('"aud"');
  });

  it("is made for one request: a minute later it is refused", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_900_000_000_000 });
    const jwt = await passAs(gated(), await mintSessionToken());
    const jwks = await fetchJwks(gated());
    vi.setSystemTime(1_900_000_059_000);
    await expect(verifyAsOrigin(jwt, jwks)).resolves.toBeDefined();
    vi.setSystemTime(1_900_000_060_000);
    await expect(verifyAsOrigin(jwt, jwks)).rejects.toThrow('"exp"');
  });

  it("SE-15 opens no gate: it is no session token", async () => {
    const jwt = await passAs(gated(), await mintSessionToken());
    vi.mocked(fetch).mockRestore();
    const origin = mockOrigin();
    for (const headers of [{ Cookie: `__Host-sallyport=${jwt}` }, { Authorization: `Bearer ${jwt}` }])
      expect((await visit(gated(), "/a", { headers })).status).toBe(401);
    expect(origin.requests).toEqual([]);
  });
});

describe("the public keys", () => {
  it("CR-08 are Ed25519 keys without a private member", async () => {
    const response = await visit(gated(), jwksPath);
    expect(response.headers.get("Content-Type")).toContain("application/json");
    const { keys } = await response.json<JSONWebKeySet>();
    expect(keys).toEqual([
      {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        use: "sig",
        kid: "k1",
        x: expect.stringMatching(/^[\w-]{43}$/),
      },
    ]);
  });

  it("SE-13 may be cached for a while, and nothing else of the Worker's may", async () => {
    const jwks = await visit(gated(), jwksPath);
    expect(jwks.headers.get("Cache-Control")).toMatch(/^public, max-age=\d+$/);
    for (const path of [
      "/api/auth/health",
      "/api/auth/session",
      "/api/auth/sign-in",
      "/api/auth/nothing",
      "/a",
    ])
      expect((await visit(gated(), path)).headers.get("Cache-Control"), path).toBe("no-store");
  });

  it("CR-08 stay published after a rotation, so that what the old key signed verifies until it ends", async () => {
    const before = gated();
    const old = await passAs(before, await mintSessionToken());
    const after = gated([], { KEYRING: `${randomKey("k2")},${env.KEYRING}` });
    const jwks = await fetchJwks(after);
    expect(jwks.keys.map(({ kid }) => kid)).toEqual(["k2", "k1"]);
    await expect(verifyAsOrigin(old, jwks)).resolves.toMatchObject({ payload: { sub: "u-ada" } });

    vi.mocked(fetch).mockRestore();
    const fresh = await passAs(after, await mintSessionToken());
    expect(decodeProtectedHeader(fresh).kid).toBe("k2");
    await expect(verifyAsOrigin(fresh, jwks)).resolves.toMatchObject({ payload: { sub: "u-ada" } });
    await expect(verifyAsOrigin(fresh, await fetchJwks(before))).rejects.toThrow("no applicable key");
  });

  it("CR-08 forget a key that has left the keyring, and so does the gate", async () => {
    const keyring = randomKey("k2");
    const after = gated([], { KEYRING: keyring });
    const old = await passAs(gated(), await mintSessionToken());
    await expect(verifyAsOrigin(old, await fetchJwks(after))).rejects.toThrow("no applicable key");
    vi.mocked(fetch).mockRestore();
    mockOrigin();
    expect((await visit(after, "/a", { session: await mintSessionToken() })).status).toBe(401);
    const session = await mintSessionToken({}, workersKeyring(keyring));
    expect((await visit(after, "/a", { session })).status).toBe(200);
  });

  it("are of another keyring where the key is another one of the same name", async () => {
    const other = gated([], { KEYRING: randomKey("k1") });
    const jwt = await passAs(gated(), await mintSessionToken());
    await expect(verifyAsOrigin(jwt, await fetchJwks(other))).rejects.toThrow("signature");
  });
});
