import {
  computeSessionId,
  verifyAnyPendingSessionToken,
  verifyFullSessionToken,
} from "../../core/tokens/session-token.ts";
import type { Deps } from "../deps.ts";
import type { FullSession, PendingSession } from "./sessions.ts";

/** Verifies the token of a pending session, without I/O. Null also for the session of a hosted challenge. */
export async function readPendingSessionFromToken(
  deps: Deps,
  token: string,
  now: Date,
): Promise<PendingSession | null> {
  const claims = await verifyAnyPendingSessionToken(deps.config.keyring, token, now);
  if (claims === null) return null;
  const { username, expiresAt } = claims;
  if ("sessionId" in claims)
    return { kind: "pending", id: claims.sessionId, username, expiresAt, shared: true };
  if (claims.challenge !== undefined) return null;
  const id = await computeSessionId(claims.sessionSecret);
  return { kind: "pending", id, username, expiresAt, shared: false };
}

/**
 * Reads a full session's token, without I/O. Null when the token is invalid or has expired. The content of a token never
 * changes, so it is verified once and then taken from the cache. The caller checks its age (`checkedAt`).
 */
export async function readFullSessionFromToken(
  deps: Deps,
  token: string,
  now: Date,
): Promise<FullSession | null> {
  const cached = deps.cache.sessions.get(token);
  if (cached !== undefined) return cached.expiresAt > now ? cached : null;
  const claims = await verifyFullSessionToken(deps.config.keyring, token, now);
  if (claims === null) return null;
  const session: FullSession = { ...claims, kind: "full", id: await computeSessionId(claims.sessionSecret) };
  deps.cache.sessions.set(token, session);
  return session;
}
