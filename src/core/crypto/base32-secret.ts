import { base32nopad } from "@scure/base";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The number of unused bits in the last character, by the number of characters modulo 8. Other remainders are not base32. */
const spareBits: Readonly<Record<number, number>> = { 0: 0, 2: 2, 4: 4, 5: 1, 7: 3 };

/**
 * Parses a base32 secret of another system as authenticator apps do: in upper or lower case, with white space or hyphens,
 * with any padding or none. Unused bits of the last character are ignored (RFC 4648 3.5 allows it): systems that generate
 * random characters instead of random bytes set them.
 *
 * @returns the bytes, and their canonical text (upper case, no padding). Null when the text is not such base32
 */
export function parseBase32Secret(text: string): { bytes: Uint8Array; canonical: string } | null {
  const [, base32] = /^([A-Z2-7]+)=*$/i.exec(text.replace(/[\s-]/g, "")) ?? [];
  if (base32 === undefined) return null;
  const characters = base32.toUpperCase();
  const spare = spareBits[characters.length % 8];
  if (spare === undefined) return null;
  const last = (alphabet.indexOf(characters.slice(-1)) >> spare) << spare;
  const canonical = characters.slice(0, -1) + alphabet.charAt(last);
  return { bytes: base32nopad.decode(canonical), canonical };
}
