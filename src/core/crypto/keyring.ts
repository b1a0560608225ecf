import { base64 } from "@scure/base";
import { lazyPerObject } from "../lib/lazy.ts";

/** The purposes for which keys are derived. Each purpose has its own key, so a token key can't decrypt a field, for example. */
type KeyPurpose =
  | "field-encryption"
  | "session-token"
  | "binding"
  | "assertion"
  | "throttle"
  | "known-device"
  | "issued-mark";

/**
 * Derives keys from the operator's keys in `KEYRING`. The first key is the current one: it encrypts and signs. Older keys
 * only decrypt and verify.
 */
export interface Keyring {
  readonly currentKid: string;
  /** Every key id, the current one first. */
  readonly kids: readonly string[];
  /** AES-256-GCM key for fields at rest. Null when `kid` is not in the keyring. */
  encryptionKey(kid: string): Promise<CryptoKey> | null;
  /** HMAC-SHA-256 key for session tokens. Null when `kid` is not in the keyring. */
  sessionTokenKey(kid: string): Promise<CryptoKey> | null;
  /** HMAC-SHA-256 key that binds sessions to a first factor (`core/tokens/session-binding.ts`). Null when `kid` is not in the keyring. */
  bindingKey(kid: string): Promise<CryptoKey> | null;
  /** HMAC-SHA-256 key for the ids of throttle counters, derived from the current key. */
  throttleKey(): Promise<CryptoKey>;
  /** HMAC-SHA-256 key for the cookie of known devices (`core/tokens/known-devices.ts`). Null when `kid` is not in the keyring. */
  deviceKey(kid: string): Promise<CryptoKey> | null;
  /** HMAC-SHA-256 key for the marks of issued secrets (`core/tokens/issued-mark.ts`). Null when `kid` is not in the keyring. */
  issuedMarkKey(kid: string): Promise<CryptoKey> | null;
  /** Ed25519 key pair for assertions and receipts. Null when `kid` is not in the keyring. */
  assertionKeys(kid: string): Promise<AssertionKeyPair> | null;
}

/** An Ed25519 key pair. */
export interface AssertionKeyPair {
  readonly privateKey: CryptoKey;
  /** The `x` of the public key as an OKP JWK (RFC 8037). */
  readonly publicX: string;
}

/** One key of `KEYRING`. */
export interface KeyringEntry {
  readonly kid: string;
  /** 32 bytes. */
  readonly bytes: KeyBytes;
}

type KeyBytes = Uint8Array<ArrayBuffer>;

const keyBytes = 32;

/**
 * Parses `kid:base64(32 bytes)[,older…]`.
 *
 * @returns the entries in order, or a message that says what is wrong. The message never contains key bytes
 */
export function parseKeyringEntries(
  text: string,
): { ok: true; entries: readonly [KeyringEntry, ...KeyringEntry[]] } | { ok: false; message: string } {
  const entries: KeyringEntry[] = [];
  for (const [index, part] of text.split(",").entries()) {
    const entry = parseEntry(part.trim());
    if (typeof entry === "string") return { ok: false, message: `key ${index + 1}: ${entry}` };
    if (entries.some((earlier) => earlier.kid === entry.kid)) {
      return { ok: false, message: `key ${index + 1}: the id "${entry.kid}" occurs twice` };
    }
    entries.push(entry);
  }
  const [first, ...older] = entries;
  if (first === undefined) return { ok: false, message: "it is empty" };
  return { ok: true, entries: [first, ...older] };
}

function parseEntry(part: string): KeyringEntry | string {
  const match = /^([A-Za-z0-9_-]{1,32}):(.+)$/.exec(part);
  if (match?.[1] === undefined || match[2] === undefined)
    return "it must be written as id:base64 of 32 bytes";
  const bytes = decodeBase64(match[2]);
  if (bytes === null) return "what follows the colon is not base64";
  if (bytes.length !== keyBytes) return `it has ${bytes.length} bytes instead of ${keyBytes}`;
  if (looksLikePlaceholder(bytes)) return "it looks like a placeholder, not like random bytes";
  return { kid: match[1], bytes };
}

function decodeBase64(text: string): KeyBytes | null {
  try {
    return new Uint8Array(base64.decode(text));
  } catch {
    return null;
  }
}

/**
 * True for readable text, for few distinct byte values, and for a constant distance from each byte to the next. Random bytes
 * are any of these with a probability below 2^-40.
 */
function looksLikePlaceholder(bytes: Uint8Array): boolean {
  const printable = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  const fewValues = new Set(bytes).size < keyBytes / 2;
  const distances = new Set(Array.from(bytes.subarray(1), (byte, i) => (byte - (bytes[i] ?? 0)) & 0xff));
  return printable || fewValues || distances.size === 1;
}

/** Creates a keyring. Each key is derived at its first use, and then kept. */
export function createKeyring(entries: readonly [KeyringEntry, ...KeyringEntry[]]): Keyring {
  const byKid = new Map(entries.map((entry) => [entry.kid, entry.bytes]));
  const current = entries[0];
  const encryption = lazyPerObject((bytes: KeyBytes) => deriveKey(bytes, "field-encryption", aes256Gcm));
  const sessionToken = lazyPerObject((bytes: KeyBytes) => deriveKey(bytes, "session-token", hmacSha256));
  const binding = lazyPerObject((bytes: KeyBytes) => deriveKey(bytes, "binding", hmacSha256));
  const throttle = lazyPerObject((bytes: KeyBytes) => deriveKey(bytes, "throttle", hmacSha256));
  const device = lazyPerObject((bytes: KeyBytes) => deriveKey(bytes, "known-device", hmacSha256));
  const issuedMark = lazyPerObject((bytes: KeyBytes) => deriveKey(bytes, "issued-mark", hmacSha256));
  const assertion = lazyPerObject(deriveAssertionKeys);

  const find = <T>(derive: (bytes: KeyBytes) => T, kid: string): T | null => {
    const bytes = byKid.get(kid);
    return bytes === undefined ? null : derive(bytes);
  };
  return {
    currentKid: current.kid,
    kids: entries.map((entry) => entry.kid),
    encryptionKey: (kid) => find(encryption, kid),
    sessionTokenKey: (kid) => find(sessionToken, kid),
    bindingKey: (kid) => find(binding, kid),
    throttleKey: () => throttle(current.bytes),
    deviceKey: (kid) => find(device, kid),
    issuedMarkKey: (kid) => find(issuedMark, kid),
    assertionKeys: (kid) => find(assertion, kid),
  };
}

const aes256Gcm = { name: "AES-GCM", length: 256 };
const hmacSha256 = { name: "HMAC", hash: "SHA-256", length: 256 };

/** Derives a key with HKDF-SHA-256 (RFC 5869), without a salt: the input is uniformly random (RFC 5869 3.1). */
async function deriveKey(
  bytes: KeyBytes,
  purpose: KeyPurpose,
  algorithm: { name: string; hash?: string; length: number },
): Promise<CryptoKey> {
  const usages: KeyUsage[] = algorithm.name === "HMAC" ? ["sign", "verify"] : ["encrypt", "decrypt"];
  return crypto.subtle.deriveKey(hkdf(purpose), await importHkdf(bytes), algorithm, false, usages);
}

type KeyUsage = "sign" | "verify" | "encrypt" | "decrypt";

const importHkdf = (bytes: KeyBytes) =>
  crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey", "deriveBits"]);

const hkdf = (purpose: KeyPurpose) => ({
  name: "HKDF",
  hash: "SHA-256",
  salt: new Uint8Array(),
  info: new TextEncoder().encode(`sallyport/v1/${purpose}`),
});

/** The DER bytes before the 32-byte Ed25519 seed in PKCS #8 (RFC 8410 7). */
const pkcs8Prefix = Uint8Array.of(
  0x30,
  0x2e,
  0x02,
  0x01,
  0x00,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  0x70,
  0x04,
  0x22,
  0x04,
  0x20,
);

async function deriveAssertionKeys(bytes: KeyBytes): Promise<AssertionKeyPair> {
  const seed = new Uint8Array(
    await crypto.subtle.deriveBits(hkdf("assertion"), await importHkdf(bytes), keyBytes * 8),
  );
  const pkcs8 = new Uint8Array([...pkcs8Prefix, ...seed]);
  // WebCrypto returns the public half of a private key only by exporting it. The key that is kept is not exportable.
  const exportable = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const jwk = (await crypto.subtle.exportKey("jwk", exportable)) as { x?: string };
  if (jwk.x === undefined) throw new Error("The runtime exported an Ed25519 key without its public half");
  return {
    privateKey: await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]),
    publicX: jwk.x,
  };
}
