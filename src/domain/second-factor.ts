import type { CodeInput } from "../core/code-input.ts";
import { type ClientContext, drawEventId } from "../store/audit.ts";
import { type Attempt, type Budget, decideAttempt, type Verdict } from "../store/second-factor.ts";
import type { Effect } from "../store/second-factor-effects.ts";
import { findSession, findSessionOnPrimary, type SessionView } from "../store/sessions.ts";
import type { User } from "../store/users.ts";
import {
  type Evaluation,
  type Evidence,
  evaluateEnrolment,
  evaluateLive,
  type RightCode,
} from "./code-evaluation.ts";
import type { Deps } from "./deps.ts";
import { type Failure, tooManyAttempts } from "./failure.ts";
import type { CheckedPassword } from "./password-check.ts";
import { type FullSession, isAlive, livenessAt, type PendingSession } from "./sessions.ts";
import { lastEnd } from "./throttle.ts";

/**
 * How many tries there are (SPEC "Second factor"). With three live codes in a million, the hundred failures
 * that an account has give a guesser 0.03 % in total, however many sessions and networks he has.
 */
export const budget: Budget = {
  attemptsPerPendingSession: 5,
  failuresPerCoolDown: 5,
  firstCoolDownSeconds: 60,
  longestCoolDownSeconds: 3600,
  failuresUntilDisabled: 100,
};

/** A code, who sends it, and what is to happen when it is accepted. */
export interface CodeRequest<Outcome> {
  readonly session: PendingSession | FullSession;
  readonly code: CodeInput;
  /** The second factor in force, or the secret that is being set up: which the caller may name, to be sure. */
  readonly against: "live" | { readonly enrolmentOf: string | null };
  /** Says what an acceptance brings about. It is asked again when the account has changed meanwhile. */
  readonly plan: (view: SessionView, evidence: Evidence) => Promise<Plan<Outcome>>;
  readonly client: ClientContext;
  readonly now: Date;
  /** When a password came with the code and was right. */
  readonly password?: CheckedPassword;
}

export interface Plan<Outcome> {
  readonly effects: readonly Effect[];
  readonly outcome: Outcome;
}

export type AcceptedCode<Outcome> = {
  readonly ok: true;
  readonly evidence: Evidence;
  readonly outcome: Outcome;
  /** As the primary holds it now. */
  readonly view: SessionView;
};

/**
 * Each lost comparison means that another request has spent a backup code or changed the second factor, and
 * an account has ten backup codes.
 */
const mostRounds = 12;

/**
 * Decides about a code. Every code of every path comes through here, so there is one budget, one rule of
 * one-time use, and one record: sign-in, step-up, enable, disable, new backup codes.
 *
 * One read, one batch. When the account turns out to have changed between the two, the batch has done nothing,
 * and what it found on the primary is evaluated in its turn.
 */
export async function verifyCode<Outcome>(
  deps: Deps,
  request: CodeRequest<Outcome>,
): Promise<AcceptedCode<Outcome> | Failure> {
  let view = request.password?.view ?? (await findSession(deps.db, request.session.id));
  let mayBeBehind = true;
  for (let round = 0; round < mostRounds; round++) {
    const refusal = findRefusal(deps, request, view);
    if (view === null || refusal !== null) return refusal ?? sessionIsOver(request);
    const evaluation = await evaluate(deps, request, view);
    if (!evaluation.ok) {
      if (!mayBeBehind || evaluation.reason === "field_unreadable") return evaluation;
      // There is no code to compare with. The copy that was read may not have heard of it yet; the primary has.
      mayBeBehind = false;
      view = await findSessionOnPrimary(deps.db, request.session.id);
      continue;
    }
    const planned = await plan(request, view, evaluation);
    const decision = await decideAttempt(deps.db, toAttempt(deps, request, view, evaluation, planned));
    const { user, session } = decision;
    if (decision.accepted && planned !== null && user !== null) {
      const { evidence, outcome } = planned;
      return { ok: true, evidence, outcome, view: { user, session: session ?? view.session } };
    }
    if (decision.claimed)
      return { ok: false, reason: evaluation.result === "wrong" ? "wrong_code" : "replayed_code" };
    const until = lastEnd(decision.overflows);
    if (until !== null) return tooManyAttempts(until, request.now);
    if (passwordWasChanged(request, user)) return { ok: false, reason: "wrong_credentials" };
    mayBeBehind = false;
    view = user === null || session === null ? null : { user, session };
  }
  return { ok: false, reason: "too_many_attempts", retryAfterSeconds: 1 };
}

/** The password that came with the code was right for an account that has another one by now. */
function passwordWasChanged({ password }: CodeRequest<unknown>, user: User | null): boolean {
  return password !== undefined && user?.passwordHash !== password.view.user.passwordHash;
}

/** A refusal that needs no evaluation, and so tells right from wrong to nobody. */
function findRefusal(deps: Deps, request: CodeRequest<unknown>, view: SessionView | null): Failure | null {
  const { now } = request;
  if (view === null || view.session.kind !== request.session.kind || !isAlive(deps, view, now)) {
    return sessionIsOver(request);
  }
  const { user, session } = view;
  if (user.secondFactorFailures >= budget.failuresUntilDisabled)
    return { ok: false, reason: "second_factor_disabled" };
  if (user.secondFactorBlockedUntil !== null && user.secondFactorBlockedUntil > now) {
    return tooManyAttempts(user.secondFactorBlockedUntil, now);
  }
  // A new pending session can be had at once, so there is nothing to wait for.
  const exhausted = session.kind === "pending" && session.attempts >= budget.attemptsPerPendingSession;
  return exhausted ? { ok: false, reason: "too_many_attempts", retryAfterSeconds: 1, startOver: true } : null;
}

const sessionIsOver = ({ session }: CodeRequest<unknown>): Failure => ({
  ok: false,
  reason: session.kind === "pending" ? "pending_session_over" : "session_over",
});

async function evaluate(
  deps: Deps,
  request: CodeRequest<unknown>,
  { user }: SessionView,
): Promise<Evaluation | Failure> {
  const { code, client, now, against } = request;
  const question = { user, code, client, now };
  if (against !== "live") return evaluateEnrolment(deps, question, against.enrolmentOf);
  const evaluation = await evaluateLive(deps, question);
  // The second factor was switched off while this sign-in waited for it: begin again.
  const moot = !evaluation.ok && evaluation.reason === "not_enabled" && request.session.kind === "pending";
  return moot ? sessionIsOver(request) : evaluation;
}

/** What follows from the evaluation, if the code was right; else null. */
async function plan<Outcome>(
  request: CodeRequest<Outcome>,
  view: SessionView,
  { result }: Evaluation,
): Promise<(Plan<Outcome> & RightCode) | null> {
  if (result === "wrong" || result === "spent") return null;
  return { ...result, ...(await request.plan(view, result.evidence)) };
}

function toAttempt(
  deps: Deps,
  { session, client, now, password }: CodeRequest<unknown>,
  { user }: SessionView,
  { comparedWith, result }: Evaluation,
  planned: (Plan<unknown> & RightCode) | null,
): Attempt {
  const verdict: Verdict =
    planned === null
      ? { kind: result === "wrong" ? "wrong" : "spent" }
      : { kind: "right", spend: planned.spend, effects: planned.effects };
  const method = comparedWith.column === "backupCodes" ? "backup_code" : "totp";
  return {
    userId: user.id,
    session: { kind: session.kind, id: session.id, liveness: livenessAt(deps, now) },
    comparedWith,
    verdict,
    budget,
    counters: password?.counters.all ?? [],
    passwordHash: password?.view.user.passwordHash ?? null,
    now,
    event: {
      id: drawEventId(),
      at: now,
      client,
      realm: user.realm,
      userId: user.id,
      sessionId: session.id,
      detail: { method },
    },
  };
}
