import { errors, jwtVerify, SignJWT } from "jose";
import * as z from "zod/mini";
import type { Keyring } from "../crypto/keyring.ts";
import { lazy } from "../lib/lazy.ts";

/** The first factor of a script's request, for Sallyport's pages in the same browser. It grants no access to the site (INC-40). */
export interface HandedOverFirstFactor {
  readonly realm: string;
  /** The account that the source named for the request. */
  readonly username: string;
  readonly email: string | null;
  /** The binding to all credentials of the request (`core/tokens/session-binding.ts`). Sessions that the pages open get this binding. */
  readonly binding: string;
  /** The binding to the credential cookies of the request, which a page load sends too. Null: it had none. */
  readonly cookieBinding: string | null;
}

/** The lifetime of the token: as long as a set-up of a second factor may take (EN-04). */
export const handOverTtlSeconds = 600;

const type = "sallyport-hand-over+jwt";
const audience = "sallyport";
const algorithm = "HS256";

/** Returns a signed JWT (HS256 with the current key) that expires {@link handOverTtlSeconds} after `now`. */
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

/** Verifies the token of a hand-over. Returns null for one that is forged, damaged or expired, and for another kind of token. */
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
