import { type CommitCodeAttemptInput, commitCodeAttempt } from "../../store/second-factor/code-attempt.ts";
import { generateRandomEventId } from "../../store/service/audit.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttemptsFailure } from "../failure.ts";
import { prepareStoredResponse } from "../service-api/stored-response.ts";
import { lastBlockEnd } from "../sign-in/throttle.ts";
import { codeAttemptLimits, isSecondFactorDisabledByFailures } from "./code-budget.ts";
import { compareCodeWithPendingSecret, compareCodeWithSecondFactor } from "./compare-code.ts";
import {
  type AcceptedCode,
  type AcceptedCodeEffectsAndOutcome,
  type AcceptedCodeWithRows,
  type CodeSubject,
  type CodeSubjectRows,
  type CompareCodeResult,
  codeAttemptSessionOrServiceOf,
  codeSubjectRowsAfterAttempt,
  findCodeSubjectRows,
  findCodeSubjectRowsOnPrimary,
  hasUsableSessionOrSameRealm,
  invalidCodeSubjectFailure,
  type RightCode,
  secondFactorNotEnabledFailure,
  type UserWithOptionalSession,
  type VerifyCodeInput,
} from "./submitted-code.ts";

/**
 * A round is lost when another request has spent a backup code or changed the second factor since the account was read. An
 * account has ten backup codes.
 */
const maxRounds = 12;

/**
 * Verifies a submitted code, spends it and writes what its acceptance changes, or counts a failure. Every path that takes a
 * code calls this function: sign-in, step-up, enable, disable, new backup codes, hosted challenges, the service API and RPC.
 * So there is one budget, one rule of one-time use and one audit event.
 *
 * Trips: one read and one batch. The batch changes nothing when the account on the primary is not the one that was read. Then
 * the code is compared again, with the account that the batch has returned.
 */
export async function verifyCode<Outcome, Subject extends CodeSubject>(
  deps: Deps,
  input: VerifyCodeInput<Outcome, Subject>,
): Promise<AcceptedCodeWithRows<Outcome, Subject> | Failure> {
  const { subject, now } = input;
  let view = await findCodeSubjectRows(deps, subject);
  let mayBeStale = true;
  for (let round = 0; round < maxRounds; round++) {
    if (view === null) return invalidCodeSubjectFailure(subject);
    const failure = findFailureBeforeComparing(deps, subject, view, now);
    if (failure !== null) return failure;
    const comparison = await compareCode(deps, input, view);
    if (!comparison.ok) {
      if (!mayBeStale || comparison.reason === "field_unreadable") return comparison;
      // A replica may not have the second factor yet: the primary has.
      mayBeStale = false;
      view = await findCodeSubjectRowsOnPrimary(deps, subject);
      continue;
    }
    const plan = await planIfRight(input, view, comparison);
    const result = await commitCodeAttempt(deps.db, await toAttempt(deps, input, view, comparison, plan));
    const { user } = result;
    if (result.accepted && plan !== null && user !== null) {
      const { evidence, outcome } = plan;
      return {
        ok: true,
        evidence,
        outcome,
        view: codeSubjectRowsAfterAttempt(subject, result) ?? { ...view, user },
      };
    }
    if (result.claimed) return { ok: false, reason: refusedReason(comparison) };
    if (result.respondedBefore) return { ok: false, reason: "already_responded" };
    const blockedUntil = lastBlockEnd(result.overflows);
    if (blockedUntil !== null) return tooManyAttemptsFailure(blockedUntil, now, "first_factor");
    if (passwordWasChanged(input, user)) return { ok: false, reason: "wrong_credentials" };
    mayBeStale = false;
    view = codeSubjectRowsAfterAttempt(subject, result);
  }
  return { ok: false, reason: "too_many_attempts", retryAfterSeconds: 1 };
}

/** True when the account has another password by now than the one that was checked with the code. */
function passwordWasChanged(
  { password }: Pick<VerifyCodeInput<unknown, CodeSubject>, "password">,
  user: User | null,
): boolean {
  return password !== undefined && user?.passwordHash !== password.view.user.passwordHash;
}

/** These failures do not depend on the code, so that a blocked client learns nothing about it. */
function findFailureBeforeComparing(
  deps: Deps,
  subject: CodeSubject,
  view: UserWithOptionalSession,
  now: Date,
): Failure | null {
  if (!hasUsableSessionOrSameRealm(deps, subject, view, now)) return invalidCodeSubjectFailure(subject);
  const { user, session } = view;
  if (user.disabledAt !== null) return { ok: false, reason: "account_disabled" };
  if (isSecondFactorDisabledByFailures(user)) return { ok: false, reason: "second_factor_disabled" };
  if (user.secondFactorBlockedUntil !== null && user.secondFactorBlockedUntil > now) {
    return tooManyAttemptsFailure(user.secondFactorBlockedUntil, now);
  }
  // The client can open a new pending session at once: there is nothing to wait for.
  const isUsedUp =
    session?.kind === "pending" && session.attempts >= codeAttemptLimits.attemptsPerPendingSession;
  return isUsedUp ? { ok: false, reason: "too_many_attempts", retryAfterSeconds: 1, startOver: true } : null;
}

async function compareCode(
  deps: Deps,
  {
    subject,
    code,
    client,
    now,
    against,
  }: Pick<VerifyCodeInput<unknown, CodeSubject>, "subject" | "code" | "client" | "now" | "against">,
  { user }: UserWithOptionalSession,
): Promise<CompareCodeResult | Failure> {
  const input = { user, code, client, now };
  if (against !== "second_factor") return compareCodeWithPendingSecret(deps, input, against.pendingSecret);
  const comparison = await compareCodeWithSecondFactor(deps, input);
  const isNotEnabled = !comparison.ok && comparison.reason === "not_enabled";
  return isNotEnabled ? secondFactorNotEnabledFailure(subject) : comparison;
}

type PlannedCode<Outcome> = AcceptedCodeEffectsAndOutcome<Outcome> & RightCode;

async function planIfRight<Outcome, Subject extends CodeSubject>(
  { planAcceptance }: VerifyCodeInput<Outcome, Subject>,
  view: CodeSubjectRows<Subject>,
  { result }: CompareCodeResult,
): Promise<PlannedCode<Outcome> | null> {
  if (result === "wrong" || result === "spent") return null;
  return { ...result, ...(await planAcceptance(view, result.evidence)) };
}

/** The reason when the attempt counts and the code is not accepted. A right code was spent before, perhaps by a parallel request. */
const refusedReason = ({ result }: CompareCodeResult) =>
  result === "wrong" ? "wrong_code" : "replayed_code";

async function toAttempt<Outcome, Subject extends CodeSubject>(
  deps: Deps,
  input: VerifyCodeInput<Outcome, Subject>,
  { user, session }: UserWithOptionalSession,
  comparison: CompareCodeResult,
  plan: PlannedCode<Outcome> | null,
): Promise<CommitCodeAttemptInput> {
  const { subject, client, now, password } = input;
  const { comparedWith, result } = comparison;
  return {
    userId: user.id,
    source: codeAttemptSessionOrServiceOf(deps, subject, now),
    comparedWith,
    result:
      plan === null
        ? { kind: result === "wrong" ? "wrong" : "spent" }
        : { kind: "right", spend: plan.spend, effects: plan.effects },
    budget: codeAttemptLimits,
    counters: password?.counters.all ?? [],
    passwordHash: password?.view.user.passwordHash ?? null,
    now,
    event: {
      id: generateRandomEventId(),
      at: now,
      client,
      realm: user.realm,
      userId: user.id,
      sessionId: session?.id ?? null,
      detail: { method: comparedWith.column === "backupCodes" ? "backup_code" : "totp" },
    },
    responses: await prepareResponses(deps, input, comparison, plan),
  };
}

async function prepareResponses<Outcome, Subject extends CodeSubject>(
  deps: Deps,
  { idempotency = null, now }: VerifyCodeInput<Outcome, Subject>,
  comparison: CompareCodeResult,
  plan: PlannedCode<Outcome> | null,
): Promise<CommitCodeAttemptInput["responses"]> {
  const prepare = (result: AcceptedCode<Outcome> | Failure) =>
    prepareStoredResponse(deps, idempotency, result, now);
  const refused = await prepare({ ok: false, reason: refusedReason(comparison) });
  if (refused === null) return null;
  if (plan === null) return { accepted: null, refused };
  const { evidence, outcome } = plan;
  return { accepted: await prepare({ ok: true, evidence, outcome }), refused };
}
