import { type CodeAttempt, commitCodeAttempt } from "../../store/second-factor/code-attempt.ts";
import { generateEventId } from "../../store/service/audit.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttempts } from "../failure.ts";
import { prepareStoredResponse } from "../service-api/stored-response.ts";
import { lastBlockEnd } from "../sign-in/throttle.ts";
import { codeBudget, isSecondFactorDisabled } from "./code-budget.ts";
import { compareWithPendingSecret, compareWithSecondFactor } from "./compare-code.ts";
import {
  type AcceptancePlan,
  type AcceptedCode,
  type AcceptedCodeWithRows,
  attemptSourceOf,
  type CodeComparison,
  type CodeSubject,
  invalidCodeSubjectFailure,
  isCodeSubjectValid,
  notEnabledFailure,
  type RightCode,
  readAccount,
  readAccountOnPrimary,
  type UserWithOptionalSession,
  type VerifyCodeInput,
  type ViewOf,
  viewAfterAttempt,
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
  let view = await readAccount(deps, subject);
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
      view = await readAccountOnPrimary(deps, subject);
      continue;
    }
    const plan = await planIfRight(input, view, comparison);
    const result = await commitCodeAttempt(deps.db, await toAttempt(deps, input, view, comparison, plan));
    const { user } = result;
    if (result.accepted && plan !== null && user !== null) {
      const { evidence, outcome } = plan;
      return { ok: true, evidence, outcome, view: viewAfterAttempt(subject, result) ?? { ...view, user } };
    }
    if (result.claimed) return { ok: false, reason: refusedReason(comparison) };
    if (result.respondedBefore) return { ok: false, reason: "already_responded" };
    const blockedUntil = lastBlockEnd(result.overflows);
    if (blockedUntil !== null) return tooManyAttempts(blockedUntil, now, "first_factor");
    if (passwordWasChanged(input, user)) return { ok: false, reason: "wrong_credentials" };
    mayBeStale = false;
    view = viewAfterAttempt(subject, result);
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
  if (!isCodeSubjectValid(deps, subject, view, now)) return invalidCodeSubjectFailure(subject);
  const { user, session } = view;
  if (user.disabledAt !== null) return { ok: false, reason: "account_disabled" };
  if (isSecondFactorDisabled(user)) return { ok: false, reason: "second_factor_disabled" };
  if (user.secondFactorBlockedUntil !== null && user.secondFactorBlockedUntil > now) {
    return tooManyAttempts(user.secondFactorBlockedUntil, now);
  }
  // The client can open a new pending session at once: there is nothing to wait for.
  const isUsedUp = session?.kind === "pending" && session.attempts >= codeBudget.attemptsPerPendingSession;
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
): Promise<CodeComparison | Failure> {
  const input = { user, code, client, now };
  if (against !== "second_factor") return compareWithPendingSecret(deps, input, against.pendingSecret);
  const comparison = await compareWithSecondFactor(deps, input);
  const isNotEnabled = !comparison.ok && comparison.reason === "not_enabled";
  return isNotEnabled ? notEnabledFailure(subject) : comparison;
}

type PlannedCode<Outcome> = AcceptancePlan<Outcome> & RightCode;

async function planIfRight<Outcome, Subject extends CodeSubject>(
  { planAcceptance }: VerifyCodeInput<Outcome, Subject>,
  view: ViewOf<Subject>,
  { result }: CodeComparison,
): Promise<PlannedCode<Outcome> | null> {
  if (result === "wrong" || result === "spent") return null;
  return { ...result, ...(await planAcceptance(view, result.evidence)) };
}

/** Right, but refused by the batch: another request has spent it. */
const refusedReason = ({ result }: CodeComparison) => (result === "wrong" ? "wrong_code" : "replayed_code");

async function toAttempt<Outcome, Subject extends CodeSubject>(
  deps: Deps,
  input: VerifyCodeInput<Outcome, Subject>,
  { user, session }: UserWithOptionalSession,
  comparison: CodeComparison,
  plan: PlannedCode<Outcome> | null,
): Promise<CodeAttempt> {
  const { subject, client, now, password } = input;
  const { comparedWith, result } = comparison;
  return {
    userId: user.id,
    source: attemptSourceOf(deps, subject, now),
    comparedWith,
    result:
      plan === null
        ? { kind: result === "wrong" ? "wrong" : "spent" }
        : { kind: "right", spend: plan.spend, effects: plan.effects },
    budget: codeBudget,
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
      detail: { method: comparedWith.column === "backupCodes" ? "backup_code" : "totp" },
    },
    responses: await prepareResponses(deps, input, comparison, plan),
  };
}

async function prepareResponses<Outcome, Subject extends CodeSubject>(
  deps: Deps,
  { idempotency = null, now }: VerifyCodeInput<Outcome, Subject>,
  comparison: CodeComparison,
  plan: PlannedCode<Outcome> | null,
): Promise<CodeAttempt["responses"]> {
  const prepare = (result: AcceptedCode<Outcome> | Failure) =>
    prepareStoredResponse(deps, idempotency, result, now);
  const refused = await prepare({ ok: false, reason: refusedReason(comparison) });
  if (refused === null) return null;
  if (plan === null) return { accepted: null, refused };
  const { evidence, outcome } = plan;
  return { accepted: await prepare({ ok: true, evidence, outcome }), refused };
}
