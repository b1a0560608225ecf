import { base64urlnopad, hex } from "@scure/base";
import { sha256Base64url } from "./digest.ts";

const backupCodeCount = 10;
const backupCodeCharacters = 8;

/** Crockford's base32, without I, L, O and U. Each of the 32 characters has 5 bits, so a code has 40. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const canonicalCodePattern = /^[0-9A-HJKMNP-TV-Z]{8}$/;
/** SHA-256 in base64url. 43 characters have two bits more than 32 bytes; in the canonical form these are zero. */
const canonicalHashPattern = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const storedEntryPattern = /^(?:spent:)?[A-Za-z0-9_-]{43}$/;

/**
 * Prefix of the hash of a spent code. The hash stays in the list, so that a replayed code is distinguished from a wrong one
 * and does not count as a failure of the account.
 */
const spentMark = "spent:";

/** Returns ten different random codes of 40 bits in the form in which pages show them: `XXXX-XXXX`. */
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
 * Returns the SHA-256 hash of a code, base64url without padding, 43 characters. The 40 bits of a code can be found from its
 * hash by exhaustive search, so the hash must only be stored in an encrypted envelope.
 *
 * @param canonical eight characters of the alphabet without the hyphen, as `parseSubmittedCode` returns them
 * @throws RangeError when the code is not in that form; the message does not contain the code
 */
export async function sha256BackupCode(canonical: string): Promise<string> {
  if (!canonicalCodePattern.test(canonical)) {
    throw new RangeError(
      "A backup code is hashed in its canonical form: eight characters, upper case, no hyphen",
    );
  }
  return sha256Base64url(canonical);
}

/** Formats the hashes of an account's backup codes as a JSON array of strings. The hash of a spent code begins with `spent:`. */
export function encodeBackupCodeHashes(hashes: readonly string[]): string {
  return JSON.stringify(hashes);
}

/**
 * Parses the output of `encodeBackupCodeHashes`.
 *
 * @throws Error when the text is not a JSON array of hashes; the message does not contain the text
 */
export function decodeBackupCodeHashes(json: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = null;
  }
  if (
    !Array.isArray(value) ||
    !value.every((entry) => typeof entry === "string" && storedEntryPattern.test(entry))
  ) {
    throw new Error("The stored backup codes are not a JSON array of SHA-256 hashes");
  }
  return value;
}

/**
 * Parses an imported hash: base64url in the stored form, or 64 hexadecimal digits, either with the prefix of a spent code or
 * without it.
 *
 * @returns the stored form, or null when the text is no such hash
 */
export function parseImportedBackupCodeHash(text: string): string | null {
  const mark = isSpent(text) ? spentMark : "";
  const digest = text.slice(mark.length);
  if (canonicalHashPattern.test(digest)) return text;
  return /^[0-9a-f]{64}$/i.test(digest)
    ? mark + base64urlnopad.encode(hex.decode(digest.toLowerCase()))
    : null;
}

/** Splits an entry of the stored list into its hash and its state. */
export const splitStoredBackupCodeEntry = (entry: string): { hash: string; spent: boolean } =>
  isSpent(entry) ? { hash: entry.slice(spentMark.length), spent: true } : { hash: entry, spent: false };

/**
 * Finds the hash of a code in the stored list.
 *
 * Every entry is compared, each in constant time, so that the response time does not depend on the index.
 *
 * @returns its state and index, or null when the list does not contain it
 */
export function findBackupCodeStateByHash(
  hashes: readonly string[],
  hash: string,
): { state: "unspent" | "spent"; index: number } | null {
  const target = new TextEncoder().encode(hash);
  let found: { state: "unspent" | "spent"; index: number } | null = null;
  for (const [index, entry] of hashes.entries()) {
    const state = isSpent(entry) ? "spent" : "unspent";
    const candidate = new TextEncoder().encode(state === "spent" ? entry.slice(spentMark.length) : entry);
    if (candidate.length === target.length && crypto.subtle.timingSafeEqual(candidate, target))
      found = { state, index };
  }
  return found;
}

/**
 * Returns a copy of the list in which the code at `index` is spent. Order and length stay the same.
 *
 * @throws RangeError when there is no unspent code at `index`
 */
export function markBackupCodeSpent(hashes: readonly string[], index: number): string[] {
  const hash = hashes[index];
  if (hash === undefined || isSpent(hash))
    throw new RangeError(`There is no unspent backup code at ${index}`);
  return hashes.with(index, spentMark + hash);
}

/** Returns the number of codes that can still be used. */
export function countUnspentBackupCodes(hashes: readonly string[]): number {
  return hashes.filter((entry) => !isSpent(entry)).length;
}

function isSpent(entry: string): boolean {
  return entry.startsWith(spentMark);
}
