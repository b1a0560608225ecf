import { base32nopad } from "@scure/base";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** How many bits of the last character stand behind the last whole byte, by the number of characters modulo 8. */
const spareBits: Readonly<Record<number, number>> = { 0: 0, 2: 2, 4: 4, 5: 1, 7: 3 };

/**
 * Reads a base32 secret as other systems write it: in any case, with spaces or hyphens, with or without the whole
 * padding. Bits behind the last whole byte are left out, as authenticator apps do (RFC 4648 3.5 lets a decoder
 * choose): whoever drew characters instead of bytes has them.
 *
 * @returns the bytes, and the canonical text of them: upper case, no padding. Null: it is no such base32
 */
export function parseBase32Secret(text: string): { bytes: Uint8Array; canonical: string } | null {
  const match = /^([A-Z2-7]+)(=*)$/i.exec(text.replace(/[ -]/g, ""));
  if (match?.[1] === undefined || match[2] === undefined) return null;
  const characters = match[1].toUpperCase();
  const spare = spareBits[characters.length % 8];
  if (spare === undefined || (match[2] !== "" && (characters.length + match[2].length) % 8 !== 0))
    return null;
  if (match[2].length > 6) return null;
  const last = (alphabet.indexOf(characters.slice(-1)) >> spare) << spare;
  const canonical = characters.slice(0, -1) + alphabet.charAt(last);
  return { bytes: base32nopad.decode(canonical), canonical };
}
