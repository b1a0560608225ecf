import vectors, { type AeadCase, type MacCase, type Vectors } from "virtual:wycheproof";
import { base64urlnopad } from "@scure/base";
import { compactVerify, importJWK } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openField, sealField } from "../../../src/core/crypto/envelope.ts";
import { createKeyring } from "../../../src/core/crypto/keyring.ts";
import { computeHotp } from "../../../src/core/crypto/totp.ts";
import { matchesSessionBinding } from "../../../src/core/tokens/session-binding.ts";
import { keyringOf } from "../../support/keyring.ts";
import { bytesOf, hexOf, Tally } from "../../support/vectors.ts";

// The vectors bring messages and additional data of their own, and the Worker's code has fixed ones. So where it calls
// the runtime, these alone are put in their place: key import, parameters, lengths and layout stay the Worker's.

afterEach(() => {
  vi.restoreAllMocks();
});

describe("Wycheproof in workerd", () => {
  if (vectors === null) it.skip("CR-05 not run: no vectors", () => {});
  else runAll(vectors);
});

const place = { table: "users", column: "totp_secret", rowId: "u-1" };

const anyKeyring = keyringOf("k1");

/** A keyring whose encryption key is the vector's. */
const keyringWith = (key: CryptoKey) => ({ ...anyKeyring, encryptionKey: async () => key });

const importAes = (key: string) =>
  crypto.subtle.importKey("raw", bytesOf(key), "AES-GCM", false, ["encrypt", "decrypt"]);

type CipherAlgorithm = Parameters<SubtleCrypto["encrypt"]>[0];

function withAdditionalData(algorithm: CipherAlgorithm, aad: string): CipherAlgorithm {
  if (typeof algorithm === "string") throw new Error("The envelope gives no parameters");
  return { ...algorithm, additionalData: bytesOf(aad) };
}

/** Opens a vector as `core/crypto/envelope.ts` does. Null: it does not open. */
async function openAsEnvelope({ key, iv, aad, ct, tag }: AeadCase): Promise<string | null> {
  const { decrypt } = crypto.subtle;
  let plain: ArrayBuffer | null = null;
  vi.spyOn(crypto.subtle, "decrypt").mockImplementation(async (algorithm, ...rest) => {
    plain = await decrypt.call(crypto.subtle, withAdditionalData(algorithm, aad), ...rest);
    return plain;
  });
  const envelope = `v1.k1.${base64urlnopad.encode(bytesOf(iv + ct + tag))}`;
  const opened = await openField(keyringWith(await importAes(key)), place, envelope);
  vi.restoreAllMocks();
  return opened.ok && plain !== null ? hexOf(plain) : null;
}

/** Seals a vector's message as `core/crypto/envelope.ts` does, and returns the bytes of IV, ciphertext and tag. */
async function sealAsEnvelope({ key, iv, aad, msg }: AeadCase): Promise<string> {
  const { encrypt } = crypto.subtle;
  const imported = await importAes(key);
  vi.spyOn(crypto, "getRandomValues").mockImplementation((array) => {
    (array as unknown as Uint8Array).set(bytesOf(iv));
    return array;
  });
  vi.spyOn(crypto.subtle, "encrypt").mockImplementation((algorithm, encryptionKey) => {
    return encrypt.call(crypto.subtle, withAdditionalData(algorithm, aad), encryptionKey, bytesOf(msg));
  });
  const envelope = await sealField(keyringWith(imported), place, "");
  vi.restoreAllMocks();
  return hexOf(base64urlnopad.decode(envelope.split(".")[2] ?? ""));
}

/** The envelope has IVs of 96 bits only; for the others the runtime is asked itself, with the envelope's parameters. */
async function openDirectly({ key, iv, aad, ct, tag }: AeadCase): Promise<string | null> {
  const algorithm = { name: "AES-GCM", iv: bytesOf(iv), additionalData: bytesOf(aad) };
  try {
    return hexOf(await crypto.subtle.decrypt(algorithm, await importAes(key), bytesOf(ct + tag)));
  } catch {
    return null;
  }
}

/** The MAC that a function of the Worker's makes when the vector's message stands in the place of its own. */
async function macBy(call: () => Promise<unknown>, msg: string): Promise<string> {
  const { sign } = crypto.subtle;
  let mac = new ArrayBuffer(0);
  vi.spyOn(crypto.subtle, "sign").mockImplementation(async (algorithm, key) => {
    mac = await sign.call(crypto.subtle, algorithm, key, bytesOf(msg));
    return mac;
  });
  await call();
  vi.restoreAllMocks();
  return hexOf(mac);
}

/**
 * Is the vector's MAC right? Some are cut short. The Worker takes whole MACs only, so what it compares a short one with
 * is the beginning of its own.
 */
const isMacOf = (mac: string, { tag }: MacCase) => mac.slice(0, tag.length) === tag;

async function importHmacSha256(key: string): Promise<CryptoKey> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", bytesOf(key), algorithm, false, ["sign", "verify"]);
}

/** How the keyring derives: what it imports and which algorithm it names, from the call that it makes. */
async function derivationOf(ikm: string): Promise<{ algorithm: object; key: CryptoKey }> {
  const derive = vi.spyOn(crypto.subtle, "deriveKey");
  await createKeyring([{ kid: "k1", bytes: bytesOf(ikm) }]).sessionTokenKey("k1");
  const [algorithm, key] = derive.mock.calls[0] ?? [];
  vi.restoreAllMocks();
  if (typeof algorithm !== "object" || key === undefined) throw new Error("The keyring derived nothing");
  return { algorithm, key };
}

/** Verifies as jose does for the Worker, with the vector's message in the place of header and payload. */
async function verifiesByJose(key: CryptoKey, msg: string, sig: string): Promise<boolean> {
  const { verify } = crypto.subtle;
  vi.spyOn(crypto.subtle, "verify").mockImplementation((algorithm, publicKey, signature) =>
    verify.call(crypto.subtle, algorithm, publicKey, signature, bytesOf(msg)),
  );
  const header = base64urlnopad.encode(new TextEncoder().encode('{"alg":"EdDSA"}'));
  const jws = `${header}.e30.${base64urlnopad.encode(bytesOf(sig))}`;
  const verified = await compactVerify(jws, key, { algorithms: ["EdDSA"] }).catch(() => null);
  vi.restoreAllMocks();
  return verified !== null;
}

function runAll({ aes_gcm, hmac_sha1, hmac_sha256, hkdf_sha256, ed25519 }: Vectors): void {
  it("CR-05 opens and seals the cases of AES-GCM as envelopes do, and refuses the forged ones", async () => {
    const cases = aes_gcm.testGroups.flatMap(({ tests }) => tests);
    const tally = new Tally("Wycheproof AES-GCM", cases);
    const asEnvelope = { any: 0, ofTheWorkersKeyLength: 0 };
    for (const one of cases) {
      const valid = one.result === "valid";
      if (one.iv.length !== 24) {
        tally.note(one, (await openDirectly(one)) === (valid ? one.msg : null));
        continue;
      }
      asEnvelope.any += 1;
      if (one.key.length === 64) asEnvelope.ofTheWorkersKeyLength += 1;
      const opened = (await openAsEnvelope(one)) === (valid ? one.msg : null);
      const sealed = (await sealAsEnvelope(one)) === one.iv + one.ct + one.tag;
      tally.note(one, opened && sealed === valid);
    }
    expect(asEnvelope).toEqual({ any: 197, ofTheWorkersKeyLength: 66 });
    tally.close({ cases: 316, valid: 229, invalid: 87, run: 316, notApplicable: 0 });
  });

  it("CR-05 makes the MACs of HMAC-SHA-1 with the keys of codes, and not the forged ones", async () => {
    const cases = hmac_sha1.testGroups.flatMap(({ tests }) => tests);
    const tally = new Tally("Wycheproof HMAC-SHA-1", cases);
    for (const one of cases) {
      const mac = await macBy(() => computeHotp(bytesOf(one.key), 0, 6), one.msg);
      expect(mac).toHaveLength(40);
      tally.note(one, isMacOf(mac, one) === (one.result === "valid"));
    }
    tally.close({ cases: 170, valid: 66, invalid: 104, run: 170, notApplicable: 0 });
  });

  it("CR-05 takes the whole MACs of HMAC-SHA-256 for a session's binding, and nothing else", async () => {
    const cases = hmac_sha256.testGroups.flatMap(({ tests }) => tests);
    const tally = new Tally("Wycheproof HMAC-SHA-256", cases);
    const cut = { right: 0, taken: 0 };
    for (const one of cases) {
      const key = await importHmacSha256(one.key);
      const keyring = { ...anyKeyring, bindingKey: async () => key };
      const binding = `k1.${base64urlnopad.encode(bytesOf(one.tag))}`;
      let bound = false;
      const mac = await macBy(async () => {
        bound = await matchesSessionBinding(keyring, binding, ["sid"]);
      }, one.msg);
      const valid = one.result === "valid";
      const whole = one.tag.length === 64;
      if (!whole && valid) cut.right += 1;
      if (!whole && bound) cut.taken += 1;
      tally.note(one, isMacOf(mac, one) === valid && bound === (valid && whole));
    }
    expect(cut).toEqual({ right: 33, taken: 0 });
    tally.close({ cases: 174, valid: 66, invalid: 108, run: 174, notApplicable: 0 });
  });

  it("CR-05 derives the keys of HKDF-SHA-256 from what the keyring imports, and none that is too long", async () => {
    const cases = hkdf_sha256.testGroups.flatMap(({ tests }) => tests);
    const tally = new Tally("Wycheproof HKDF-SHA-256", cases);
    for (const one of cases) {
      const { algorithm, key } = await derivationOf(one.ikm);
      const theirs = { ...algorithm, name: "HKDF", salt: bytesOf(one.salt), info: bytesOf(one.info) };
      const derived = await crypto.subtle.deriveBits(theirs, key, one.size * 8).then(hexOf, () => null);
      tally.note(one, derived === (one.result === "valid" ? one.okm : null));
    }
    tally.close({ cases: 86, valid: 83, invalid: 3, run: 86, notApplicable: 0 });
  });

  it("SE-15 verifies the signatures of Ed25519, and refuses the malleable, cut and badly encoded ones", async () => {
    const tally = new Tally(
      "Wycheproof Ed25519",
      ed25519.testGroups.flatMap(({ tests }) => tests),
    );
    for (const { publicKeyJwk, tests } of ed25519.testGroups) {
      const key = (await importJWK(publicKeyJwk, "EdDSA")) as CryptoKey;
      for (const one of tests) {
        tally.note(one, (await verifiesByJose(key, one.msg, one.sig)) === (one.result === "valid"));
      }
    }
    tally.close({ cases: 151, valid: 88, invalid: 63, run: 151, notApplicable: 0 });
  });
}
