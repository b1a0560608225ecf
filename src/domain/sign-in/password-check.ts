import { type ClientAndActor, generateRandomEventId } from "../../store/service/audit.ts";
import { findSessionOnPrimary, type SessionWithUser } from "../../store/sessions/session-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { type FullSession, isSessionLive } from "../sessions/sessions.ts";
import { countWrongPassword, startPasswordAttempt } from "./password-attempt.ts";
import { isPasswordOfUser } from "./stored-password.ts";
import type { PasswordAttemptCounters } from "./throttle.ts";

/** A right password. The batch that acts on it must repeat the condition that none of `counters` blocks. */
export interface CheckPasswordResult {
  readonly ok: true;
  readonly counters: PasswordAttemptCounters;
  /** The session and the account that the password was compared with. */
  readonly view: SessionWithUser;
}

export interface CheckPasswordInput {
  readonly session: FullSession;
  /** Null: the request has none. */
  readonly password: string | null;
  /** The value of the known-devices cookie, not yet verified; "" without one. */
  readonly devices: string;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/**
 * Checks the password again inside a session, under the counters of sign-in. Trips: one read, and one batch for a wrong
 * password. An account without a password passes without one.
 */
export async function checkPasswordInSession(
  deps: Deps,
  { session, password, devices, client, now }: CheckPasswordInput,
): Promise<CheckPasswordResult | Failure> {
  const started = await startPasswordAttempt(deps, session, { client, devices, now });
  if (!started.ok) return started;
  const { attempt, counters } = started;
  // The session is read from the primary: a read replica may still have a password that was changed because it leaked.
  const view = await findSessionOnPrimary(deps.db, session.id);
  if (view === null || !isSessionLive(deps, view, now)) return { ok: false, reason: "session_over" };
  const { passwordHash } = view.user;
  if (passwordHash === null || (password !== null && (await isPasswordOfUser(deps, password, view.user)))) {
    return { ok: true, counters, view };
  }
  const event = {
    id: generateRandomEventId(),
    at: now,
    type: "first_factor.refused",
    client,
    realm: session.realm,
    userId: session.userId,
    sessionId: session.id,
    detail: { method: "password" },
  } as const;
  const wrong = { name: attempt, counters: counters.all, event, comparedWith: view.user };
  const { blocked } = await countWrongPassword(deps, wrong, now);
  return blocked ?? { ok: false, reason: "wrong_credentials" };
}
