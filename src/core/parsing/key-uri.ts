import { totpDigits, totpPeriodSeconds } from "../crypto/totp.ts";

/** The maximum length that fits into a QR code (`core/lib/qr.ts`). */
const maxUriCharacters = 2328;
const ellipsis = "\u2026";

/**
 * Returns the provisioning URI for authenticator apps, in Google's Key URI Format.
 *
 * Every part is percent-encoded (a space is `%20`), including colons in the issuer and the account, so the only literal
 * colon in the label is the separator. The result is ASCII. An account name that is too long for a QR code is shortened and
 * ends in an ellipsis; the app only displays it.
 *
 * @param secret base32, upper case, no padding
 * @throws URIError when `issuer` or `account` has a lone surrogate
 * @example
 * formatOtpauthUri({ issuer: "ACME Co", account: "a+b@x.y", secret: "JBSWY3DPEHPK3PXP" })
 * // otpauth://totp/ACME%20Co:a%2Bb%40x.y?secret=JBSWY3DPEHPK3PXP&issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30
 */
export function formatOtpauthUri(parts: { issuer: string; account: string; secret: string }): string {
  const issuer = percentEncode(parts.issuer);
  const secret = percentEncode(parts.secret);
  const before = `otpauth://totp/${issuer}:`;
  const behind = `?secret=${secret}&issuer=${issuer}&algorithm=SHA1&digits=${totpDigits}&period=${totpPeriodSeconds}`;
  return before + encodeWithin(parts.account, maxUriCharacters - before.length - behind.length) + behind;
}

/** Percent-encodes a text, shortened with an ellipsis to at most so many characters. */
function encodeWithin(text: string, maxLength: number): string {
  const whole = percentEncode(text);
  if (whole.length <= maxLength) return whole;
  const end = percentEncode(ellipsis);
  let shortened = "";
  for (const character of text) {
    const encoded = percentEncode(character);
    if (shortened.length + encoded.length + end.length > maxLength) break;
    shortened += encoded;
  }
  return shortened + end;
}

/** Encodes all characters except the unreserved ones (RFC 3986 2.3). `encodeURIComponent` does not encode five others. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
