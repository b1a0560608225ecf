import { totpDigits, totpPeriodSeconds } from "./totp.ts";

/**
 * The provisioning URI that authenticator apps read, after Google's Key URI Format.
 *
 * Every part is percent-encoded (space is `%20`), a colon inside the issuer or the account included, so the one
 * literal colon in the label is the separator. The result is ASCII.
 *
 * @param secret base32, upper case, no padding
 * @throws URIError when `issuer` or `account` holds half of a surrogate pair
 * @example
 * buildKeyUri({ issuer: "ACME Co", account: "a+b@x.y", secret: "JBSWY3DPEHPK3PXP" })
 * // otpauth://totp/ACME%20Co:a%2Bb%40x.y?secret=JBSWY3DPEHPK3PXP&issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30
 */
export function buildKeyUri(parts: { issuer: string; account: string; secret: string }): string {
  const issuer = percentEncode(parts.issuer);
  const account = percentEncode(parts.account);
  const secret = percentEncode(parts.secret);
  return (
    `otpauth://totp/${issuer}:${account}?secret=${secret}&issuer=${issuer}` +
    `&algorithm=SHA1&digits=${totpDigits}&period=${totpPeriodSeconds}`
  );
}

/** RFC 3986 2.3: all but the unreserved characters; `encodeURIComponent` alone leaves five more as they are. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
