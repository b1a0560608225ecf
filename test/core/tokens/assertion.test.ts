import { decodeProtectedHeader, importJWK, type JWK, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import {
  type AssertedIdentity,
  type AssertedScope,
  listPublicJwks,
  signAssertion,
} from "../../../src/core/tokens/assertion.ts";
import { keyringOf, randomKey } from "../../support/keyring.ts";

const now = new Date("2026-11-22T12:00:00.900Z");
const [issuer, audience] = ["https://site.example/api/auth", "http://origin.test"];

const identity: AssertedIdentity = {
  userId: "u-1",
  username: "жанна",
  email: "ada@example.com",
  acr: "second_factor",
  amr: ["pwd", "otp"],
  authenticatedAt: new Date("2026-11-22T11:00:00.900Z"),
};
const scope: AssertedScope = { host: "www.site.example", pathPrefix: "/admin/", methods: null };

describe("an assertion", () => {
  it("WB-05 names account, audience, methods and times, and is valid for a minute", async () => {
    const keyring = keyringOf("k1");
    const jwt = await signAssertion(keyring, { issuer, audience, identity, scope, now });
    const [jwk] = await listPublicJwks(keyring);
    const { payload, protectedHeader } = await jwtVerify(jwt, await importJWK(jwk as JWK), {
      currentDate: now,
    });
    expect(protectedHeader).toEqual({ alg: "EdDSA", kid: "k1", typ: "JWT" });
    const at = Date.UTC(2026, 10, 22, 12) / 1000;
    expect(payload).toEqual({
      iss: issuer,
      aud: audience,
      sub: "u-1",
      preferred_username: "жанна",
      email: "ada@example.com",
      acr: "second_factor",
      amr: ["pwd", "otp"],
      auth_time: at - 3600,
      host: "www.site.example",
      path: "/admin/",
      iat: at,
      exp: at + 60,
    });
  });

  it("leaves out the address that an account has not", async () => {
    const bare = { ...identity, email: null };
    const jwt = await signAssertion(keyringOf("k1"), { issuer, audience, identity: bare, scope, now });
    const payload = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString());
    expect(payload).not.toHaveProperty("email");
  });

  it("does not verify under another key", async () => {
    const jwt = await signAssertion(keyringOf("k1"), { issuer, audience, identity, scope, now });
    const [other] = await listPublicJwks(keyringOf("k1"));
    await expect(jwtVerify(jwt, await importJWK(other as JWK), { currentDate: now })).rejects.toThrow(
      "signature",
    );
  });

  it("is signed with the current key", async () => {
    const jwt = await signAssertion(keyringOf("new", "old"), { issuer, audience, identity, scope, now });
    expect(decodeProtectedHeader(jwt).kid).toBe("new");
  });
});

describe("the public keys", () => {
  it("CR-08 are those of the whole keyring, in its order, and nothing but public", async () => {
    const [one, two] = [`one:${randomKey()}`, `two:${randomKey()}`];
    const keys = await listPublicJwks(keyringOf(two, one));
    expect(keys.map(({ kid }) => kid)).toEqual(["two", "one"]);
    for (const key of keys) {
      expect(Object.keys(key).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
      expect(key).toMatchObject({ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" });
    }
    expect(await listPublicJwks(keyringOf(one))).toEqual([keys[1]]);
  });
});
