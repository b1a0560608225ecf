import { endSessionsOnce } from "../../store/service/user-writes.ts";
import { listSessionsOf, type Session } from "../../store/sessions/session-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { livenessAt } from "../sessions/sessions.ts";
import { guardAccounts } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { eventOf, findSubject, placeOf } from "./subject.ts";

export interface SessionList {
  readonly ok: true;
  readonly sessions: readonly Session[];
}

/** Lists the living full sessions of a user, the last seen first. */
export async function listSessionsFor(deps: Deps, call: UserServiceCall): Promise<SessionList | Failure> {
  const user = await findSubject(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  return { ok: true, sessions: await listSessionsOf(deps.db, user.id, livenessAt(deps, call.now)) };
}

/** Ends one session of a user, or all of them. To end all where there are none is no failure. */
export async function endSessionsFor(
  deps: Deps,
  call: UserServiceCall,
  sessionId: string | null,
): Promise<{ ok: true } | Failure> {
  const user = await findSubject(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const deed = sessionId === null ? "session.others_ended" : "session.ended";
  const guarded = await guardAccounts(deps, call, deed, user);
  if (guarded !== null) return guarded;
  const event = { ...eventOf(call, deed, user.id), sessionId };
  const done = await endSessionsOnce(deps.db, placeOf(call), sessionId, {
    event,
    answer: null,
    now: call.now,
  });
  return done.happened || sessionId === null ? { ok: true } : { ok: false, reason: "no_such_session" };
}
