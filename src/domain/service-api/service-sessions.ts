import { endSessionsOnce } from "../../store/service/user-writes.ts";
import { listLiveSessionsOfUser, type Session } from "../../store/sessions/session-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { sessionExpiryAndIdleCutoffsAt } from "../sessions/sessions.ts";
import { requireExportKeyForAdminUsers } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { createServiceAuditEvent, findTargetUser, targetUserRefOf } from "./target-user.ts";

export interface SessionList {
  readonly ok: true;
  readonly sessions: readonly Session[];
}

/** Lists the live full sessions of a user, the most recently used first. */
export async function listUserSessions(deps: Deps, call: UserServiceCall): Promise<SessionList | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  return {
    ok: true,
    sessions: await listLiveSessionsOfUser(deps.db, user.id, sessionExpiryAndIdleCutoffsAt(deps, call.now)),
  };
}

/**
 * Ends one session of a user, or all of them.
 *
 * @param sessionId null for all sessions: succeeds also when there are none
 */
export async function endUserSessions(
  deps: Deps,
  call: UserServiceCall,
  sessionId: string | null,
): Promise<{ ok: true } | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const eventType = sessionId === null ? "session.others_ended" : "session.ended";
  const refusal = await requireExportKeyForAdminUsers(deps, call, eventType, user);
  if (refusal !== null) return refusal;
  const event = { ...createServiceAuditEvent(call, eventType, user.id), sessionId };
  const done = await endSessionsOnce(deps.db, targetUserRefOf(call), sessionId, {
    event,
    response: null,
    now: call.now,
  });
  return done.happened || sessionId === null ? { ok: true } : { ok: false, reason: "no_such_session" };
}
