import type { Claimant, Decision } from "../../store/second-factor/code-attempt.ts";
import { isRowOpenToHolder } from "../../store/sessions/pending-sessions.ts";
import {
  findSession,
  findSessionOnPrimary,
  type Session,
  type SessionView,
} from "../../store/sessions/session-rows.ts";
import { findUser, findUserOnPrimary, type User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import {
  type FullSession,
  isSessionLive,
  isSessionOfNamedAccount,
  type PendingSession,
  sessionCutoffAt,
} from "../sessions/sessions.ts";
import type { ChallengeSession } from "./challenge-session.ts";

/** An account as it was read, and the session that a code comes with, where it comes with one. */
export interface AccountView {
  readonly user: User;
  readonly session: Session | null;
}

/** Who brings a code: a session of the account, or a backend that speaks for the users of a realm. */
export interface CodeSubject<View extends AccountView> {
  readonly claimant: Claimant;
  /** Reads the account; a copy that is behind may answer. */
  find(): Promise<View | null>;
  findOnPrimary(): Promise<View | null>;
  /** How things stand after the batch. Null: what the code came with is gone. */
  viewAfter(decision: Pick<Decision, "user" | "session">): View | null;
  /** May this view be acted on at all? */
  isOpen(view: View): boolean;
  /** The refusal when it may not, or there is none. */
  readonly over: Failure;
  /** The refusal when the account has no second factor in force. */
  readonly notEnabled: Failure;
}

/**
 * A code that comes with a session.
 *
 * @param known the session and its account, if they have just been read
 */
export function codeSubjectOfSession(
  deps: Deps,
  session: PendingSession | ChallengeSession | FullSession,
  now: Date,
  known?: SessionView,
): CodeSubject<SessionView> {
  const { id } = session;
  const claimant = claimantOf(deps, session, now);
  const kind = session.kind === "full" ? "full" : "pending";
  const challengeId = session.kind === "challenge" ? session.challenge.id : null;
  const over: Failure = { ok: false, reason: overReasons[session.kind] };
  return {
    claimant,
    find: async () => known ?? findSession(deps.db, id),
    findOnPrimary: () => findSessionOnPrimary(deps.db, id),
    // An accepted code may have put another session in the place of this one.
    viewAfter: ({ user, session: row }) => (user === null || row === null ? null : { user, session: row }),
    isOpen: (view) =>
      view.session.kind === kind &&
      view.session.challengeId === challengeId &&
      isSessionLive(deps, view, now) &&
      (session.kind !== "pending" || isRowOpenToHolder(view.session, session)) &&
      isSessionOfNamedAccount(deps, view, session),
    over,
    // The second factor was switched off while a sign-in waited for it: begin again.
    notEnabled: session.kind === "pending" ? over : { ok: false, reason: "not_enabled" },
  };
}

function claimantOf(
  deps: Deps,
  session: PendingSession | ChallengeSession | FullSession,
  now: Date,
): Claimant {
  const { id } = session;
  switch (session.kind) {
    case "full":
      return { kind: "full", id, cutoff: sessionCutoffAt(deps, now) };
    case "challenge":
      return { kind: "challenge", id, challengeId: session.challenge.id };
    case "pending":
      return { kind: "pending", id, shared: session.shared };
  }
}

const overReasons = {
  pending: "pending_session_over",
  challenge: "challenge_over",
  full: "session_over",
} as const;

/** A user of a realm, and its row where that has just been read. */
export interface BackendSubject {
  readonly realm: string;
  /** As the store knows it: `core/parsing/user-id.ts`. */
  readonly ids: readonly string[];
  readonly known?: User | null | undefined;
}

/** A code that a backend brings for a user of its realm. */
export function codeSubjectOfBackend(
  deps: Deps,
  { realm, ids, known }: BackendSubject,
): CodeSubject<AccountView> {
  const view = (user: User | null) => (user === null ? null : { user, session: null });
  return {
    claimant: { kind: "backend" },
    // A copy that does not have it was asked already.
    find: async () =>
      view(known ?? (await (known === null ? findUserOnPrimary : findUser)(deps.db, realm, ids))),
    findOnPrimary: async () => view(await findUserOnPrimary(deps.db, realm, ids)),
    viewAfter: ({ user }) => view(user),
    isOpen: ({ user }) => user.realm === realm,
    over: { ok: false, reason: "no_such_user" },
    notEnabled: { ok: false, reason: "not_enabled" },
  };
}
