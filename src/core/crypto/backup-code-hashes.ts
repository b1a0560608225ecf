import { base64urlnopad, hex } from "@scure/base";
import { sha256 } from "./digest.ts";

const backupCodeCount = 10;
const backupCodeCharacters = 8;

/** Crockford's base32: no I, L, O (read as 1, 1, 0) and no U. 32 characters are 5 bits each, 40 bits a code. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const canonicalForm = /^[0-9A-HJKMNP-TV-Z]{8}$/;
/** 43 characters have two bits more than 32 bytes: they are zero. */
const canonicalDigest = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const storedForm = /^(?:spent:)?[A-Za-z0-9_-]{43}$/;

/**
 * A spent code's hash stays in its place behind this mark, so that a replay can be told from a wrong guess: the first
 * is the owner's own code and must not count against the account.
 */
const spentMark = "spent:";

/** Ten different random codes as they are shown: `XXXX-XXXX`, 40 random bits each. */
export function generateBackupCodes(): string[] {
  const codes = new Set<string>();
  while (codes.size < backupCodeCount) {
    const random = crypto.getRandomValues(new Uint8Array(backupCodeCharacters));
    // 256 is a multiple of 32, so the remainder has no bias.
    const text = Array.from(random, (byte) => alphabet.charAt(byte % alphabet.length)).join("");
    codes.add(`${text.slice(0, 4)}-${text.slice(4)}`);
  }
  return [...codes];
}

/**
 * The SHA-256 hash of a code, base64url without padding, 43 characters. A plain hash of 40 bits can be searched
 * through: it is only stored inside an encrypted envelope.
 *
 * @param canonical eight characters of the alphabet without the hyphen, as `parseCodeInput` returns them
 * @throws RangeError when the code is not in that form; the code is not in the message
 */
export async function hashBackupCode(canonical: string): Promise<string> {
  if (!canonicalForm.test(canonical)) {
    throw new RangeError(
      "A backup code is hashed in its canonical form: eight characters, upper case, no hyphen",
    );
  }
  return sha256(canonical);
}

/** The stored form of a list of hashes, unspent and spent: a JSON array of text. */
export function encodeBackupCodeHashes(hashes: readonly string[]): string {
  return JSON.stringify(hashes);
}

/**
 * The list that `encodeBackupCodeHashes` stored.
 *
 * @throws Error when the text is not a JSON array of hashes; the text is not in the message
 */
export function parseBackupCodeHashes(json: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = null;
  }
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === "string" && storedForm.test(entry))) {
    throw new Error("The stored backup codes are not a JSON array of SHA-256 hashes");
  }
  return value;
}

/**
 * A hash in its stored form, from that or from 64 hexadecimal digits, behind the mark of a spent one where it has it.
 * Null: it is neither.
 */
export function parseStoredBackupCode(text: string): string | null {
  const mark = isSpent(text) ? spentMark : "";
  const digest = text.slice(mark.length);
  if (canonicalDigest.test(digest)) return text;
  return /^[0-9a-f]{64}$/i.test(digest)
    ? mark + base64urlnopad.encode(hex.decode(digest.toLowerCase()))
    : null;
}

/** The hash of an entry, and whether it is spent. */
export const splitStoredBackupCode = (entry: string): { hash: string; spent: boolean } =>
  isSpent(entry) ? { hash: entry.slice(spentMark.length), spent: true } : { hash: entry, spent: false };

/**
 * Where a code's hash stands in the list and whether it is spent; null when it is not in it.
 * Every entry is compared, each in constant time, so the answer's time does not tell the place.
 */
export function findBackupCode(
  hashes: readonly string[],
  hash: string,
): { state: "unspent" | "spent"; index: number } | null {
  const wanted = new TextEncoder().encode(hash);
  let found: { state: "unspent" | "spent"; index: number } | null = null;
  for (const [index, entry] of hashes.entries()) {
    const state = isSpent(entry) ? "spent" : "unspent";
    const candidate = new TextEncoder().encode(state === "spent" ? entry.slice(spentMark.length) : entry);
    if (candidate.length === wanted.length && crypto.subtle.timingSafeEqual(candidate, wanted))
      found = { state, index };
  }
  return found;
}

/**
 * A copy of the list in which the code at `index` is spent. The order and the length stay.
 *
 * @throws RangeError when there is no unspent code at `index`
 */
export function markBackupCodeSpent(hashes: readonly string[], index: number): string[] {
  const hash = hashes[index];
  if (hash === undefined || isSpent(hash))
    throw new RangeError(`There is no unspent backup code at ${index}`);
  return hashes.with(index, spentMark + hash);
}

/** How many codes of the list can still be used. */
export function countUnspent(hashes: readonly string[]): number {
  return hashes.filter((entry) => !isSpent(entry)).length;
}

function isSpent(entry: string): boolean {
  return entry.startsWith(spentMark);
}
