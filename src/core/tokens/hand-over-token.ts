import { errors, jwtVerify, SignJWT } from "jose";
import * as z from "zod/mini";
import type { Keyring } from "../crypto/keyring.ts";
import { lazy } from "../lib/lazy.ts";

/** The first factor of a request, for Sallyport's pages in the same browser. It opens no path of the site. */
export interface HandedOverFirstFactor {
  readonly realm: string;
  /** The account that the source named for the request. */
  readonly username: string;
  readonly email: string | null;
  /** The binding to all credentials of the request (`core/tokens/session-binding.ts`). Sessions are bound to it. */
  readonly binding: string;
  /** The binding to the cookies of the request alone, which a page load sends, too. Null: there were none. */
  readonly cookieBinding: string | null;
}

/** How long the pages may use a first factor that was handed over: as long as a set-up may take (EN-04). */
export const handOverTtlSeconds = 600;

const type = "sallyport-hand-over+jwt";
const audience = "sallyport";
const algorithm = "HS256";

/** Signs the token of a hand-over (HMAC-SHA-256 under the current key). It ends {@link handOverTtlSeconds} after `now`. */
export async function signHandOverToken(
  keyring: Keyring,
  handedOver: HandedOverFirstFactor,
  now: Date,
): Promise<string> {
  const key = await keyring.sessionTokenKey(keyring.currentKid);
  if (key === null) throw new Error(`Key "${keyring.currentKid}" is current and not in KEYRING`);
  const issuedAt = Math.floor(now.getTime() / 1000);
  return new SignJWT({ ...handedOver })
    .setProtectedHeader({ alg: algorithm, kid: keyring.currentKid, typ: type })
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + handOverTtlSeconds)
    .sign(key);
}

const payloadSchema = lazy(() =>
  z.object({
    exp: z.number(),
    realm: z.string(),
    username: z.string(),
    email: z.nullable(z.string()),
    binding: z.string(),
    cookieBinding: z.nullable(z.string()),
  }),
);

/** Verifies the token of a hand-over. Null: forged, damaged, expired, or another token of Sallyport. */
export async function verifyHandOverToken(
  keyring: Keyring,
  token: string,
  now: Date,
): Promise<HandedOverFirstFactor | null> {
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ kid }) => {
        const key = kid === undefined ? null : keyring.sessionTokenKey(kid);
        if (key === null) throw new errors.JWKSNoMatchingKey();
        return key;
      },
      { algorithms: [algorithm], typ: type, audience, currentDate: now },
    );
    const parsed = payloadSchema().safeParse(payload);
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
