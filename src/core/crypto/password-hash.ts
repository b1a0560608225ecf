import { base64nopad } from "@scure/base";
import { isCommonPassword } from "./common-passwords.ts";
import { classifyScryptParameters } from "./scrypt-parameters.ts";

/** The reason for which a new password is rejected. */
export type PasswordWeakness = "too_short" | "too_long" | "common" | "contains_context";

/** scrypt parameters: the memory is 128·N·r bytes, the work grows with N·r·p. */
type Cost = { readonly logN: number; readonly r: number; readonly p: number };
type PasswordHash = { readonly cost: Cost; readonly salt: Uint8Array; readonly hash: Uint8Array };

/** N = 2^14, r = 8, p = 5: one of the equivalent choices of the OWASP password storage cheat sheet, 16 MiB. */
const currentCost: Cost = { logN: 14, r: 8, p: 5 };
const saltBytes = 16;
const hashBytes = 32;

const minCharacters = 8;
const maxCharacters = 1024;

const phcPattern =
  /^\$scrypt\$ln=([1-9][0-9]?),r=([1-9][0-9]{0,5}),p=([1-9][0-9]{0,5})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Compared with the password when there is no stored hash, to take the same time. No password has the hash of all zeros. */
const dummyHash: PasswordHash = {
  cost: currentCost,
  salt: new Uint8Array(saltBytes),
  hash: new Uint8Array(hashBytes),
};

/**
 * Hashes a password for storage: scrypt with a new random salt, in PHC string format,
 * `$scrypt$ln=14,r=8,p=5$<salt>$<hash>` (base64 without padding). The password is NFKC-normalised first
 * (NIST SP 800-63B-4 3.1.1.2) and never truncated. Takes about 150 ms of CPU.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(saltBytes));
  const hash = await derive(password, salt, currentCost, hashBytes);
  const { logN, r, p } = currentCost;
  return `$scrypt$ln=${logN},r=${r},p=${p}$${base64nopad.encode(salt)}$${base64nopad.encode(hash)}`;
}

/** The outcome of {@link comparePassword}. */
export type ComparePasswordResult =
  | { readonly kind: "match" }
  | { readonly kind: "no_match" }
  /** The stored hash can't be computed: it has another scheme, its parameters are out of bounds, or scrypt rejected them. */
  | { readonly kind: "not_comparable" };

/**
 * Compares a password with a stored hash under the hash's own parameters, in constant time.
 *
 * With null (no such user, or a user without a password), or a hash that can't be computed here, it does the work of a
 * current hash, so that the response time does not reveal which accounts exist (TH-10). No stored text makes it throw.
 */
export async function comparePassword(password: string, phc: string | null): Promise<ComparePasswordResult> {
  const stored = phc === null ? null : findPasswordHash(phc);
  if (stored !== null) {
    const derived = await derive(password, stored.salt, stored.cost, stored.hash.length).catch(() => null);
    if (derived !== null)
      return { kind: crypto.subtle.timingSafeEqual(derived, stored.hash) ? "match" : "no_match" };
  }
  await derive(password, dummyHash.salt, dummyHash.cost, dummyHash.hash.length);
  return { kind: phc === null ? "no_match" : "not_comparable" };
}

function findPasswordHash(phc: string): PasswordHash | null {
  try {
    return parsePasswordHash(phc);
  } catch {
    return null;
  }
}

/** True when Sallyport can compute this hash. An imported hash may have another scheme or cost too much. */
export const isVerifiablePasswordHash = (phc: string): boolean => findPasswordHash(phc) !== null;

/**
 * True when a hash has other parameters than `hashPassword` uses now, so that the next sign-in should replace it.
 *
 * @throws Error when it is not `isVerifiablePasswordHash`
 */
export function hasOutdatedScryptParameters(phc: string): boolean {
  const { cost, salt, hash } = parsePasswordHash(phc);
  return (
    cost.logN !== currentCost.logN ||
    cost.r !== currentCost.r ||
    cost.p !== currentCost.p ||
    salt.length !== saltBytes ||
    hash.length !== hashBytes
  );
}

/**
 * Returns why a new password is rejected, or null when it is acceptable (NIST SP 800-63B-4 3.1.1.2, ASVS 6.2). There are no
 * rules about kinds of characters. Words are compared after NFKC and in lower case.
 *
 * @param context words of this user or this site: the user name, the e-mail address (also its local part), the issuer. A
 * password that equals one of them is rejected
 * @returns `too_short` and `too_long` outside 8 to 1024 code points; `common` also for one repeated character and for
 * runs such as `12345678`, `hgfedcba`
 */
export async function findPasswordWeakness(
  password: string,
  context: readonly string[],
): Promise<PasswordWeakness | null> {
  const length = [...password.normalize("NFKC")].length;
  if (length < minCharacters) return "too_short";
  if (length > maxCharacters) return "too_long";
  const folded = foldPassword(password);
  const words = context.flatMap((word) => [word, word.slice(0, Math.max(0, word.lastIndexOf("@")))]);
  if (words.some((word) => foldPassword(word.trim()) === folded)) return "contains_context";
  return isRun(folded) || (await isCommonPassword(folded)) ? "common" : null;
}

function foldPassword(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

/** True for one repeated character, and for characters that all go up or all go down by one. In digits 0 follows 9. */
function isRun(text: string): boolean {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const digitsOnly = /^[0-9]+$/.test(text);
  const distances = points.slice(1).map((point, index) => {
    const distance = point - (points[index] ?? 0);
    return digitsOnly && Math.abs(distance) === 9 ? -Math.sign(distance) : distance;
  });
  const first = distances[0] ?? 0;
  return Math.abs(first) <= 1 && distances.every((distance) => distance === first);
}

function parsePasswordHash(phc: string): PasswordHash {
  const [, logN, r, p, salt, hash] = phcPattern.exec(phc) ?? [];
  if (salt === undefined || hash === undefined)
    throw new Error("The stored password hash is not scrypt in PHC format");
  const cost: Cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  const parsed: PasswordHash = { cost, salt: decodeBase64(salt), hash: decodeBase64(hash) };
  const lengths = { saltBytes: parsed.salt.length, hashBytes: parsed.hash.length };
  const support = classifyScryptParameters({ ...cost, ...lengths });
  if (support.kind !== "usable") throw new Error(`The stored password hash is not usable: ${support.detail}`);
  return parsed;
}

function decodeBase64(text: string): Uint8Array {
  try {
    return base64nopad.decode(text);
  } catch {
    // The library's error message contains the text.
    throw new Error("The stored password hash is not base64 without padding");
  }
}

async function derive(password: string, salt: Uint8Array, cost: Cost, length: number): Promise<Uint8Array> {
  const { logN, r, p } = cost;
  const N = 2 ** logN;
  // `maxmem` limits the table, the blocks and rounding together. The default of 32 MiB is too low for some imported hashes.
  const maxmem = 128 * r * (N + p + 2) + 1024;
  // Imported at first use: node:crypto also loads Node's streams and buffers, which slows the start of every isolate
  // (npm run bench -- startup), and most isolates hash no password.
  const { scrypt } = await import("node:crypto");
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, length, { N, r, p, maxmem }, (error, derivedKey) => {
      if (error) reject(error);
      else resolve(derivedKey);
    });
  });
}
