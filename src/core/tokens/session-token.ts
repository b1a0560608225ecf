import { base64urlnopad } from "@scure/base";
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import * as z from "zod/mini";
import { sha256 } from "../crypto/digest.ts";
import type { Keyring } from "../crypto/keyring.ts";
import { lazy } from "../lib/lazy.ts";

/** What a full session's token says. It was true at `checkedAt`. */
export interface SessionClaims {
  /** Random, 256 bits. The session's id in the store is its hash, so a copy of the store opens nothing. */
  readonly sessionSecret: string;
  readonly userId: string;
  readonly realm: string;
  readonly username: string;
  readonly email: string | null;
  /** Has this account two-factor authentication switched on? */
  readonly enrolled: boolean;
  /** What shows the first factor, where that is not a password (`core/tokens/session-binding.ts`). */
  readonly binding: string | null;
  readonly amr: readonly string[];
  readonly firstFactorAt: Date;
  readonly secondFactorAt: Date | null;
  /** When the store last said that this session lives. */
  readonly checkedAt: Date;
  readonly expiresAt: Date;
}

/** What a pending session's token says: that it exists, and nothing that a door could be opened with. */
export interface PendingSessionClaims {
  readonly sessionSecret: string;
  /** Whose code it waits for: with another first factor than a password, somebody else may be there by then. */
  readonly username: string;
  readonly expiresAt: Date;
  /** What it was opened for, where that is not a sign-in. */
  readonly challenge?: ChallengeClaims;
}

/**
 * What the token of a pending session says that another request has opened: its id. Only the client that opened the session
 * has its secret. A client with this token has shown the same first factor; it can type a code, but not end the session.
 */
export interface SharedPendingClaims {
  readonly sessionId: string;
  readonly username: string;
  readonly expiresAt: Date;
}

/** What a hosted challenge is about: so its pages need no read. */
export interface ChallengeClaims {
  readonly id: string;
  /** As the store knows the user. */
  readonly userId: string;
  readonly realm: string;
  /** What is to be approved, in the words of the backend. */
  readonly action: string | null;
  readonly nonce: string | null;
  /** Where the browser goes on. */
  readonly returnTo: string;
}

/** What a pending session's token begins with. */
export const pendingPrefix = "pending_";
const fullType = "sallyport-session+jwt";
const pendingType = "sallyport-pending+jwt";
/** The `typ` of the tokens of sessions (RFC 7515 4.1.9). */
export const sessionTokenTypes: readonly string[] = [fullType, pendingType];
const audience = "sallyport";
const algorithm = "HS256";
const secretBytes = 32;

/** Draws the secret of a new session: 256 random bits, base64url. */
export function generateSessionSecret(): string {
  return base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(secretBytes)));
}

/** The id under which the store knows a session: SHA-256 of its secret, base64url. */
export async function sessionIdOf(sessionSecret: string): Promise<string> {
  return sha256(sessionSecret);
}

/** Signs the token of a full session (RFC 7519, HMAC-SHA-256 under the current key). */
export async function signFullToken(keyring: Keyring, claims: SessionClaims): Promise<string> {
  return sign(keyring, fullType, claims.checkedAt, claims.expiresAt, {
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
  });
}

/** Signs the token of a pending session: `pending_` and a JWT of a type of its own. */
export async function signPendingToken(
  keyring: Keyring,
  claims: PendingSessionClaims,
  now: Date,
): Promise<string> {
  return (
    pendingPrefix +
    (await sign(keyring, pendingType, now, claims.expiresAt, {
      sid: claims.sessionSecret,
      name: claims.username,
      ...(claims.challenge === undefined ? {} : { chl: claims.challenge }),
    }))
  );
}

/** Signs the token of a pending session that another request has opened: of the same type as the session's first token. */
export async function signSharedPendingToken(
  keyring: Keyring,
  { sessionId, username, expiresAt }: SharedPendingClaims,
  now: Date,
): Promise<string> {
  const payload = { id: sessionId, name: username };
  return pendingPrefix + (await sign(keyring, pendingType, now, expiresAt, payload));
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

/** Reads a full session's token. Null: forged, damaged, expired, of another type, or under a key that is gone. */
export async function parseFullToken(
  keyring: Keyring,
  token: string,
  now: Date,
): Promise<SessionClaims | null> {
  const payload = fullPayload().safeParse(await verify(keyring, fullType, token, now));
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

/** Reads a pending session's token. Null as in {@link parseFullToken}; a full token is never a pending one. */
export async function parseAnyPendingToken(
  keyring: Keyring,
  token: string,
  now: Date,
): Promise<PendingSessionClaims | SharedPendingClaims | null> {
  if (!token.startsWith(pendingPrefix)) return null;
  const verified = await verify(keyring, pendingType, token.slice(pendingPrefix.length), now);
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

/** As {@link parseAnyPendingToken}, for the client that opened the session. Null also for a token of one that shares it. */
export async function parsePendingToken(
  keyring: Keyring,
  token: string,
  now: Date,
): Promise<PendingSessionClaims | null> {
  const claims = await parseAnyPendingToken(keyring, token, now);
  return claims !== null && "sessionSecret" in claims ? claims : null;
}

async function sign(keyring: Keyring, type: string, issuedAt: Date, expiresAt: Date, payload: JWTPayload) {
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
 * Is every part base64url in its one spelling (RFC 7515 2)? jose also reads blanks, padding and other last bits, and a
 * token that can be written in several ways is one that a list of tokens would miss.
 */
export function isCanonicalJws(token: string): boolean {
  try {
    return token.split(".").every((part) => base64urlnopad.decode(part).length > 0);
  } catch {
    return false;
  }
}

async function verify(keyring: Keyring, type: string, token: string, now: Date): Promise<unknown> {
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
const fromSeconds = (seconds: number) => new Date(seconds * 1000);
