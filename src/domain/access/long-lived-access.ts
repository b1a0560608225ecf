import type { FactorRequirement } from "../../core/policy/policy.ts";
import { findUserOnPrimary } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { isSessionLiveInStore } from "../sessions/sessions.ts";
import type { FirstFactorSource } from "../sign-in/first-factor-source.ts";
import { type AccessGranted, authorizeVerifiedFactors } from "./access.ts";

/** An open WebSocket: access that outlives the request which it was granted to. */
export interface WebSocketAccess {
  /** The requirement of the path when the WebSocket was opened. */
  readonly requirement: FactorRequirement;
  readonly granted: Pick<AccessGranted, "identity" | "sessionId">;
  /** The source of an external first factor. Null: the first factor is a password. */
  readonly source: FirstFactorSource | null;
}

/**
 * True when the access must be rechecked while the WebSocket is open (INC-32).
 *
 * - A visitor with an identity: yes, also when the path requires nothing. The origin acts for that account.
 * - An anonymous visitor on a path that requires a factor: yes. The site has its own login behind the gate. When the visitor
 *   signs in there with the same credentials, the open WebSocket would bypass the second factor.
 * - An anonymous visitor on a path that requires nothing: no. Every client may open the same WebSocket.
 */
export const needsPeriodicRecheck = ({ requirement, granted, source }: WebSocketAccess): boolean =>
  granted.identity !== null || (source !== null && requirement.level !== "none");

/**
 * True when the same visitor would be granted access again. Sends one request to the first factor's source, and one to the
 * primary: for the session, or for the account when there is no session.
 *
 * @throws StoreUnavailableError, FirstFactorUnavailableError when that can't be found out: the access must end (INC-20)
 */
export async function isAccessStillGranted(
  deps: Deps,
  { requirement, granted, source }: WebSocketAccess,
  now: Date,
): Promise<boolean> {
  const { identity, sessionId } = granted;
  const current = source === null ? null : await source.identifyAgain(now);
  if (source !== null && current?.username !== identity?.username) return false;
  if (identity === null) return true;
  if (sessionId !== null) return isSessionLiveInStore(deps, sessionId, now);
  if (source === null) return false;
  const user = await findUserOnPrimary(deps.db, source.realm, [identity.userId]);
  if (user === null || user.disabledAt !== null) return false;
  const visitor = { ...identity, enrolled: user.totpEnabled, firstFactorAt: now, secondFactorAt: null };
  return authorizeVerifiedFactors(deps, requirement, visitor, null, now).allowed;
}
