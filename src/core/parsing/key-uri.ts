import { totpDigits, totpPeriodSeconds } from "../crypto/totp.ts";

/** What fits into a QR code (`core/lib/qr.ts`), in characters. */
const longestUri = 2328;
const ellipsis = "\u2026";

/**
 * The provisioning URI that authenticator apps read, after Google's Key URI Format.
 *
 * Every part is percent-encoded (space is `%20`), a colon inside the issuer or the account included, so the one
 * literal colon in the label is the separator. The result is ASCII. A name that is too long for a QR code is cut, and ends in
 * an ellipsis: in the app it is a label, and nothing else.
 *
 * @param secret base32, upper case, no padding
 * @throws URIError when `issuer` or `account` holds half of a surrogate pair
 * @example
 * buildKeyUri({ issuer: "ACME Co", account: "a+b@x.y", secret: "JBSWY3DPEHPK3PXP" })
 * // otpauth://totp/ACME%20Co:a%2Bb%40x.y?secret=JBSWY3DPEHPK3PXP&issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30
 */
export function buildKeyUri(parts: { issuer: string; account: string; secret: string }): string {
  const issuer = percentEncode(parts.issuer);
  const secret = percentEncode(parts.secret);
  const before = `otpauth://totp/${issuer}:`;
  const behind = `?secret=${secret}&issuer=${issuer}&algorithm=SHA1&digits=${totpDigits}&period=${totpPeriodSeconds}`;
  return before + encodeWithin(parts.account, longestUri - before.length - behind.length) + behind;
}

function encodeWithin(text: string, length: number): string {
  const whole = percentEncode(text);
  if (whole.length <= length) return whole;
  const end = percentEncode(ellipsis);
  let kept = "";
  for (const character of text) {
    const encoded = percentEncode(character);
    if (kept.length + encoded.length + end.length > length) break;
    kept += encoded;
  }
  return kept + end;
}

/** RFC 3986 2.3: all but the unreserved characters; `encodeURIComponent` alone leaves five more as they are. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
