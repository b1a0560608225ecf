import { hasReplacementCharacter } from "./undecodable.ts";

/**
 * At most 254 characters: RFC 5321 4.5.3.1.3 allows 256 octets including two angle brackets. A session token contains the
 * address, and browsers drop cookies above 4096 bytes. Control characters are not allowed in the value of a header.
 */
const emailPattern = /^\P{C}{1,254}$/u;

/**
 * Parses the e-mail address that an external first factor names. Null: it is missing, too long, or has characters that a
 * header cannot carry unchanged: control characters, bytes that are not UTF-8 (INC-36), or white space at either end.
 */
export const parseExternalEmail = (value: unknown): string | null =>
  typeof value === "string" &&
  emailPattern.test(value) &&
  !hasReplacementCharacter(value) &&
  value.trim() === value
    ? value
    : null;
