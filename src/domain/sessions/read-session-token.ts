import type { Keyring } from "../../core/crypto/keyring.ts";
import { BoundedMap } from "../../core/lib/bounded-map.ts";
import { lazyPer } from "../../core/lib/lazy.ts";
import { parseAnyPendingToken, parseFullToken, sessionIdOf } from "../../core/tokens/session-token.ts";
import type { Deps } from "../deps.ts";
import type { FullSession, PendingSession } from "./sessions.ts";

/** Verifies the token of a pending session, without I/O. Null also for the session of a hosted challenge. */
export async function readPendingSession(
  deps: Deps,
  token: string,
  now: Date,
): Promise<PendingSession | null> {
  const claims = await parseAnyPendingToken(deps.config.keyring, token, now);
  if (claims === null) return null;
  const { username, expiresAt } = claims;
  if ("sessionId" in claims)
    return { kind: "pending", id: claims.sessionId, username, expiresAt, shared: true };
  if (claims.challenge !== undefined) return null;
  const id = await sessionIdOf(claims.sessionSecret);
  return { kind: "pending", id, username, expiresAt, shared: false };
}

/** About two megabytes in each isolate. */
const maxCachedSessions = 1000;

/**
 * The sessions of verified tokens, by token. The claims of a token never change under the same keyring. Only time matters
 * when a token comes again: the cache hit checks `expiresAt`, and `isTokenFresh` the age.
 */
const cachedSessions = lazyPer((_: Keyring) => new BoundedMap<string, FullSession>(maxCachedSessions));

/** Verifies the token of a full session, without I/O. Returns the same object for the same token while it is cached. */
export async function readFullSession(deps: Deps, token: string, now: Date): Promise<FullSession | null> {
  const { keyring } = deps.config;
  const cache = cachedSessions(keyring);
  const cached = cache.get(token);
  if (cached !== undefined) return cached.expiresAt > now ? cached : null;
  const claims = await parseFullToken(keyring, token, now);
  if (claims === null) return null;
  const session: FullSession = { ...claims, kind: "full", id: await sessionIdOf(claims.sessionSecret) };
  cache.set(token, session);
  return session;
}
