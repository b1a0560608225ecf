import { isVerifiablePasswordHash } from "./password-hash.ts";
import { classifyScryptParameters } from "./scrypt-parameters.ts";

const b64 = "[A-Za-z0-9+/]+={0,2}";
/** passlib's variant of base64, with `.` in place of `+`. */
const ab64 = "[A-Za-z0-9./]+";

/** Forms of known hash schemes: PHC strings, the older modular crypt format, and Django's format. */
const knownForms: readonly RegExp[] = [
  `\\$argon2(?:id|i|d)(?:\\$v=\\d+)?\\$m=\\d+,t=\\d+,p=\\d+(?:,(?:keyid|data)=${b64})*\\$${b64}\\$${b64}`,
  "\\$2[abxy]?\\$\\d\\d\\$[./A-Za-z0-9]{53}",
  `\\$scrypt\\$ln=\\d+,r=\\d+,p=\\d+\\$${b64}\\$${b64}`,
  "\\$7\\$[./A-Za-z0-9]{11}[./A-Za-z0-9]*\\$[./A-Za-z0-9]{43}",
  `\\$pbkdf2(?:-sha(?:1|256|512))?\\$(?:i=)?\\d+(?:,l=\\d+)?\\$(?:${ab64}|${b64})\\$(?:${ab64}|${b64})`,
  `pbkdf2_sha(?:1|256)\\$\\d+\\$[A-Za-z0-9]+\\$${b64}`,
].map((form) => new RegExp(`^${form}$`));

/** No known scheme has longer hashes. */
const maxHashCharacters = 512;

const scryptHashPattern = new RegExp(`^\\$scrypt\\$ln=(\\d+),r=(\\d+),p=(\\d+)\\$(${b64})\\$(${b64})$`);

/** Whether Sallyport can verify passwords with an imported hash. */
export type ImportedPasswordHashSupport =
  /** The account can sign in with its old password. */
  | { readonly kind: "verifiable" }
  /**
   * A known scheme that Sallyport does not compute: argon2, bcrypt, PBKDF2, or scrypt that costs too much. The hash is
   * stored, and the account needs a new password.
   */
  | { readonly kind: "reset_required" }
  /** scrypt with parameters that are invalid, or unusual for a password hash. */
  | { readonly kind: "unsupported"; readonly detail: string }
  /** The text has the form of no known scheme. */
  | { readonly kind: "unknown" };

/** Classifies a password hash by its text. Computes no hash, so it is cheap. */
export function classifyImportedPasswordHash(hash: string): ImportedPasswordHashSupport {
  if (hash.length > maxHashCharacters) return { kind: "unknown" };
  const unsupported = findUnsupportedScrypt(hash);
  if (unsupported !== null) return unsupported;
  if (isVerifiablePasswordHash(hash)) return { kind: "verifiable" };
  return knownForms.some((form) => form.test(hash)) ? { kind: "reset_required" } : { kind: "unknown" };
}

function findUnsupportedScrypt(
  hash: string,
): Extract<ImportedPasswordHashSupport, { kind: "unsupported" }> | null {
  const [, logN, r, p, salt, key] = scryptHashPattern.exec(hash) ?? [];
  if (salt === undefined || key === undefined) return null;
  const bytesOf = (text: string) => Math.floor((text.replace(/=+$/, "").length * 3) / 4);
  const support = classifyScryptParameters({
    logN: Number(logN),
    r: Number(r),
    p: Number(p),
    saltBytes: bytesOf(salt),
    hashBytes: bytesOf(key),
  });
  return support.kind === "unsupported" ? support : null;
}
