import type { Requirement } from "../../core/policy/policy.ts";
import { findUserOnPrimary } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { isSessionLiveInStore } from "../sessions/sessions.ts";
import type { FirstFactorSource } from "../sign-in/first-factor-source.ts";
import { type AccessGranted, authorizeVisitor } from "./access.ts";

/** What a request that passed has opened for longer than itself: a WebSocket. */
export interface LongLivedAccess {
  /** What the path required when it was opened. */
  readonly requirement: Requirement;
  readonly passage: Pick<AccessGranted, "identity" | "sessionId">;
  /** Null: passwords are the first factor. */
  readonly source: FirstFactorSource | null;
}

/**
 * True when the grounds of the access can end before the access does (INC-32).
 *
 * - A visitor with an identity: always, also where the path requires nothing. The origin was told who is there, and answers
 *   for that account.
 * - An anonymous visitor where the path requires a factor: the site has its own login behind the gate. After a sign-in at
 *   the site under the same credentials, the socket could be a second way in, past the second factor.
 * - An anonymous visitor where the path requires nothing: never. Anybody may open the same.
 */
export const mustRecheckAccess = ({ requirement, passage, source }: LongLivedAccess): boolean =>
  passage.identity !== null || (source !== null && requirement.level !== "none");

/**
 * True when the access would be granted to the same visitor again. The first factor's source is asked anew, and the store
 * once: about the session, or about the account where there is no session.
 *
 * @throws StoreUnavailable, FirstFactorUnavailable: the access is to end (INC-20)
 */
export async function isAccessStillGranted(
  deps: Deps,
  { requirement, passage, source }: LongLivedAccess,
  now: Date,
): Promise<boolean> {
  const { identity, sessionId } = passage;
  const named = source === null ? null : await source.identifyAgain(now);
  if (source !== null && named?.username !== identity?.username) return false;
  if (identity === null) return true;
  if (sessionId !== null) return isSessionLiveInStore(deps, sessionId, now);
  if (source === null) return false;
  const user = await findUserOnPrimary(deps.db, source.realm, [identity.userId]);
  if (user === null || user.disabledAt !== null) return false;
  const level = { ...identity, enrolled: user.totpEnabled, firstFactorAt: now, secondFactorAt: null };
  return authorizeVisitor(deps, requirement, level, null, now).allowed;
}
