import { isVerifiable } from "./password-hash.ts";
import { classifyScryptParameters } from "./scrypt-parameters.ts";

const b64 = "[A-Za-z0-9+/]+={0,2}";
/** passlib's own base64: `.` for `+`. */
const ab64 = "[A-Za-z0-9./]+";

/** Hashes that other systems keep: PHC strings, the older modular crypt format, and Django's. */
const foreign: readonly RegExp[] = [
  `\\$argon2(?:id|i|d)(?:\\$v=\\d+)?\\$m=\\d+,t=\\d+,p=\\d+(?:,(?:keyid|data)=${b64})*\\$${b64}\\$${b64}`,
  "\\$2[abxy]?\\$\\d\\d\\$[./A-Za-z0-9]{53}",
  `\\$scrypt\\$ln=\\d+,r=\\d+,p=\\d+\\$${b64}\\$${b64}`,
  "\\$7\\$[./A-Za-z0-9]{11}[./A-Za-z0-9]*\\$[./A-Za-z0-9]{43}",
  `\\$pbkdf2(?:-sha(?:1|256|512))?\\$(?:i=)?\\d+(?:,l=\\d+)?\\$(?:${ab64}|${b64})\\$(?:${ab64}|${b64})`,
  `pbkdf2_sha(?:1|256)\\$\\d+\\$[A-Za-z0-9]+\\$${b64}`,
].map((form) => new RegExp(`^${form}$`));

/** Longer ones are of no scheme. */
const longestHash = 512;

const scryptForm = new RegExp(`^\\$scrypt\\$ln=(\\d+),r=(\\d+),p=(\\d+)\\$(${b64})\\$(${b64})$`);

/** What becomes of a password hash that comes from elsewhere. */
export type ImportedHashSupport =
  /** Its owner signs in with it as before. */
  | { readonly kind: "verifiable" }
  /**
   * A known scheme (argon2, bcrypt, PBKDF2, scrypt of more work than is done here) that can't be computed here. It is
   * kept, never computed, and its owner needs a new password.
   */
  | { readonly kind: "reset_required" }
  /** scrypt with parameters that no scrypt has, or that nobody makes a password hash with. */
  | { readonly kind: "unsupported"; readonly detail: string }
  /** No known scheme. */
  | { readonly kind: "unknown" };

/** Judges a password hash without computing anything. */
export function classifyImportedHash(hash: string): ImportedHashSupport {
  if (hash.length > longestHash) return { kind: "unknown" };
  const unsupported = findUnsupportedScrypt(hash);
  if (unsupported !== null) return unsupported;
  if (isVerifiable(hash)) return { kind: "verifiable" };
  return foreign.some((form) => form.test(hash)) ? { kind: "reset_required" } : { kind: "unknown" };
}

function findUnsupportedScrypt(hash: string): Extract<ImportedHashSupport, { kind: "unsupported" }> | null {
  const [, logN, r, p, salt, key] = scryptForm.exec(hash) ?? [];
  if (salt === undefined || key === undefined) return null;
  const bytesOf = (text: string) => Math.floor((text.replace(/=+$/, "").length * 3) / 4);
  const verdict = classifyScryptParameters({
    logN: Number(logN),
    r: Number(r),
    p: Number(p),
    saltBytes: bytesOf(salt),
    hashBytes: bytesOf(key),
  });
  return verdict.kind === "unsupported" ? verdict : null;
}
