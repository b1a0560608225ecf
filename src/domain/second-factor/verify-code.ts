import type { CodeInput } from "../../core/parsing/code-input.ts";
import {
  type Attempt,
  type AttemptResponses,
  type Budget,
  decideAttempt,
  type Verdict,
} from "../../store/second-factor/code-attempt.ts";
import type { Effect } from "../../store/second-factor/code-effects.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttempts } from "../failure.ts";
import type { StoreResponse } from "../service-api/stored-response.ts";
import type { CheckedPassword } from "../sign-in/password-check.ts";
import { lastEnd } from "../sign-in/throttle.ts";
import {
  type CodeComparison,
  type Evidence,
  evaluateEnrolment,
  evaluateLive,
  type RightCode,
} from "./code-evaluation.ts";
import type { AccountView, CodeSubject } from "./code-subject.ts";

/**
 * How many tries there are (docs/contract.md#second-factor). With three live codes in a million, the hundred failures in a row
 * that an account has give a guesser 0.03 %, however many sessions and networks he has. What a patient one gets whose
 * failures the owner's own sign-ins take back is in `docs/attack-simulation.md`.
 */
export const budget: Budget = {
  attemptsPerPendingSession: 5,
  failuresPerCoolDown: 5,
  firstCoolDownSeconds: 60,
  longestCoolDownSeconds: 3600,
  failuresUntilDisabled: 100,
};

/** A code, who sends it, and what is to happen when it is accepted. */
export interface VerifyCodeInput<Outcome, View extends AccountView> {
  readonly codeSubject: CodeSubject<View>;
  readonly code: CodeInput;
  /** The second factor in force, or the secret that is being set up: which the caller may name, to be sure. */
  readonly against: "live" | { readonly enrolmentOf: string | null };
  /** Says what an acceptance brings about. It is asked again when the account has changed meanwhile. */
  readonly plan: (view: View, evidence: Evidence) => Promise<Plan<Outcome>>;
  readonly client: ClientContext;
  readonly now: Date;
  /** When a password came with the code and was right. */
  readonly password?: CheckedPassword;
  /** Makes the answer that a retry of the same call will get. */
  readonly keep?: StoreResponse<VerifiedCode<Outcome> | Failure>;
}

type Question<View extends AccountView> = Omit<VerifyCodeInput<unknown, View>, "keep">;

/** A code that was right, and what its acceptance brings about. */
export interface VerifiedCode<Outcome> {
  readonly ok: true;
  readonly evidence: Evidence;
  readonly outcome: Outcome;
}

export interface Plan<Outcome> {
  readonly effects: readonly Effect[];
  readonly outcome: Outcome;
}

/** A code that was accepted. */
export interface VerifyCodeResult<Outcome, View extends AccountView> extends VerifiedCode<Outcome> {
  /** As the primary holds it now. */
  readonly view: View;
}

/**
 * Each lost comparison means that another request has spent a backup code or changed the second factor, and
 * an account has ten backup codes.
 */
const mostRounds = 12;

/**
 * Decides about a code. Every code of every path comes through here, so there is one budget, one rule of
 * one-time use, and one record: sign-in, step-up, enable, disable, new backup codes, and whatever backends and
 * other Workers ask.
 *
 * One read, one batch. When the account turns out to have changed between the two, the batch has done nothing,
 * and what it found on the primary is evaluated in its turn.
 */
export async function verifyCode<Outcome, View extends AccountView>(
  deps: Deps,
  request: VerifyCodeInput<Outcome, View>,
): Promise<VerifyCodeResult<Outcome, View> | Failure> {
  const { codeSubject } = request;
  let view = await codeSubject.find();
  let mayBeBehind = true;
  for (let round = 0; round < mostRounds; round++) {
    const refusal = findRefusal(request, view);
    if (view === null || refusal !== null) return refusal ?? codeSubject.over;
    const evaluation = await evaluate(deps, request, view);
    if (!evaluation.ok) {
      if (!mayBeBehind || evaluation.reason === "field_unreadable") return evaluation;
      // There is no code to compare with. The copy that was read may not have heard of it yet; the primary has.
      mayBeBehind = false;
      view = await codeSubject.findOnPrimary();
      continue;
    }
    const planned = await plan(request, view, evaluation);
    const decision = await decideAttempt(deps.db, await toAttempt(request, view, evaluation, planned));
    const { user } = decision;
    if (decision.accepted && planned !== null && user !== null) {
      const { evidence, outcome } = planned;
      return { ok: true, evidence, outcome, view: codeSubject.viewAfter(decision) ?? { ...view, user } };
    }
    if (decision.claimed)
      return { ok: false, reason: evaluation.result === "wrong" ? "wrong_code" : "replayed_code" };
    if (decision.respondedBefore) return { ok: false, reason: "answered_before" };
    const until = lastEnd(decision.overflows);
    if (until !== null) return tooManyAttempts(until, request.now, "first_factor");
    if (passwordWasChanged(request, user)) return { ok: false, reason: "wrong_credentials" };
    mayBeBehind = false;
    view = codeSubject.viewAfter(decision);
  }
  return { ok: false, reason: "too_many_attempts", retryAfterSeconds: 1 };
}

/** The password that came with the code was right for an account that has another one by now. */
function passwordWasChanged(
  { password }: Pick<VerifyCodeInput<unknown, AccountView>, "password">,
  user: User | null,
) {
  return password !== undefined && user?.passwordHash !== password.view.user.passwordHash;
}

/** A refusal that needs no evaluation, and so tells right from wrong to nobody. */
function findRefusal<View extends AccountView>(
  { codeSubject, now }: Question<View>,
  view: View | null,
): Failure | null {
  if (view === null || !codeSubject.isOpen(view)) return codeSubject.over;
  const { user } = view;
  if (user.disabledAt !== null) return { ok: false, reason: "account_disabled" };
  if (isSecondFactorDisabled(user)) return { ok: false, reason: "second_factor_disabled" };
  if (user.secondFactorBlockedUntil !== null && user.secondFactorBlockedUntil > now) {
    return tooManyAttempts(user.secondFactorBlockedUntil, now);
  }
  // A new pending session can be had at once, so there is nothing to wait for.
  const { session } = view;
  const exhausted = session?.kind === "pending" && session.attempts >= budget.attemptsPerPendingSession;
  return exhausted ? { ok: false, reason: "too_many_attempts", retryAfterSeconds: 1, startOver: true } : null;
}

/** Has the account had so many failures that an administrator has to look at it (TH-01)? */
export const isSecondFactorDisabled = ({
  secondFactorFailures,
}: Pick<User, "secondFactorFailures">): boolean => secondFactorFailures >= budget.failuresUntilDisabled;

async function evaluate<View extends AccountView>(
  deps: Deps,
  request: Question<View>,
  { user }: View,
): Promise<CodeComparison | Failure> {
  const { code, client, now, against } = request;
  const question = { user, code, client, now };
  if (against !== "live") return evaluateEnrolment(deps, question, against.enrolmentOf);
  const evaluation = await evaluateLive(deps, question);
  const moot = !evaluation.ok && evaluation.reason === "not_enabled";
  return moot ? request.codeSubject.notEnabled : evaluation;
}

/** What follows from the evaluation, if the code was right; else null. */
async function plan<Outcome, View extends AccountView>(
  request: VerifyCodeInput<Outcome, View>,
  view: View,
  { result }: CodeComparison,
): Promise<(Plan<Outcome> & RightCode) | null> {
  if (result === "wrong" || result === "spent") return null;
  return { ...result, ...(await request.plan(view, result.evidence)) };
}

async function toAttempt<Outcome, View extends AccountView>(
  request: VerifyCodeInput<Outcome, View>,
  { user, session }: View,
  { comparedWith, result }: CodeComparison,
  planned: (Plan<Outcome> & RightCode) | null,
): Promise<Attempt> {
  const { codeSubject, client, now, password } = request;
  const verdict: Verdict =
    planned === null
      ? { kind: result === "wrong" ? "wrong" : "spent" }
      : { kind: "right", spend: planned.spend, effects: planned.effects };
  const method = comparedWith.column === "backupCodes" ? "backup_code" : "totp";
  return {
    userId: user.id,
    claimant: codeSubject.claimant,
    comparedWith,
    verdict,
    budget,
    counters: password?.counters.all ?? [],
    passwordHash: password?.view.user.passwordHash ?? null,
    now,
    event: {
      id: generateEventId(),
      at: now,
      client,
      realm: user.realm,
      userId: user.id,
      sessionId: session?.id ?? null,
      detail: { method },
    },
    answers: await answersFor(request, planned, result === "wrong" ? "wrong_code" : "replayed_code"),
  };
}

async function answersFor<Outcome, View extends AccountView>(
  { keep }: VerifyCodeInput<Outcome, View>,
  planned: (Plan<Outcome> & RightCode) | null,
  reason: "wrong_code" | "replayed_code",
): Promise<AttemptResponses | null> {
  const refused = (await keep?.({ ok: false, reason })) ?? null;
  if (keep === undefined || refused === null) return null;
  const accepted =
    planned === null ? null : await keep({ ok: true, evidence: planned.evidence, outcome: planned.outcome });
  return { accepted, refused };
}
