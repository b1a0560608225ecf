import { hashPassword, needsRehash } from "../../core/crypto/password-hash.ts";
import { clientNetwork } from "../../core/parsing/client-network.ts";
import {
  type AuditEvent,
  type AuditEventType,
  type ClientContext,
  generateEventId,
} from "../../store/service/audit.ts";
import {
  countSignInFailure,
  findAccountForSignIn,
  openSignInSession,
  type SignInOutcome,
} from "../../store/sessions/sign-in-batch.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttempts } from "../failure.ts";
import {
  type IssuedSession,
  issueSession,
  type PreparedSession,
  prepareSession,
} from "../sessions/sessions.ts";
import { type IssuedPendingSession, issuePendingSession, openingBounds } from "./first-factor-sessions.ts";
import { pendingTtlSeconds } from "./openings.ts";
import { isPasswordOf } from "./stored-password.ts";
import {
  type FirstFactorCounters,
  findStandingBlock,
  firstFactorCounters,
  lastEnd,
  publishBlocks,
} from "./throttle.ts";

/** The realm of password users. */
export const localRealm = "local";

export interface PasswordSignIn {
  /** Canonical: `core/parsing/username.ts`. */
  readonly username: string;
  readonly password: string;
  /** From `core/tokens/known-devices.ts`: anything, or "". */
  readonly devices: string;
  readonly client: ClientContext;
  readonly now: Date;
}

export type SignedIn =
  | { readonly ok: true; readonly next: "done"; readonly issued: IssuedSession }
  | {
      readonly ok: true;
      readonly next: "second_factor";
      readonly pending: IssuedPendingSession;
    };

/**
 * Opens the first of the two doors with a password. One read, one password hash, one batch; who is blocked
 * costs none of them. An unknown user, a wrong password and a disabled account take the same way through here.
 */
export async function signIn(deps: Deps, request: PasswordSignIn): Promise<SignedIn | Failure> {
  const { username, devices, client, now } = request;
  const network = clientNetwork(client.address);
  const claimant = { realm: localRealm, username, network, devices };
  const counters = await firstFactorCounters(deps.config.keyring, claimant, now);
  const standing = await findStandingBlock(deps, counters, now);
  if (standing !== null) return tooManyAttempts(standing, now, "first_factor");

  const view = await findAccountForSignIn(deps.db, claimant, counters.all, now);
  if (view.blockedUntil !== null) return tooManyAttempts(view.blockedUntil, now, "first_factor");
  const opened = await trySignIn(deps, request, counters, view.user);
  if (opened.ok || opened.reason !== "account_changed") return opened;
  // The copy that was read was behind, and the batch has done nothing: once more, with what the primary holds.
  const again = await trySignIn(deps, request, counters, opened.user);
  return again.ok || again.reason !== "account_changed" ? again : { ok: false, reason: "wrong_credentials" };
}

type AccountChanged = { readonly ok: false; readonly reason: "account_changed"; readonly user: User | null };

const accountChanged = ({ user }: SignInOutcome): AccountChanged => ({
  ok: false,
  reason: "account_changed",
  user,
});

async function trySignIn(
  deps: Deps,
  request: PasswordSignIn,
  counters: FirstFactorCounters,
  user: User | null,
): Promise<SignedIn | Failure | AccountChanged> {
  const { now } = request;
  // The hash is computed whoever asks, so that the answer takes as long (TH-10).
  const matches = await isPasswordOf(deps, request.password, user);
  const name = { realm: localRealm, username: request.username };
  if (!matches || user === null || user.disabledAt !== null) {
    const event = signInEvent("first_factor.refused", request, user, null);
    const wrong = { name, counters: counters.all, event, comparedWith: user };
    const outcome = await countSignInFailure(deps.db, wrong, now);
    const failure = outcome.done
      ? ({ ok: false, reason: "wrong_credentials" } as const)
      : accountChanged(outcome);
    return refusal(deps, outcome, now) ?? failure;
  }
  const drawn = await prepareSignInSession(deps, user, request);
  const outcome = await openSignInSession(
    deps.db,
    {
      name,
      counters: counters.all,
      event: signInEvent("first_factor.accepted", request, user, drawn.row.id),
      session: drawn.row,
      bounds: openingBounds(now),
      user,
      resetCounter: counters.forgiven,
      newPasswordHash: await renewedHash(user, request.password),
    },
    now,
  );
  const { session } = outcome;
  if (session === null) return refusal(deps, outcome, now) ?? accountChanged(outcome);
  const { username } = user;
  if (!user.totpEnabled)
    return { ok: true, next: "done", issued: await issueSession(deps, { ...drawn, user, username }, now) };
  const pending = await issuePendingSession(deps, { row: session, drawn, username }, now);
  return { ok: true, next: "second_factor", pending };
}

/** A batch that did nothing while a counter blocks was one too many: right and wrong get the same answer. */
function refusal(deps: Deps, { done, overflows }: SignInOutcome, now: Date): Failure | null {
  publishBlocks(deps, overflows, now);
  const until = lastEnd(overflows);
  return done || until === null ? null : tooManyAttempts(until, now, "first_factor");
}

function signInEvent(
  type: AuditEventType,
  { client, now }: PasswordSignIn,
  user: User | null,
  sessionId: string | null,
): AuditEvent {
  // An unknown name is not written down: people type their password into the wrong field.
  const detail = { method: "password" };
  return {
    id: generateEventId(),
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
  return user.passwordHash !== null && needsRehash(user.passwordHash) ? hashPassword(password) : null;
}

/** With a second factor there is a pending session to draw, without one a full one. */
function prepareSignInSession(
  deps: Deps,
  user: User,
  { client, now }: PasswordSignIn,
): Promise<PreparedSession> {
  const ttlSeconds = user.totpEnabled ? pendingTtlSeconds : deps.config.sessionMaxAgeSeconds;
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
