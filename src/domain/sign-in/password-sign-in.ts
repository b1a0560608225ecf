import { hashPassword, hasOutdatedScryptParameters } from "../../core/crypto/password-hash.ts";
import {
  type AuditEvent,
  type AuditEventType,
  type ClientAndActor,
  generateRandomEventId,
} from "../../store/service/audit.ts";
import {
  findAccountForSignIn,
  openOrShareSignInSession,
  type SignInBatchResult,
} from "../../store/sessions/sign-in-batch.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttemptsFailure } from "../failure.ts";
import {
  type IssuedSession,
  issueSessionToken,
  type PreparedSession,
  prepareSession,
} from "../sessions/sessions.ts";
import {
  firstFactorOnlySessionLimitsAt,
  issuePendingSessionToken,
  type PendingSessionToken,
} from "./first-factor-sessions.ts";
import { pendingSessionTtlSeconds } from "./openings.ts";
import { countWrongPassword, publishBlocksAndFindFailure, startPasswordAttempt } from "./password-attempt.ts";
import { isPasswordOfUser } from "./stored-password.ts";
import type { PasswordAttemptCounters } from "./throttle.ts";

/** The realm of password users. */
export const localRealm = "local";

export interface PasswordSignInInput {
  /** The user name in canonical form (`core/parsing/username.ts`). */
  readonly username: string;
  readonly password: string;
  /** The value of the known-devices cookie, not yet verified; "" without one. */
  readonly devices: string;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/** `done`: the sign-in is complete, with a full session. `second_factor`: the account has one, and its code must follow. */
export type PasswordSignInResult =
  | { readonly ok: true; readonly next: "done"; readonly issued: IssuedSession }
  | {
      readonly ok: true;
      readonly next: "second_factor";
      readonly pending: PendingSessionToken;
    };

/**
 * Signs in with user name and password: opens a full session, or a pending one for an account with a second factor. Trips:
 * one read and one batch, and one password hash. An attempt that KV blocks costs none of them. An unknown user, a wrong
 * password and a disabled account do the same work and give the same failure (TH-10).
 */
export async function signInWithPassword(
  deps: Deps,
  request: PasswordSignInInput,
): Promise<PasswordSignInResult | Failure> {
  const { username, now } = request;
  const started = await startPasswordAttempt(deps, { realm: localRealm, username }, request);
  if (!started.ok) return started;
  const { attempt, counters } = started;

  const view = await findAccountForSignIn(deps.db, attempt, counters.all, now);
  if (view.blockedUntil !== null) return tooManyAttemptsFailure(view.blockedUntil, now, "first_factor");
  const opened = await trySignIn(deps, request, counters, view.user);
  if (opened.ok || opened.reason !== "account_changed") return opened;
  // The account has changed since it was read, and the batch has done nothing: once more, with the row of the primary.
  const again = await trySignIn(deps, request, counters, opened.user);
  return again.ok || again.reason !== "account_changed" ? again : { ok: false, reason: "wrong_credentials" };
}

type AccountChanged = { readonly ok: false; readonly reason: "account_changed"; readonly user: User | null };

const accountChanged = ({ user }: SignInBatchResult): AccountChanged => ({
  ok: false,
  reason: "account_changed",
  user,
});

async function trySignIn(
  deps: Deps,
  request: PasswordSignInInput,
  counters: PasswordAttemptCounters,
  user: User | null,
): Promise<PasswordSignInResult | Failure | AccountChanged> {
  const { now } = request;
  // The hash is computed for an unknown user too, so that the response takes as long (TH-10).
  const matches = await isPasswordOfUser(deps, request.password, user);
  const name = { realm: localRealm, username: request.username };
  if (!matches || user === null || user.disabledAt !== null) {
    const event = signInEvent("first_factor.refused", request, user, null);
    const wrong = { name, counters: counters.all, event, comparedWith: user };
    const { result, blocked } = await countWrongPassword(deps, wrong, now);
    if (blocked !== null) return blocked;
    return result.done ? { ok: false, reason: "wrong_credentials" } : accountChanged(result);
  }
  const prepared = await prepareSignInSession(deps, user, request);
  const result = await openOrShareSignInSession(
    deps.db,
    {
      name,
      counters: counters.all,
      event: signInEvent("first_factor.accepted", request, user, prepared.row.id),
      session: prepared.row,
      bounds: firstFactorOnlySessionLimitsAt(now),
      user,
      resetCounter: counters.resetBySuccess,
      newPasswordHash: await renewedHash(user, request.password),
    },
    now,
  );
  const { session } = result;
  if (session === null) return publishBlocksAndFindFailure(deps, result, now) ?? accountChanged(result);
  const { username } = user;
  if (!user.totpEnabled)
    return {
      ok: true,
      next: "done",
      issued: await issueSessionToken(deps, { ...prepared, user, username }, now),
    };
  const pending = await issuePendingSessionToken(deps, { row: session, prepared, username }, now);
  return { ok: true, next: "second_factor", pending };
}

function signInEvent(
  type: AuditEventType,
  { client, now }: PasswordSignInInput,
  user: User | null,
  sessionId: string | null,
): AuditEvent {
  // An unknown name is not recorded: users type their password into the name field by mistake.
  const detail = { method: "password" };
  return {
    id: generateRandomEventId(),
    at: now,
    type,
    client,
    realm: localRealm,
    userId: user?.id ?? null,
    sessionId,
    detail,
  };
}

async function renewedHash(user: User, password: string): Promise<string | null> {
  return user.passwordHash !== null && hasOutdatedScryptParameters(user.passwordHash)
    ? hashPassword(password)
    : null;
}

/** Prepares a pending session for an account with a second factor, else a full one. */
function prepareSignInSession(
  deps: Deps,
  user: User,
  { client, now }: PasswordSignInInput,
): Promise<PreparedSession> {
  const ttlSeconds = user.totpEnabled ? pendingSessionTtlSeconds : deps.config.sessionMaxAgeSeconds;
  return prepareSession(
    {
      kind: user.totpEnabled ? "pending" : "full",
      userId: user.id,
      binding: null,
      amr: ["pwd"],
      firstFactorAt: now,
      secondFactorAt: null,
      expiresAt: new Date(now.getTime() + ttlSeconds * 1000),
      client,
    },
    now,
  );
}
