import { decodeProtectedHeader, importJWK, type JWK, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { listPublicJwks } from "../../../src/core/tokens/assertion.ts";
import {
  type ReceiptClaims,
  receiptTtlSeconds,
  receiptTypHeader,
  signReceipt,
} from "../../../src/core/tokens/receipt.ts";
import { keyringOf, randomKey } from "../../support/keyring.ts";

const now = new Date("2026-11-22T12:00:00.900Z");
const at = Date.UTC(2026, 10, 22, 12) / 1000;

const receipt: ReceiptClaims = {
  id: "r-1",
  issuer: "https://site.example/api/auth",
  realm: "shop",
  userId: "aB3/ä",
  action: "transfer 100 €",
  nonce: "n-81",
  amr: ["otp"],
  now,
};

async function readReceipt(jwt: string, keyring: Parameters<typeof listPublicJwks>[0]) {
  const [jwk] = await listPublicJwks(keyring);
  return jwtVerify(jwt, await importJWK(jwk as JWK), { currentDate: now, algorithms: ["EdDSA"] });
}

describe("a receipt", () => {
  it("names user, action, audience, method and time, and is valid for five minutes", async () => {
    const keyring = keyringOf("k1");
    const { payload, protectedHeader } = await readReceipt(await signReceipt(keyring, receipt), keyring);
    expect(protectedHeader).toEqual({ alg: "EdDSA", kid: "k1", typ: receiptTypHeader });
    expect(payload).toEqual({
      iss: "https://site.example/api/auth",
      aud: "shop",
      sub: "aB3/ä",
      jti: "r-1",
      action: "transfer 100 €",
      nonce: "n-81",
      amr: ["otp"],
      auth_time: at,
      iat: at,
      exp: at + receiptTtlSeconds,
    });
    expect(receiptTtlSeconds).toBe(300);
  });

  it("leaves out what it was not asked for", async () => {
    const keyring = keyringOf("k1");
    const jwt = await signReceipt(keyring, { ...receipt, action: null, nonce: null });
    const { payload } = await readReceipt(jwt, keyring);
    expect(Object.keys(payload).toSorted()).toEqual(
      ["amr", "aud", "auth_time", "exp", "iat", "iss", "jti", "sub"].toSorted(),
    );
  });

  it("can't be given claims of the Worker's own by an action or a nonce", async () => {
    const keyring = keyringOf("k1");
    const hostile = { ...receipt, action: '","sub":"root', nonce: '{"aud":"other"}' };
    const { payload } = await readReceipt(await signReceipt(keyring, hostile), keyring);
    expect(payload).toMatchObject({
      sub: receipt.userId,
      aud: "shop",
      action: hostile.action,
      nonce: hostile.nonce,
    });
  });

  it("is signed with the current key, and does not verify under another of the same name", async () => {
    const jwt = await signReceipt(keyringOf("new", "old"), receipt);
    expect(decodeProtectedHeader(jwt).kid).toBe("new");
    await expect(readReceipt(jwt, keyringOf("new"))).rejects.toThrow("signature");
  });

  it("CR-08 still verifies when its key has become an older one", async () => {
    const [one, two] = [`one:${randomKey()}`, `two:${randomKey()}`];
    const jwt = await signReceipt(keyringOf(one), receipt);
    const jwk = (await listPublicJwks(keyringOf(two, one))).find(({ kid }) => kid === "one");
    const key = await importJWK(jwk as JWK);
    await expect(jwtVerify(jwt, key, { currentDate: now })).resolves.toBeDefined();
  });
});
