import { lazy } from "../lib/lazy.ts";
import { parseForeignScrypt } from "./foreign-scrypt.ts";

const b64 = "[A-Za-z0-9+/]+={0,2}";
/** passlib's variant of base64, with `.` in place of `+`. */
const ab64 = "[A-Za-z0-9./]+={0,2}";
/** The alphabet of crypt(3). */
const crypt = "[./A-Za-z0-9]";
const salt = "[^$\\s]";

/**
 * Forms of slow hashes, which resist guessing: those of PHC, crypt(3), passlib, Django, Werkzeug, Spring and OpenLDAP, and Firebase's in
 * the form of a Supabase export. Responses of an import contain the name.
 */
const slowForms: readonly (readonly [name: string, pattern: string])[] = [
  [
    "argon2",
    `(?:argon2|\\{argon2(?:@\\w+)?\\})?\\$argon2(?:id|i|d)(?:\\$v=\\d+)?\\$m=\\d+,t=\\d+,p=\\d+(?:,(?:keyid|data)=${b64})*\\$${b64}\\$${b64}`,
  ],
  ["bcrypt", `(?:bcrypt(?:_sha256)?\\$|\\{(?:bcrypt|crypt)\\}|\\$wp)?\\$2[abxy]?\\$\\d\\d\\$${crypt}{53}`],
  ["scrypt", `(?:\\{crypt\\})?\\$7\\$${crypt}{11,}\\$${crypt}{43}`],
  [
    "PBKDF2",
    `\\$pbkdf2(?:-sha(?:1|256|512))?\\$(?:i=)?\\d+(?:,l=\\d+)?\\$(?:${ab64}|${b64})\\$(?:${ab64}|${b64})`,
  ],
  ["PBKDF2", `pbkdf2_sha(?:1|256)\\$\\d+\\$${salt}+\\$${b64}`],
  ["PBKDF2", `pbkdf2:sha(?:1|224|256|384|512)(?::\\d+)?\\$${salt}+\\$[0-9a-f]{32,128}`],
  ["PBKDF2", `\\{pbkdf2(?:-sha\\d+)?\\}\\d+\\$${ab64}\\$${ab64}`],
  ["PBKDF2", `\\{pbkdf2(?:@\\w+)?\\}(?:[0-9a-f]{48,256}|${b64})`],
  ["sha256crypt", `(?:\\{crypt\\})?\\$5\\$(?:rounds=\\d+\\$)?${salt}{0,16}\\$${crypt}{43}`],
  ["sha512crypt", `(?:\\{crypt\\})?\\$6\\$(?:rounds=\\d+\\$)?${salt}{0,16}\\$${crypt}{86}`],
  ["yescrypt", `(?:\\{crypt\\})?\\$g?y\\$${crypt}+\\$${crypt}{1,86}\\$${crypt}{43}`],
  ["phpass", `\\$[PH]\\$${crypt}{31}`],
  [
    "Firebase scrypt",
    `\\$fbscrypt\\$v=\\d+,n=\\d+,r=\\d+,p=\\d+(?:,ss=${b64})?(?:,sk=${b64})?\\$${b64}\\$${b64}`,
  ],
];

/** Forms of fast hashes, which do not resist guessing: LDAP, Spring, Django, Werkzeug, crypt(3) with MD5. The group is the scheme. */
const fastForms: readonly string[] = [
  // The hash may be missing: an account keeps only `{SSHA}`, and an export of Sallyport contains that.
  "(?:\\{ldap\\})?\\{(s?(?:sha|md)[\\w-]{0,8})\\}[A-Za-z0-9+/=.{}$-]*",
  `(md5|sha1|sha224|sha256|sha384|sha512)\\$${salt}*\\$[0-9a-f]{32,128}`,
  `(?:\\{crypt\\})?\\$(?:1|apr1)\\$${salt}{0,8}\\$${crypt}{22}`,
];

/** Ignores case, because LDAP and Spring write their prefixes in any case. A false match is harmless: these hashes verify no password. */
const toPattern = (form: string) => new RegExp(`^(?:${form})$`, "i");
const patterns = lazy(() => ({
  slow: slowForms.map(([name, form]) => ({ name, pattern: toPattern(form) })),
  fast: fastForms.map(toPattern),
}));

/** The forms that an import accepts, for error messages. */
export const knownHashForms =
  "argon2, bcrypt, scrypt, PBKDF2, crypt ($1$, $5$, $6$, $7$, $y$), phpass, and the forms of Django, Werkzeug, Spring, LDAP and Firebase";

/** No known scheme has longer hashes. */
const maxHashCharacters = 512;

/** Whether Sallyport can verify passwords with an imported hash. */
export type ImportedPasswordHashSupport =
  /** The account can sign in with its old password. `stored` is the hash in PHC string format. */
  | { readonly kind: "verifiable"; readonly stored: string }
  /**
   * A known scheme that Sallyport does not compute, or scrypt that costs too much. The account needs a new password. `form` is
   * the name of the scheme. `stored` is what the account keeps: the hash or, for a fast hash, only the name of the scheme, so that a
   * copy of the database does not reveal passwords.
   */
  | { readonly kind: "reset_required"; readonly form: string; readonly stored: string }
  /** scrypt with parameters that are invalid, or unusual for a password hash. */
  | { readonly kind: "unsupported"; readonly detail: string }
  /** A password that is not hashed: Spring's `{noop}`, LDAP's `{CLEARTEXT}`. */
  | { readonly kind: "plain_password" }
  /** The text has the form of no known scheme. */
  | { readonly kind: "unknown" };

/** Classifies a password hash by its text. Computes no hash, so it is cheap. */
export function classifyImportedPasswordHash(hash: string): ImportedPasswordHashSupport {
  if (hash.length > maxHashCharacters) return { kind: "unknown" };
  if (/^\{(?:noop|cleartext|plain)\}/i.test(hash)) return { kind: "plain_password" };
  const scrypt = parseForeignScrypt(hash);
  if (scrypt !== null) {
    const { support, phc } = scrypt;
    if (support.kind === "unsupported") return support;
    if (support.kind === "usable") return { kind: "verifiable", stored: phc };
    return { kind: "reset_required", form: "scrypt", stored: phc };
  }
  const slow = patterns().slow.find(({ pattern }) => pattern.test(hash));
  if (slow !== undefined) return { kind: "reset_required", form: slow.name, stored: hash };
  const fast = patterns()
    .fast.map((pattern) => pattern.exec(hash))
    .find((match) => match !== null);
  if (fast === undefined) return { kind: "unknown" };
  const form = `{${fast?.[1]?.toUpperCase() ?? "MD5-CRYPT"}}`;
  return { kind: "reset_required", form, stored: form };
}
