import type { Keyring } from "../../core/crypto/keyring.ts";
import { BoundedMap } from "../../core/lib/bounded-map.ts";
import { lazyPer } from "../../core/lib/lazy.ts";
import { parseAnyPendingToken, parseFullToken, sessionIdOf } from "../../core/tokens/session-token.ts";
import type { Deps } from "../deps.ts";
import type { FullSession, PendingSession } from "./sessions.ts";

/** Reads a pending session's token, without I/O. Null also for one that a hosted challenge has opened. */
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

/** So many sessions of one isolate are known at once: about two megabytes. */
const mostIdentified = 1000;

/**
 * What tokens have been found to say. A token's meaning never changes under the same keys, so only its end is left to
 * be asked about when it comes again; how fresh it is, whoever believes it asks.
 */
const identifiedUnder = lazyPer((_: Keyring) => new BoundedMap<string, FullSession>(mostIdentified));

/** Reads a full session's token, without I/O. The same token gives the same object as long as it is remembered. */
export async function readFullSession(deps: Deps, token: string, now: Date): Promise<FullSession | null> {
  const { keyring } = deps.config;
  const known = identifiedUnder(keyring);
  const seen = known.get(token);
  if (seen !== undefined) return seen.expiresAt > now ? seen : null;
  const claims = await parseFullToken(keyring, token, now);
  if (claims === null) return null;
  const session: FullSession = { ...claims, kind: "full", id: await sessionIdOf(claims.sessionSecret) };
  known.set(token, session);
  return session;
}
