import { base64nopad } from "@scure/base";
import { classifyScryptParameters, type ScryptParameters, type ScryptSupport } from "./scrypt-parameters.ts";

const b64 = "[A-Za-z0-9+/]+={0,2}";

/** {@link parsers} has the function that reads the groups of each pattern. */
const patterns = {
  /** PHC string format (Password Hashing Competition). passlib, a Python library, writes the same. */
  phc: new RegExp(`^\\$scrypt\\$ln=(\\d+),r=(\\d+),p=(\\d+)\\$(${b64})\\$(${b64})$`),
  /** Django's ScryptPasswordHasher: N, salt, r, p, hash. The salt is text. */
  django: new RegExp(`^scrypt\\$(\\d+)\\$([^$\\s]+)\\$(\\d+)\\$(\\d+)\\$(${b64})$`),
  /** Werkzeug's `generate_password_hash`: N, r, p, salt, hash. The salt is text, the hash hexadecimal. */
  werkzeug: /^scrypt:(\d+):(\d+):(\d+)\$([^$\s]+)\$((?:[0-9a-f]{2})+)$/,
  /** Spring's SCryptPasswordEncoder: logN, r and p as one hexadecimal number, salt, hash. */
  spring: new RegExp(`^(?:\\{scrypt(?:@\\w+)?\\})?\\$([0-9a-f]{5,6})\\$(${b64})\\$(${b64})$`),
} as const;

interface ForeignScrypt {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

const decodeBase64 = (text = "") => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const decodeHex = (text = "") =>
  Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const encodeText = (text = "") => new TextEncoder().encode(text);

const parsers: Record<keyof typeof patterns, (groups: readonly string[]) => ForeignScrypt> = {
  phc: ([logN, r, p, salt, hash]) => ({
    ...{ logN: Number(logN), r: Number(r), p: Number(p) },
    ...{ salt: decodeBase64(salt), hash: decodeBase64(hash) },
  }),
  django: ([N, salt, r, p, hash]) => ({
    ...{ logN: Math.log2(Number(N)), r: Number(r), p: Number(p) },
    ...{ salt: encodeText(salt), hash: decodeBase64(hash) },
  }),
  werkzeug: ([N, r, p, salt, hash]) => ({
    ...{ logN: Math.log2(Number(N)), r: Number(r), p: Number(p) },
    ...{ salt: encodeText(salt), hash: decodeHex(hash) },
  }),
  spring: ([hex = "", salt, hash]) => {
    const parameters = Number.parseInt(hex, 16);
    return {
      ...{ logN: parameters >> 16, r: (parameters >> 8) & 0xff, p: parameters & 0xff },
      ...{ salt: decodeBase64(salt), hash: decodeBase64(hash) },
    };
  },
};

/** A scrypt hash of another system. */
export interface ParsedForeignScrypt {
  readonly support: ScryptSupport;
  /** The hash in PHC string format, as `hashPassword` writes it. */
  readonly phc: string;
}

/**
 * Parses a scrypt hash in the form of PHC, passlib, Django, Werkzeug or Spring, and converts it to PHC string format. All of them
 * compute scrypt (RFC 7914) of the password in UTF-8, so the converted hash verifies the same passwords.
 *
 * @returns null when the text has none of these forms
 */
export function parseForeignScrypt(text: string): ParsedForeignScrypt | null {
  for (const form of ["phc", "django", "werkzeug", "spring"] as const) {
    const match = patterns[form].exec(text);
    if (match === null) continue;
    try {
      const { salt, hash, ...cost } = parsers[form](match.slice(1));
      const parameters: ScryptParameters = { ...cost, saltBytes: salt.length, hashBytes: hash.length };
      const { logN, r, p } = cost;
      const phc = `$scrypt$ln=${logN},r=${r},p=${p}$${base64nopad.encode(salt)}$${base64nopad.encode(hash)}`;
      return { support: classifyScryptParameters(parameters), phc };
    } catch {
      // `atob` throws for base64 of an impossible length.
      return null;
    }
  }
  return null;
}
