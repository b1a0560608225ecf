import { isVerifiable } from "./password.ts";

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

/**
 * What becomes of a password hash that comes from elsewhere. `verifiable`: its owner signs in with it as before.
 * `reset_required`: a known scheme (argon2, bcrypt, PBKDF2, scrypt of more work than the platform allows) that can't
 * be computed here; it is kept, and its owner needs a new password. Null: no known scheme.
 */
export function judgeImportedHash(hash: string): "verifiable" | "reset_required" | null {
  if (hash.length > longestHash) return null;
  if (isVerifiable(hash)) return "verifiable";
  return foreign.some((form) => form.test(hash)) ? "reset_required" : null;
}
