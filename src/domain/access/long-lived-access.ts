import type { FactorRequirement } from "../../core/policy/policy.ts";
import { findUserOnPrimary } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { isUsedSessionLive } from "../sessions/sessions.ts";
import type { FirstFactorSource } from "../sign-in/first-factor-source.ts";
import { type AccessGranted, authorizeVerifiedFactors } from "./access.ts";

/** The access of an open WebSocket or of a request that lasts (stream, download, upload). It is granted once and must end with the session. */
export interface LastingAccess {
  /** The requirement of the path when the connection was opened. */
  readonly requirement: FactorRequirement;
  readonly granted: Pick<AccessGranted, "identity" | "sessionId">;
  /** The source of an external first factor. Null: the first factor is a password. */
  readonly source: FirstFactorSource | null;
  /** When D1 last confirmed the session before this access was granted. Null: there is no session. */
  readonly checkedAt: Date | null;
}

/** The first and the last time at which data passed over a connection since its last check. */
export interface ConnectionUse {
  readonly first: Date;
  readonly last: Date;
}

/**
 * True when the access must be rechecked while the connection is open (INC-32, INC-38).
 *
 * - A visitor with an identity: yes, also when the path requires nothing. The origin acts for that account.
 * - An anonymous visitor on a path that requires a factor: yes. The site has its own login behind the gate. When the visitor
 *   signs in there with the same credentials, the open connection would bypass the second factor.
 * - An anonymous visitor on a path that requires nothing: no. Every client may open the same connection.
 */
export const needsPeriodicRecheck = ({ requirement, granted, source }: LastingAccess): boolean =>
  granted.identity !== null || (source !== null && requirement.level !== "none");

/** Every check of an open connection is a query to D1, so there are at least this many seconds between two. */
const minCheckSeconds = 5;

/** The use of a connection is recorded in D1 at least this many times within `SESSION_IDLE`, so that a session in use does not end as idle. */
const checksWithinIdleTime = 10;

/**
 * Returns when to check the access of an open connection: every `SESSION_RECHECK`, or every tenth of `SESSION_IDLE` if that is shorter,
 * but at least 5 seconds apart. The first check is due one interval after `checkedAt`, when the token is due for a recheck (SE-06).
 */
export function accessCheckTimes(
  { config }: Deps,
  { checkedAt }: LastingAccess,
  now: Date,
): { readonly firstSeconds: number; readonly intervalSeconds: number } {
  const { sessionRecheckSeconds, sessionIdleSeconds } = config;
  const wanted = Math.min(sessionRecheckSeconds, sessionIdleSeconds / checksWithinIdleTime);
  const intervalSeconds = Math.max(wanted, minCheckSeconds);
  const tokenAgeSeconds = checkedAt === null ? 0 : (now.getTime() - checkedAt.getTime()) / 1000;
  return { firstSeconds: Math.max(intervalSeconds - tokenAgeSeconds, minCheckSeconds), intervalSeconds };
}

/**
 * True when the same visitor would be granted access again. Sends one request to the first factor's source, and one to the
 * primary: for the session, whose use it records, or for the account when there is no session.
 *
 * @param use null: no data has passed since the last check
 * @throws StoreUnavailableError, FirstFactorUnavailableError when that can't be found out: the access must end (INC-20)
 */
export async function isAccessStillGranted(
  deps: Deps,
  { requirement, granted, source }: LastingAccess,
  use: ConnectionUse | null,
  now: Date,
): Promise<boolean> {
  const { identity, sessionId } = granted;
  const current = source === null ? null : await source.identifyAgain(now);
  if (source !== null && current?.username !== identity?.username) return false;
  if (identity === null) return true;
  if (sessionId !== null) return isUsedSessionLive(deps, sessionId, use, now);
  if (source === null) return false;
  const user = await findUserOnPrimary(deps.db, source.realm, [identity.userId]);
  if (user === null || user.disabledAt !== null) return false;
  const visitor = { ...identity, enrolled: user.totpEnabled, firstFactorAt: now, secondFactorAt: null };
  return authorizeVerifiedFactors(deps, requirement, visitor, null, now).allowed;
}
