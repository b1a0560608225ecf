import { base32nopad } from "@scure/base";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The number of unused bits in the last character, by the number of characters modulo 8. Other remainders are not base32. */
const spareBits: Readonly<Record<number, number>> = { 0: 0, 2: 2, 4: 4, 5: 1, 7: 3 };

/**
 * Parses a base32 secret of another system: in upper or lower case, with spaces or hyphens, with complete padding or none.
 * Unused bits of the last character are ignored, as authenticator apps do (RFC 4648 3.5 allows it): systems that generate
 * random characters instead of random bytes set them.
 *
 * @returns the bytes, and their canonical text (upper case, no padding). Null when the text is not such base32
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
