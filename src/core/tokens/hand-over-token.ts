import * as z from "zod/mini";
import type { Keyring } from "../crypto/keyring.ts";
import { lazy } from "../lib/lazy.ts";
import { signHmacToken, verifyHmacToken } from "./hmac-token.ts";

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

/** The token of a hand-over, for a cookie in the browser whose script called `POST /hand-over`. */
export interface HandOverToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** Signs the token of a hand-over. It expires {@link handOverTtlSeconds} after `now`. */
export async function signHandOverToken(
  keyring: Keyring,
  handedOver: HandedOverFirstFactor,
  now: Date,
): Promise<HandOverToken> {
  const expiresAt = new Date(now.getTime() + handOverTtlSeconds * 1000);
  const token = await signHmacToken(keyring, { type, issuedAt: now, expiresAt }, { ...handedOver });
  return { token, expiresAt };
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
  const parsed = payloadSchema().safeParse(await verifyHmacToken(keyring, type, token, now));
  return parsed.success ? parsed.data : null;
}
