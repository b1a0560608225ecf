import { base64nopad } from "@scure/base";
import { isCommonPassword } from "./common-passwords.ts";
import { classifyScryptParameters } from "./scrypt-parameters.ts";

/** Why a password must not be chosen. */
export type PasswordWeakness = "too_short" | "too_long" | "common" | "contains_context";

/** scrypt parameters: the memory is 128·N·r bytes, the work grows with N·r·p. */
type Cost = { readonly logN: number; readonly r: number; readonly p: number };
type PasswordHash = { readonly cost: Cost; readonly salt: Uint8Array; readonly hash: Uint8Array };

/** N = 2^14, r = 8, p = 5: one of the equivalent choices of the OWASP password storage cheat sheet, 16 MiB. */
const currentCost: Cost = { logN: 14, r: 8, p: 5 };
const saltBytes = 16;
const hashBytes = 32;

const fewestCharacters = 8;
const mostCharacters = 1024;

const phcForm =
  /^\$scrypt\$ln=([1-9][0-9]?),r=([1-9][0-9]{0,5}),p=([1-9][0-9]{0,5})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Stands in for the hash of a user who does not exist. Nobody's password leads to it. */
const dummy: PasswordHash = {
  cost: currentCost,
  salt: new Uint8Array(saltBytes),
  hash: new Uint8Array(hashBytes),
};

/**
 * A password as it is stored: scrypt with a new random salt, in PHC string format,
 * `$scrypt$ln=14,r=8,p=5$<salt>$<hash>` (base64 without padding). The password is NFKC-normalised first
 * (NIST SP 800-63B-4 3.1.1.2) and never truncated. Takes about 150 ms of CPU.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(saltBytes));
  const hash = await derive(password, salt, currentCost, hashBytes);
  const { logN, r, p } = currentCost;
  return `$scrypt$ln=${logN},r=${r},p=${p}$${base64nopad.encode(salt)}$${base64nopad.encode(hash)}`;
}

/** What comparing a password with a stored hash came to. */
export type PasswordComparison =
  | { readonly kind: "match" }
  | { readonly kind: "no_match" }
  /** The stored hash was not computed: another scheme, parameters out of bounds, or scrypt itself refused them. */
  | { readonly kind: "not_comparable" };

/**
 * Compares a password with a stored hash under the hash's own parameters, in constant time.
 *
 * With null (no such user, or one without a password), or a hash that can't be compared here, it does the work of a
 * current hash, so that the time does not tell which accounts exist (TH-10). Never throws for what is stored.
 */
export async function comparePassword(password: string, phc: string | null): Promise<PasswordComparison> {
  const stored = phc === null ? null : findPasswordHash(phc);
  if (stored !== null) {
    const derived = await derive(password, stored.salt, stored.cost, stored.hash.length).catch(() => null);
    if (derived !== null)
      return { kind: crypto.subtle.timingSafeEqual(derived, stored.hash) ? "match" : "no_match" };
  }
  await derive(password, dummy.salt, dummy.cost, dummy.hash.length);
  return { kind: phc === null ? "no_match" : "not_comparable" };
}

function findPasswordHash(phc: string): PasswordHash | null {
  try {
    return parsePasswordHash(phc);
  } catch {
    return null;
  }
}

/** Whether a password can be compared with this hash here. An imported one may be of another kind, or too much work. */
export const isVerifiable = (phc: string): boolean => findPasswordHash(phc) !== null;

/**
 * Whether a hash was made with other parameters than `hashPassword` uses now, so that the next sign-in should replace
 * it.
 *
 * @throws Error when it is not `isVerifiable`
 */
export function needsRehash(phc: string): boolean {
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
 * Why a password must not be chosen, or null when it may (NIST SP 800-63B-4 3.1.1.2, ASVS 6.2). There are no rules
 * about kinds of characters. Compared without regard to case and after NFKC, as it is hashed.
 *
 * @param context words that belong to this user or this site: the user name, the e-mail address (its local part is
 * taken from it), the issuer. A password that equals one of them is refused
 * @returns `too_short` and `too_long` outside 8 to 1024 code points; `common` also for one repeated character and for
 * runs such as `12345678`, `hgfedcba`
 */
export async function findPasswordWeakness(
  password: string,
  context: readonly string[],
): Promise<PasswordWeakness | null> {
  const length = [...password.normalize("NFKC")].length;
  if (length < fewestCharacters) return "too_short";
  if (length > mostCharacters) return "too_long";
  const folded = foldCase(password);
  const words = context.flatMap((word) => [word, word.slice(0, Math.max(0, word.lastIndexOf("@")))]);
  if (words.some((word) => foldCase(word.trim()) === folded)) return "contains_context";
  return isRun(folded) || (await isCommonPassword(folded)) ? "common" : null;
}

function foldCase(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

/** One repeated character, or characters that go up or down by one all the way; after 9 comes 0. */
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
  const [, logN, r, p, salt, hash] = phcForm.exec(phc) ?? [];
  if (salt === undefined || hash === undefined)
    throw new Error("The stored password hash is not scrypt in PHC format");
  const cost: Cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  const parsed: PasswordHash = { cost, salt: decodeBase64(salt), hash: decodeBase64(hash) };
  const lengths = { saltBytes: parsed.salt.length, hashBytes: parsed.hash.length };
  const verdict = classifyScryptParameters({ ...cost, ...lengths });
  if (verdict.kind !== "usable") throw new Error(`The stored password hash is not usable: ${verdict.detail}`);
  return parsed;
}

function decodeBase64(text: string): Uint8Array {
  try {
    return base64nopad.decode(text);
  } catch {
    // What the library throws quotes the text.
    throw new Error("The stored password hash is not base64 without padding");
  }
}

async function derive(password: string, salt: Uint8Array, cost: Cost, length: number): Promise<Uint8Array> {
  const { logN, r, p } = cost;
  const N = 2 ** logN;
  // The default limit of 32 MiB counts the table, the blocks and some rounding: leave room for all of them.
  const maxmem = 128 * r * (N + p + 2) + 1024;
  // It brings Node's streams and buffers along, and most isolates hash nothing: not at the start (npm run bench -- startup).
  const { scrypt } = await import("node:crypto");
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, length, { N, r, p, maxmem }, (error, derivedKey) => {
      if (error) reject(error);
      else resolve(derivedKey);
    });
  });
}
