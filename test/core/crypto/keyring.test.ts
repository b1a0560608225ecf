import { describe, expect, it } from "vitest";
import { createKeyring, type Keyring, parseKeyringEntries } from "../../../src/core/crypto/keyring.ts";
import { keyringOf, randomKey } from "../../support/keyring.ts";

// SHA-256 of "sallyport test key", and what Python's `hmac` (HKDF, RFC 5869) and `cryptography` (Ed25519) make of it.
const knownKey = "fp4Zsay/rlCnh4/mw22RqkXamiBJNRW6Ap3usimfF8k=";
const known = {
  fieldEncryption: "18d7be263f7975f0526d601a6f1aff366543a2505a57d8bd61022c4af81bec25",
  sessionToken: "a108090d4a75157367c5b93d8ed9ad050d5afa04ea850a0c3b0771891c1a40ca",
  throttle: "5f3ac787b7672e66ee350f38a3432b3454fc0adab993441dcd64b75228457b9f",
  device: "84d82041737b6aa5f11b61d14b9a243df59672f390ec2eec74261d50021b8f79",
  assertionX: "b3EHlfzxqYAlSjHOaKKmfCNnh96mhLplAl1OhfKW0TA",
};

const message = new TextEncoder().encode("message");
const hex = (bytes: ArrayBuffer) => Buffer.from(bytes).toString("hex");
const macOf = async (key: CryptoKey) => hex(await crypto.subtle.sign("HMAC", key, message));

async function expectedMac(keyHex: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = Buffer.from(keyHex, "hex");
  return macOf(await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]));
}

/** What a key is can only be seen from what it does: it can't be exported. */
async function fingerprints(keyring: Keyring, kid = keyring.currentKid) {
  const [session, throttle, device, encryption, assertion] = await Promise.all([
    keyring.sessionTokenKey(kid),
    keyring.throttleKey(),
    keyring.deviceKey(kid),
    keyring.encryptionKey(kid),
    keyring.assertionKeys(kid),
  ]);
  if (session === null || device === null || encryption === null || assertion === null)
    throw new Error(`There is no key ${kid}`);
  const iv = new Uint8Array(12);
  return {
    sessionToken: await macOf(session),
    throttle: await macOf(throttle),
    device: await macOf(device),
    encryption: hex(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, encryption, message)),
    assertion: assertion.publicX,
    signature: hex(await crypto.subtle.sign("Ed25519", assertion.privateKey, message)),
  };
}

describe("derivation", () => {
  it("gives the keys that another implementation derives, so that old rows open after every release", async () => {
    const keyring = keyringOf(`k1:${knownKey}`);
    const iv = new Uint8Array(12);
    const raw = Buffer.from(known.fieldEncryption, "hex");
    const independent = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
    expect(await fingerprints(keyring)).toMatchObject({
      sessionToken: await expectedMac(known.sessionToken),
      throttle: await expectedMac(known.throttle),
      device: await expectedMac(known.device),
      encryption: hex(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, independent, message)),
      assertion: known.assertionX,
    });
  });

  it("gives the same keys in every isolate", async () => {
    const text = `k1:${randomKey()}`;
    expect(await fingerprints(keyringOf(text))).toEqual(await fingerprints(keyringOf(text)));
  });

  it("gives a key of its own to each purpose", async () => {
    const keyring = keyringOf("k1");
    const { sessionToken, throttle, device } = await fingerprints(keyring);
    expect(new Set([sessionToken, throttle, device]).size).toBe(3);
    expect(new Set(Object.values(known)).size).toBe(5);
  });

  it("gives other keys to other bytes, whatever their id", async () => {
    const [one, other] = await Promise.all([fingerprints(keyringOf("k1")), fingerprints(keyringOf("k1"))]);
    for (const name of Object.keys(one) as (keyof typeof one)[])
      expect(one[name], name).not.toBe(other[name]);
  });

  it("gives the same keys to the same bytes, whatever their id and place", async () => {
    const [old, current] = [randomKey(), randomKey()];
    const before = await fingerprints(keyringOf(`a:${old}`));
    const after = keyringOf(`b:${current}`, `a:${old}`);
    const { throttle: _old, ...others } = before;
    expect(await fingerprints(after, "a")).toMatchObject(others);
    expect((await fingerprints(after)).throttle).toBe(
      (await fingerprints(keyringOf(`x:${current}`))).throttle,
    );
  });

  it("derives each key once, however often it is asked for", async () => {
    const keyring = keyringOf("k1");
    expect(keyring.encryptionKey("k1")).toBe(keyring.encryptionKey("k1"));
    expect(keyring.sessionTokenKey("k1")).toBe(keyring.sessionTokenKey("k1"));
    expect(keyring.assertionKeys("k1")).toBe(keyring.assertionKeys("k1"));
    expect(keyring.throttleKey()).toBe(keyring.throttleKey());
    expect(keyring.deviceKey("k1")).toBe(keyring.deviceKey("k1"));
  });

  it("CR-08 makes keys that can't be exported, and of 256 bits", async () => {
    const keyring = keyringOf("k1");
    const keys = await Promise.all([
      keyring.encryptionKey("k1"),
      keyring.sessionTokenKey("k1"),
      keyring.throttleKey(),
      keyring.deviceKey("k1"),
      keyring.assertionKeys("k1")?.then(({ privateKey }) => privateKey),
    ]);
    for (const key of keys) {
      expect(key?.extractable).toBe(false);
      await expect(crypto.subtle.exportKey("jwk", key as CryptoKey)).rejects.toThrow();
    }
    const lengths = keys.slice(0, 4).map((key) => Reflect.get(key?.algorithm ?? {}, "length"));
    expect(lengths).toEqual([256, 256, 256, 256]);
  });

  it("CR-08 publishes the public half of what it signs with", async () => {
    const keys = await keyringOf("k1").assertionKeys("k1");
    if (keys === null) throw new Error("There is no key");
    const jwk = { kty: "OKP", crv: "Ed25519", x: keys.publicX };
    const publicKey = await crypto.subtle.importKey("jwk", jwk, "Ed25519", true, ["verify"]);
    const signature = await crypto.subtle.sign("Ed25519", keys.privateKey, message);
    expect(await crypto.subtle.verify("Ed25519", publicKey, signature, message)).toBe(true);
  });

  it.each(["k2", "", "K1", "k1 ", "__proto__", "constructor"])("has no key %j", (kid) => {
    const keyring = keyringOf("k1");
    expect(keyring.encryptionKey(kid)).toBeNull();
    expect(keyring.sessionTokenKey(kid)).toBeNull();
    expect(keyring.deviceKey(kid)).toBeNull();
    expect(keyring.assertionKeys(kid)).toBeNull();
  });
});

describe("KEYRING", () => {
  it("is a list of ids and keys, the current one first", () => {
    const [one, two] = [randomKey(), randomKey()];
    const parsed = parseKeyringEntries(`2026-11:${two}, old_1:${one}`);
    if (!parsed.ok) throw new Error(parsed.message);
    expect(parsed.entries.map(({ kid, bytes }) => [kid, Buffer.from(bytes).toString("base64")])).toEqual([
      ["2026-11", two],
      ["old_1", one],
    ]);
    const keyring = createKeyring(parsed.entries);
    expect([keyring.currentKid, keyring.kids]).toEqual(["2026-11", ["2026-11", "old_1"]]);
  });

  it.each([
    ["", "key 1: "],
    [",", "key 1: "],
    ["k1", "key 1: "],
    [":", "key 1: "],
    [`:${knownKey}`, "key 1: "],
    [`k.1:${knownKey}`, "key 1: "],
    [`k1:${knownKey},`, "key 2: "],
    [`k1:${knownKey},k1:${knownKey}`, 'key 2: the id "k1" occurs twice'],
    [`k1:${knownKey.slice(0, -1)}`, "key 1: what follows the colon is not base64"],
    [`k1:${knownKey.replaceAll("/", "_")}`, "key 1: what follows the colon is not base64"],
    [`k1:${knownKey}${knownKey}`, "key 1: "],
    [`k1:${btoa("short")}`, "key 1: it has 5 bytes instead of 32"],
  ])("is refused when it is %j", (text, message) => {
    const parsed = parseKeyringEntries(text);
    expect(parsed).toMatchObject({ ok: false, message: expect.stringContaining(message) });
    expect(parsed.ok ? "" : parsed.message).not.toContain(knownKey.slice(0, 8));
  });
});
