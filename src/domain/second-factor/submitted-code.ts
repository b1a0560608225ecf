import type { ParsedCode } from "../../core/parsing/code-input.ts";
import type {
  CodeAttemptSessionOrService,
  CommitCodeAttemptResult,
  ComparedEnvelope,
  SpentCodeWrite,
} from "../../store/second-factor/code-attempt.ts";
import type { AcceptedCodeEffect } from "../../store/second-factor/code-effects.ts";
import type { ClientAndActor } from "../../store/service/audit.ts";
import { isPendingSessionRowNotSignedOut } from "../../store/sessions/pending-sessions.ts";
import {
  findSessionOnPrimary,
  findSessionOnReplicaOrPrimary,
  type Session,
  type SessionWithUser,
} from "../../store/sessions/session-rows.ts";
import { findUserOnPrimary, type User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import type { IdempotencyKeyWithRenderer } from "../service-api/stored-response.ts";
import { findUserUnlessKnown } from "../service-api/target-user.ts";
import {
  type FullSession,
  isSessionLive,
  isSessionOfSubjectInToken,
  type PendingSession,
  sessionExpiryAndIdleCutoffsAt,
} from "../sessions/sessions.ts";
import type { CheckPasswordResult } from "../sign-in/password-check.ts";
import type { ChallengeSession } from "./challenge-session.ts";

// The terms of one submitted code, in the order of its steps: input, subject, account, comparison, plan, result.

/** A submitted code, and what its acceptance changes. */
export interface VerifyCodeInput<Outcome, Subject extends CodeSubject> {
  readonly subject: Subject;
  readonly code: ParsedCode;
  /**
   * What the code is compared with: the second factor in force, or the secret that is being set up. `pendingSecret` is the
   * Base32 text that the caller means to confirm; null when it does not say.
   */
  readonly against: "second_factor" | { readonly pendingSecret: string | null };
  /**
   * Returns what the batch changes if it accepts the code, and the outcome for the caller. Writes nothing itself: it is called
   * again, with new rows, when the account has changed since it was read.
   */
  readonly planAcceptance: (
    view: CodeSubjectRows<Subject>,
    evidence: RightCodeDetails,
  ) => Promise<AcceptedCodeEffectsAndOutcome<Outcome>>;
  readonly client: ClientAndActor;
  readonly now: Date;
  /** The password of the same request, which has been checked and is right. */
  readonly password?: CheckPasswordResult;
  /** How the response is stored for a retry. Set for a call of the service API with an `Idempotency-Key`. */
  readonly idempotency?: IdempotencyKeyWithRenderer<AcceptedCode<Outcome>> | null;
}

/** The account that a code is submitted for: that of a session, or the one that a caller of the service API names. */
export type CodeSubject = SessionCodeSubject | ServiceCodeSubject;

/** The account of the session in which the code is submitted. */
export interface SessionCodeSubject {
  readonly kind: "session";
  readonly session: PendingSession | ChallengeSession | FullSession;
  /** The session's row and account, if they have just been read. */
  readonly known?: SessionWithUser;
}

/** The account that a caller of the service API names. */
export interface ServiceCodeSubject {
  readonly kind: "service";
  readonly realm: string;
  /** The row ids that the user may have: `core/parsing/user-id.ts`. */
  readonly ids: readonly string[];
  /** The user's row, if it has just been read. Null: a replica of D1 does not have it. */
  readonly known?: User | null | undefined;
}

/**
 * The rows of the account and of the session that the code was submitted in. `session` is null when a caller of the service
 * API submits the code.
 */
export interface UserWithOptionalSession {
  readonly user: User;
  readonly session: Session | null;
}

/** The rows that are read for a subject: a session's always have the session. */
export type CodeSubjectRows<Subject extends CodeSubject> = Subject extends SessionCodeSubject
  ? SessionWithUser
  : UserWithOptionalSession;

/** The result of comparing a code with an account as it was read. Nothing is written or decided yet. */
export interface CompareCodeResult {
  readonly ok: true;
  readonly comparedWith: ComparedEnvelope;
  readonly result: "wrong" | "spent" | RightCode;
}

/** A code that matches, and how to spend it. The batch may still refuse it. */
export interface RightCode {
  readonly spend: SpentCodeWrite;
  readonly evidence: RightCodeDetails;
}

/** What the caller learns of a right code: its kind, and the backup codes that the account has after it. */
export interface RightCodeDetails {
  readonly method: "totp" | "backup_code";
  /** Unspent backup codes, once this one is spent. */
  readonly backupCodesRemaining: number;
  /** The backup codes that an enrolment generates. The visitor sees them once. Null: the code is not one of an enrolment. */
  readonly newBackupCodes: readonly string[] | null;
}

/** What an accepted code changes in the store, and what the caller needs to know of it. */
export interface AcceptedCodeEffectsAndOutcome<Outcome> {
  readonly effects: readonly AcceptedCodeEffect[];
  readonly outcome: Outcome;
}

/** A code that the batch has accepted and spent, and the outcome of its {@link AcceptedCodeEffectsAndOutcome}. */
export interface AcceptedCode<Outcome> {
  readonly ok: true;
  readonly evidence: RightCodeDetails;
  readonly outcome: Outcome;
}

/** An accepted code, and the rows of account and session after the batch. */
export interface AcceptedCodeWithRows<Outcome, Subject extends CodeSubject> extends AcceptedCode<Outcome> {
  /** The account as the primary database holds it after the batch. */
  readonly view: CodeSubjectRows<Subject>;
}

/** Reads the account of a subject in one query. A replica of D1 that is behind may respond. Null: there is none. */
export async function findCodeSubjectRows<Subject extends CodeSubject>(
  deps: Deps,
  subject: Subject,
): Promise<CodeSubjectRows<Subject> | null> {
  if (subject.kind === "session") {
    return asViewOf(
      subject,
      subject.known ?? (await findSessionOnReplicaOrPrimary(deps.db, subject.session.id)),
    );
  }
  return asViewOf(subject, viewOfUser(await findUserUnlessKnown(deps, subject)));
}

/** Reads the account of a subject from the primary. Null: there is none. */
export async function findCodeSubjectRowsOnPrimary<Subject extends CodeSubject>(
  deps: Deps,
  subject: Subject,
): Promise<CodeSubjectRows<Subject> | null> {
  return asViewOf(
    subject,
    subject.kind === "session"
      ? await findSessionOnPrimary(deps.db, subject.session.id)
      : viewOfUser(await findUserOnPrimary(deps.db, subject.realm, subject.ids)),
  );
}

/** The account as the batch found it on the primary. Null: the session is gone, which an accepted code may have replaced. */
export function codeSubjectRowsAfterAttempt<Subject extends CodeSubject>(
  subject: Subject,
  { user, session }: Pick<CommitCodeAttemptResult, "user" | "session">,
): CodeSubjectRows<Subject> | null {
  if (subject.kind === "service") return asViewOf(subject, viewOfUser(user));
  return asViewOf(subject, user === null || session === null ? null : { user, session });
}

/** True while the session of the subject is alive and usable by this client, or the user belongs to the caller's realm. */
export function hasUsableSessionOrSameRealm(
  deps: Deps,
  subject: CodeSubject,
  { user, session: row }: UserWithOptionalSession,
  now: Date,
): boolean {
  if (subject.kind === "service") return user.realm === subject.realm;
  const { session } = subject;
  if (row === null) return false;
  const view = { user, session: row };
  return (
    row.kind === (session.kind === "full" ? "full" : "pending") &&
    row.challengeId === (session.kind === "challenge" ? session.challenge.id : null) &&
    isSessionLive(deps, view, now) &&
    (session.kind !== "pending" || isPendingSessionRowNotSignedOut(row, session)) &&
    isSessionOfSubjectInToken(deps, view, session)
  );
}

/** Returns the failure for a code whose session is over, or whose user does not exist in the caller's realm. */
export function invalidCodeSubjectFailure(subject: CodeSubject): Failure {
  return {
    ok: false,
    reason: subject.kind === "service" ? "no_such_user" : overReasons[subject.session.kind],
  };
}

const overReasons = {
  pending: "pending_session_over",
  challenge: "challenge_over",
  full: "session_over",
} as const;

/** Returns the failure of a code for an account without a second factor. A visitor who is signing in has to start again. */
export function secondFactorNotEnabledFailure(subject: CodeSubject): Failure {
  const isSignIn = subject.kind === "session" && subject.session.kind === "pending";
  return isSignIn ? invalidCodeSubjectFailure(subject) : { ok: false, reason: "not_enabled" };
}

/**
 * Returns what the code was submitted with: a session, or a call of the service API. Only a pending session or a challenge's session has a
 * count of its own attempts. Wrong codes of every kind count on the account.
 */
export function codeAttemptSessionOrServiceOf(
  deps: Deps,
  subject: CodeSubject,
  now: Date,
): CodeAttemptSessionOrService {
  if (subject.kind === "service") return { kind: "service" };
  const { session } = subject;
  const { id } = session;
  switch (session.kind) {
    case "full":
      return { kind: "full", id, cutoff: sessionExpiryAndIdleCutoffsAt(deps, now) };
    case "challenge":
      return { kind: "challenge", id, challengeId: session.challenge.id };
    case "pending":
      return { kind: "pending", id, shared: session.shared };
  }
}

const viewOfUser = (user: User | null): UserWithOptionalSession | null =>
  user === null ? null : { user, session: null };

/** TypeScript does not narrow `CodeSubjectRows` by `subject.kind`: callers pass a `SessionWithUser` for the subject of a session. */
const asViewOf = <Subject extends CodeSubject>(_subject: Subject, view: UserWithOptionalSession | null) =>
  view as CodeSubjectRows<Subject> | null;
