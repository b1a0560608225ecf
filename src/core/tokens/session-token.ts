import { base64urlnopad } from "@scure/base";
import * as z from "zod/mini";
import { sha256Base64url } from "../crypto/digest.ts";
import type { Keyring } from "../crypto/keyring.ts";
import { lazy } from "../lib/lazy.ts";
import { signHmacToken, verifyHmacToken } from "./hmac-token.ts";

/** The claims of a full session's token. They were true at `checkedAt`. */
export interface FullSessionClaims {
  /** Random, 256 bits. D1 has only its hash, as the session's id, so a copy of D1 does not give access to sessions. */
  readonly sessionSecret: string;
  readonly userId: string;
  readonly realm: string;
  readonly username: string;
  readonly email: string | null;
  /** The account has two-factor authentication switched on. */
  readonly enrolled: boolean;
  /** The binding to the credentials of an external first factor (`core/tokens/session-binding.ts`). Null with passwords. */
  readonly binding: string | null;
  readonly amr: readonly string[];
  readonly firstFactorAt: Date;
  readonly secondFactorAt: Date | null;
  /** When the session was last found in D1 and had not ended. */
  readonly checkedAt: Date;
  readonly expiresAt: Date;
}

/**
 * The claims of the token for the client that opened a pending session: the session's secret (its id is the hash), the user name
 * and the end. They do not grant access to the site, because the second factor is missing.
 */
export interface PendingSessionClaims {
  readonly sessionSecret: string;
  /** The user whose code is expected. With an external first factor, the visitor may have changed accounts since. */
  readonly username: string;
  readonly expiresAt: Date;
  /** The hosted challenge that the session was opened for. Absent for a sign-in. */
  readonly challenge?: ChallengeInToken;
}

/**
 * The claims of the token for a client that shares a pending session. Another client has opened the session, with the same
 * first factor; the limits allowed no second one (INC-30). The token has the session's id and not its secret, which only the
 * client that opened the session has. So the sharing client can submit a code, but cannot end the session.
 */
export interface PendingSessionClaimsForSharingClient {
  readonly sessionId: string;
  readonly username: string;
  readonly expiresAt: Date;
}

/** The data of a hosted challenge, as a part of the claims of its pending session. It is in the token so that the challenge's pages need no read from D1. */
export interface ChallengeInToken {
  readonly id: string;
  /** The user's id in D1. */
  readonly userId: string;
  readonly realm: string;
  /** The action to approve, as the backend named it. */
  readonly action: string | null;
  readonly nonce: string | null;
  /** The address to which the browser is redirected afterwards. */
  readonly returnTo: string;
}

/** The prefix of a pending session's token. */
export const pendingTokenPrefix = "pending_";
const fullType = "sallyport-session+jwt";
const pendingType = "sallyport-pending+jwt";
/** The `typ` headers of session tokens (RFC 7515 4.1.9). */
export const sessionTokenTypHeaders: readonly string[] = [fullType, pendingType];
const secretBytes = 32;

/** Returns the secret of a new session: 256 random bits, base64url. */
export function generateSessionSecret(): string {
  return base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(secretBytes)));
}

/** Returns the id of a session in D1: SHA-256 of its secret, base64url. */
export async function computeSessionId(sessionSecret: string): Promise<string> {
  return sha256Base64url(sessionSecret);
}

/** Signs the token of a full session (RFC 7519, HMAC-SHA-256 under the current key). */
export async function signFullSessionToken(keyring: Keyring, claims: FullSessionClaims): Promise<string> {
  const { checkedAt: issuedAt, expiresAt } = claims;
  return signHmacToken(
    keyring,
    { type: fullType, issuedAt, expiresAt },
    {
      sid: claims.sessionSecret,
      sub: claims.userId,
      realm: claims.realm,
      name: claims.username,
      email: claims.email,
      enrolled: claims.enrolled,
      bnd: claims.binding,
      amr: [...claims.amr],
      ffa: toSeconds(claims.firstFactorAt),
      sfa: claims.secondFactorAt === null ? null : toSeconds(claims.secondFactorAt),
    },
  );
}

/** Signs the token of a pending session: `pending_` and a JWT with a `typ` of its own. */
export async function signPendingSessionToken(
  keyring: Keyring,
  claims: PendingSessionClaims,
  now: Date,
): Promise<string> {
  return (
    pendingTokenPrefix +
    (await signHmacToken(
      keyring,
      { type: pendingType, issuedAt: now, expiresAt: claims.expiresAt },
      {
        sid: claims.sessionSecret,
        name: claims.username,
        ...(claims.challenge === undefined ? {} : { chl: claims.challenge }),
      },
    ))
  );
}

/**
 * Signs the token for a client that shares a pending session, which another client has opened. The token has the session's id, not its
 * secret. It has the same `typ` as {@link signPendingSessionToken}'s.
 */
export async function signPendingSessionTokenForSharingClient(
  keyring: Keyring,
  { sessionId, username, expiresAt }: PendingSessionClaimsForSharingClient,
  now: Date,
): Promise<string> {
  const payload = { id: sessionId, name: username };
  const token = await signHmacToken(keyring, { type: pendingType, issuedAt: now, expiresAt }, payload);
  return pendingTokenPrefix + token;
}

/**
 * The times that a session token must have, in Unix seconds (RFC 7519 4.1): when it was signed and when it expires.
 * `jwtVerify` refuses an `exp` in the past but accepts a token without one, so this schema is what requires it.
 */
const tokenTimes = () => ({ iat: z.number(), exp: z.number() });

const fullPayload = lazy(() =>
  z.object({
    ...tokenTimes(),
    sid: z.string(),
    sub: z.string(),
    realm: z.string(),
    name: z.string(),
    email: z.nullable(z.string()),
    enrolled: z.boolean(),
    bnd: z.nullable(z.string()),
    amr: z.array(z.string()),
    ffa: z.number(),
    sfa: z.nullable(z.number()),
  }),
);

/** Verifies and parses a full session's token. Null: forged, damaged, expired, of another type, or signed with a key that is no longer in `KEYRING`. */
export async function verifyFullSessionToken(
  keyring: Keyring,
  token: string,
  now: Date,
): Promise<FullSessionClaims | null> {
  const payload = fullPayload().safeParse(await verifyHmacToken(keyring, fullType, token, now));
  if (!payload.success) return null;
  const { data } = payload;
  return {
    sessionSecret: data.sid,
    userId: data.sub,
    realm: data.realm,
    username: data.name,
    email: data.email,
    enrolled: data.enrolled,
    binding: data.bnd,
    amr: data.amr,
    firstFactorAt: fromSeconds(data.ffa),
    secondFactorAt: data.sfa === null ? null : fromSeconds(data.sfa),
    checkedAt: fromSeconds(data.iat),
    expiresAt: fromSeconds(data.exp),
  };
}

const pendingPayload = lazy(() =>
  z.object({
    ...tokenTimes(),
    sid: z.string(),
    name: z.string(),
    chl: z.optional(
      z.object({
        id: z.string(),
        userId: z.string(),
        realm: z.string(),
        action: z.nullable(z.string()),
        nonce: z.nullable(z.string()),
        returnTo: z.string(),
      }),
    ),
  }),
);

const sharedPendingPayload = lazy(() => z.object({ ...tokenTimes(), id: z.string(), name: z.string() }));

/** Verifies and parses a pending session's token of either kind. Null as in {@link verifyFullSessionToken}, and for a full session's token. */
export async function verifyAnyPendingSessionToken(
  keyring: Keyring,
  token: string,
  now: Date,
): Promise<PendingSessionClaims | PendingSessionClaimsForSharingClient | null> {
  if (!token.startsWith(pendingTokenPrefix)) return null;
  const verified = await verifyHmacToken(keyring, pendingType, token.slice(pendingTokenPrefix.length), now);
  const shared = sharedPendingPayload().safeParse(verified);
  if (shared.success) {
    const { id, name, exp } = shared.data;
    return { sessionId: id, username: name, expiresAt: fromSeconds(exp) };
  }
  const payload = pendingPayload().safeParse(verified);
  if (!payload.success) return null;
  const { sid, name, exp, chl } = payload.data;
  const claims = { sessionSecret: sid, username: name, expiresAt: fromSeconds(exp) };
  return chl === undefined ? claims : { ...claims, challenge: chl };
}

/** As {@link verifyAnyPendingSessionToken}, but only for the client that opened the session. Null also for a token of {@link signPendingSessionTokenForSharingClient}. */
export async function verifyPendingSessionToken(
  keyring: Keyring,
  token: string,
  now: Date,
): Promise<PendingSessionClaims | null> {
  const claims = await verifyAnyPendingSessionToken(keyring, token, now);
  return claims !== null && "sessionSecret" in claims ? claims : null;
}

const toSeconds = (date: Date) => Math.floor(date.getTime() / 1000);
const fromSeconds = (seconds: number) => new Date(seconds * 1000);
