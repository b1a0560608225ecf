import { base64urlnopad } from "@scure/base";
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Keyring } from "../crypto/keyring.ts";

const audience = "sallyport";
const algorithm = "HS256";

/** What the header and the registered claims of a token say. */
export interface HmacTokenInput {
  /** The `typ` header (RFC 7515 4.1.9). Each kind of token has its own, so none is accepted as another. */
  readonly type: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

/** Signs a token that only Sallyport reads (RFC 7519, HMAC-SHA-256 under the current key). */
export async function signHmacToken(
  keyring: Keyring,
  { type, issuedAt, expiresAt }: HmacTokenInput,
  payload: JWTPayload,
): Promise<string> {
  const key = await keyring.sessionTokenKey(keyring.currentKid);
  if (key === null) throw new Error(`Key "${keyring.currentKid}" is current and not in KEYRING`);
  return new SignJWT(payload)
    .setProtectedHeader({ alg: algorithm, kid: keyring.currentKid, typ: type })
    .setAudience(audience)
    .setIssuedAt(toSeconds(issuedAt))
    .setExpirationTime(toSeconds(expiresAt))
    .sign(key);
}

/**
 * True when every part is canonical base64url (RFC 7515 2). jose also accepts white space, padding and non-zero unused bits.
 * Then one token would have several spellings, and a list of revoked or seen tokens could be bypassed.
 */
export function isCanonicalJws(token: string): boolean {
  try {
    return token.split(".").every((part) => base64urlnopad.decode(part).length > 0);
  } catch {
    return false;
  }
}

/**
 * Verifies a token of {@link signHmacToken} and returns its payload. Null: forged, damaged, expired, of another type, or signed with a
 * key that is no longer in `KEYRING` (SE-15). The caller's schema must require `exp`: jose accepts a token without one.
 */
export async function verifyHmacToken(
  keyring: Keyring,
  type: string,
  token: string,
  now: Date,
): Promise<unknown> {
  if (!isCanonicalJws(token)) return null;
  try {
    const { payload } = await jwtVerify(token, (header) => findKey(keyring, header.kid), {
      algorithms: [algorithm],
      typ: type,
      audience,
      currentDate: now,
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

async function findKey(keyring: Keyring, kid: string | undefined): Promise<CryptoKey> {
  const key = kid === undefined ? null : keyring.sessionTokenKey(kid);
  if (key === null) throw new errors.JWKSNoMatchingKey();
  return key;
}

const toSeconds = (date: Date) => Math.floor(date.getTime() / 1000);
