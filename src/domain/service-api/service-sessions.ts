import { endSessionsOnce } from "../../store/service/user-writes.ts";
import { listSessionsOf, type Session } from "../../store/sessions/session-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { sessionCutoffAt } from "../sessions/sessions.ts";
import { requireExportKeyForAdminUsers } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { auditEventOf, findTargetUser, targetPlaceOf } from "./target-user.ts";

export interface SessionList {
  readonly ok: true;
  readonly sessions: readonly Session[];
}

/** Lists the living full sessions of a user, the last seen first. */
export async function listUserSessions(deps: Deps, call: UserServiceCall): Promise<SessionList | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  return { ok: true, sessions: await listSessionsOf(deps.db, user.id, sessionCutoffAt(deps, call.now)) };
}

/** Ends one session of a user, or all of them. To end all where there are none is no failure. */
export async function endUserSessions(
  deps: Deps,
  call: UserServiceCall,
  sessionId: string | null,
): Promise<{ ok: true } | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const deed = sessionId === null ? "session.others_ended" : "session.ended";
  const guarded = await requireExportKeyForAdminUsers(deps, call, deed, user);
  if (guarded !== null) return guarded;
  const event = { ...auditEventOf(call, deed, user.id), sessionId };
  const done = await endSessionsOnce(deps.db, targetPlaceOf(call), sessionId, {
    event,
    answer: null,
    now: call.now,
  });
  return done.happened || sessionId === null ? { ok: true } : { ok: false, reason: "no_such_session" };
}
