import { isUndecodable } from "./undecodable.ts";

/**
 * RFC 5321 4.5.3.1.3: a path has at most 256 octets, with the two brackets around its address. A session token holds the
 * address, and browsers drop a cookie of more than 4096 bytes. A control character would be no value of a header.
 */
const addressForm = /^\P{C}{1,254}$/u;

/**
 * What an external source says that an account's e-mail address is. Null: it says none, or something that can be none:
 * bytes that are not UTF-8 (INC-36), or blanks at either end, which a header loses.
 */
export const parseEmail = (value: unknown): string | null =>
  typeof value === "string" && addressForm.test(value) && !isUndecodable(value) && value.trim() === value
    ? value
    : null;
