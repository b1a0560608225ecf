import { parseBase32Secret } from "../../../src/core/crypto/base32-secret.ts";
import { isOtpauthUri } from "./otpauth-entry.ts";

const hint = /secret|seed|otp|mfa|2fa|two_?factor/i;
const minSecretCharacters = 16;

/** True for the name of a column or a member that may have a second factor. */
export const mayNameSecret = (name: string): boolean => hint.test(name);

/**
 * True for a text that is a second factor by all signs: the name says so, and the text is a URI or base32. An account without an
 * authenticator that has one in a place which is not read would come in without its second factor.
 */
export function isUnreadSecret(name: string, text: unknown): boolean {
  if (typeof text !== "string" || !mayNameSecret(name)) return false;
  return (
    isOtpauthUri(text.trim()) || (text.length >= minSecretCharacters && parseBase32Secret(text) !== null)
  );
}

/** For the report: what to do about {@link isUnreadSecret}. */
export const unreadSecretDetail = (name: string): string =>
  `Its ${name.slice(0, 40)} looks like a secret, which this format does not read.`;
