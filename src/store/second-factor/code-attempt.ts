import { and, eq, exists, gt, isNull, lt, lte, not, or, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import {
  joinConditionsWithAnd,
  previousStatementChangedOneRowCondition,
} from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import {
  auditEvents,
  type SealedColumn,
  type SessionRow,
  sessions,
  type UserRow,
  users,
} from "../platform/schema.ts";
import {
  type AuditEvent,
  eventExistsCondition,
  eventHasTypeCondition,
  insertEventWhereStatement,
} from "../service/audit.ts";
import {
  callHasNoStoredResponseCondition,
  callHasStoredResponseCondition,
  type ResponseToStore,
  storeResponseWhereStatements,
} from "../service/idempotency.ts";
import { pendingSessionIsNotSignedOutCondition } from "../sessions/pending-sessions.ts";
import { fullSessionIsAliveCondition, type SessionExpiryAndIdleCutoffs } from "../sessions/session-rows.ts";
import {
  type BlockingCounter,
  blockingCountersQuery,
  noCounterBlocksCondition,
  type ThrottleCounter,
} from "../sessions/throttles.ts";
import { approvalPeriodSubquery } from "./approvals.ts";
import { type AcceptedCodeEffect, plannedEffectStatements } from "./code-effects.ts";
import { noSecondFactorFailuresColumns } from "./second-factor-columns.ts";

/** How many codes may be tried. `domain/second-factor/code-budget.ts` sets the numbers. */
export interface CodeAttemptLimits {
  readonly attemptsPerPendingSession: number;
  readonly failuresPerCoolDown: number;
  readonly firstCoolDownSeconds: number;
  readonly longestCoolDownSeconds: number;
  readonly failuresUntilDisabled: number;
}

/** The sealed value that the code was compared with. The attempt changes nothing when the primary holds another one. */
export interface ComparedEnvelope {
  readonly column: SealedColumn;
  readonly envelope: string;
}

/** What the batch writes so that a right code is accepted once. */
export type SpentCodeWrite =
  | { readonly kind: "totp_step"; readonly step: number }
  | { readonly kind: "backup_code"; readonly remainingEnvelope: string }
  | {
      readonly kind: "enrolment_step";
      readonly step: number;
      readonly secretEnvelope: string;
      readonly backupCodesEnvelope: string;
    };

/** The result of comparing the code. */
export type CodeComparisonOutcome =
  | { readonly kind: "wrong" }
  /** A backup code that is spent already. It uses up an attempt of the session, and does not count as a failure. */
  | { readonly kind: "spent" }
  | {
      readonly kind: "right";
      readonly spend: SpentCodeWrite;
      readonly effects: readonly AcceptedCodeEffect[];
    };

/** What the code was submitted with: a session of the account, or a call of the service API. */
export type CodeAttemptSessionOrService =
  | { readonly kind: "full"; readonly id: string; readonly cutoff: SessionExpiryAndIdleCutoffs }
  | { readonly kind: "pending"; readonly id: string; readonly shared: boolean }
  /** A pending session that a hosted challenge has opened. */
  | { readonly kind: "challenge"; readonly id: string; readonly challengeId: string }
  | { readonly kind: "service" };

/** A submitted code that has been compared. The batch decides whether the attempt counts. */
export interface CommitCodeAttemptInput {
  readonly userId: string;
  readonly source: CodeAttemptSessionOrService;
  readonly comparedWith: ComparedEnvelope;
  readonly result: CodeComparisonOutcome;
  readonly budget: CodeAttemptLimits;
  /** First-factor counters that must not block either, when the request has a password. */
  readonly counters: readonly ThrottleCounter[];
  /** The hash that this password was compared with. Null: the request has none, or the account has none. */
  readonly passwordHash: string | null;
  readonly now: Date;
  /** The audit event of the attempt. Its type follows from the result, and the effects' conditions look it up by its id. */
  readonly event: Omit<AuditEvent, "type">;
  /** What a retry of the same call gets. Null: the call has no `Idempotency-Key`. */
  readonly responses: CodeResponsesForRetry | null;
}

/** The responses to store for a retry with the same `Idempotency-Key`. The batch stores the one that fits its decision. */
export interface CodeResponsesForRetry {
  /** The response if the batch accepts the code. Null: the code is wrong or spent, so it can't be accepted. */
  readonly accepted: ResponseToStore | null;
  readonly refused: ResponseToStore;
}

/** What the batch wrote, and the rows as the primary holds them after it. */
export interface CommitCodeAttemptResult {
  /** The attempt was within every budget, and the account is the one that was read: the attempt counts. */
  readonly claimed: boolean;
  /** The code was right and unspent, and every effect is written. */
  readonly accepted: boolean;
  /** The attempt does not count, because the same call has a stored response. */
  readonly respondedBefore: boolean;
  readonly user: UserRow | null;
  /** The row of the session that the code was submitted in. Null: it no longer exists, or the service API was called. */
  readonly session: SessionRow | null;
  /** The first-factor counters that block now. */
  readonly overflows: readonly BlockingCounter[];
}

/**
 * Writes an attempt in one transaction on the primary: claims it within the budgets, records it, spends the code, and writes
 * the effects. The condition of each statement is that the one before it has changed a row. So of any number of parallel
 * requests, only as many count as the budget allows, and a code is accepted once.
 */
export async function commitCodeAttempt(
  db: Database,
  attempt: CommitCodeAttemptInput,
): Promise<CommitCodeAttemptResult> {
  const { primary } = db;
  const { source, event, responses } = attempt;
  const reads = [
    primary.select().from(users).where(eq(users.id, attempt.userId)),
    // A call of the service API has no session, and no session has an empty id. D1 would plan `WHERE 0` as a scan.
    primary
      .select()
      .from(sessions)
      .where(eq(sessions.id, source.kind === "service" ? "" : source.id)),
    primary.select({ type: auditEvents.type }).from(auditEvents).where(eq(auditEvents.id, event.id)),
    primary
      .select({
        responded: sql<number>`${callHasStoredResponseCondition(primary, responses?.refused ?? null)}`.as(
          "responded",
        ),
      })
      .from(sql`(SELECT 1)`),
    ...(attempt.counters.length === 0 ? [] : [blockingCountersQuery(primary, attempt.counters, attempt.now)]),
  ];
  const results: unknown[] = await runD1Query(() =>
    primary.batch([
      claimAttempt(primary, attempt),
      ...recordAndSpend(primary, attempt),
      ...storeResponses(primary, attempt),
      ...reads,
    ]),
  );
  // The results are in the order of the statements, and the reads are the last statements.
  const [user, session, record, stored, overflows] = results.slice(-reads.length) as [
    UserRow[],
    SessionRow[],
    { type: string }[],
    { responded: number }[],
    BlockingCounter[]?,
  ];
  const claimed = record.length === 1;
  return {
    claimed,
    accepted: record[0]?.type === "second_factor.accepted",
    respondedBefore: !claimed && stored[0]?.responded === 1,
    user: user[0] ?? null,
    session: session[0] ?? null,
    overflows: overflows ?? [],
  };
}

/** The first statement: changes one row if the attempt is within the budgets of session and account, and none otherwise. */
function claimAttempt(db: DrizzleD1Database, attempt: CommitCodeAttemptInput): BatchItem<"sqlite"> {
  const { source, budget, counters, responses, now } = attempt;
  const open = and(
    counters.length === 0 ? undefined : noCounterBlocksCondition(db, counters, now),
    responses === null ? undefined : callHasNoStoredResponseCondition(db, responses.refused),
  );
  if (source.kind === "service") {
    // A call of the service API has no session whose attempts could be counted. Writing the old value changes the row but no
    // data: the next statement of the batch runs only if this one has changed a row.
    return db
      .update(users)
      .set({ secondFactorFailures: users.secondFactorFailures })
      .where(and(accountCanTry(attempt), open));
  }
  const account = exists(
    db
      .select({ id: users.id })
      .from(users)
      .where(and(accountCanTry(attempt), eq(users.id, sessions.userId))),
  );
  if (source.kind === "full") {
    return db
      .update(sessions)
      .set({ lastSeenAt: now })
      .where(and(fullSessionIsAliveCondition(db, source.id, source.cutoff), account, open));
  }
  return db
    .update(sessions)
    .set({ attempts: sql`${sessions.attempts} + 1` })
    .where(
      and(
        eq(sessions.id, source.id),
        eq(sessions.kind, "pending"),
        source.kind === "challenge"
          ? eq(sessions.challengeId, source.challengeId)
          : and(isNull(sessions.challengeId), pendingSessionIsNotSignedOutCondition(source)),
        lt(sessions.attempts, budget.attemptsPerPendingSession),
        gt(sessions.expiresAt, now),
        account,
        open,
      ),
    );
}

function accountCanTry({ userId, comparedWith, passwordHash, budget, now }: CommitCodeAttemptInput) {
  return and(
    eq(users.id, userId),
    isNull(users.disabledAt),
    passwordHash === null ? undefined : eq(users.passwordHash, passwordHash),
    eq(users[comparedWith.column], comparedWith.envelope),
    comparedWith.column === "totpPendingSecret"
      ? gt(users.totpPendingExpiresAt, now)
      : eq(users.totpEnabled, true),
    lt(users.secondFactorFailures, budget.failuresUntilDisabled),
    or(isNull(users.secondFactorBlockedUntil), lte(users.secondFactorBlockedUntil, now)),
  );
}

/** The statements after the claim. A right code is recorded as replayed, and as accepted once it has been spent. */
function recordAndSpend(db: DrizzleD1Database, attempt: CommitCodeAttemptInput): BatchItem<"sqlite">[] {
  const { event, result } = attempt;
  if (result.kind === "wrong") {
    return [
      insertEventWhereStatement(
        db,
        { ...event, type: "second_factor.refused" },
        previousStatementChangedOneRowCondition,
      ),
      countFailure(db, attempt),
    ];
  }
  const record = insertEventWhereStatement(
    db,
    { ...event, type: "second_factor.replayed" },
    previousStatementChangedOneRowCondition,
  );
  if (result.kind === "spent") return [record];
  const accepted = eventHasTypeCondition(db, event.id, "second_factor.accepted");
  return [
    record,
    spendCode(db, attempt, result.spend),
    db
      .update(auditEvents)
      .set({ type: "second_factor.accepted" })
      .where(and(eq(auditEvents.id, event.id), previousStatementChangedOneRowCondition)),
    ...plannedEffectStatements(db, {
      effects: result.effects,
      userId: attempt.userId,
      now: attempt.now,
      event,
      accepted,
    }),
  ];
}

/** Stores the response for a retry: of an acceptance, or of a refusal that counted. */
function storeResponses(
  db: DrizzleD1Database,
  { userId, event, responses }: CommitCodeAttemptInput,
): BatchItem<"sqlite">[] {
  if (responses === null) return [];
  const accepted = eventHasTypeCondition(db, event.id, "second_factor.accepted");
  const refused = joinConditionsWithAnd(eventExistsCondition(db, event.id), not(accepted));
  return [
    ...storeResponseWhereStatements(db, responses.accepted, accepted, approvalPeriodSubquery(db, userId)),
    ...storeResponseWhereStatements(db, responses.refused, refused),
  ];
}

/** TH-01, TH-03: one counter for each account; after every few failures a cool-down, twice as long as the one before. */
function countFailure(
  db: DrizzleD1Database,
  { userId, budget, now }: CommitCodeAttemptInput,
): BatchItem<"sqlite"> {
  const failures = sql`(${users.secondFactorFailures} + 1)`;
  const coolDowns = sql`(${failures} / ${budget.failuresPerCoolDown})`;
  const seconds = sql`min(${budget.firstCoolDownSeconds} << (${coolDowns} - 1), ${budget.longestCoolDownSeconds})`;
  return db
    .update(users)
    .set({
      secondFactorFailures: failures,
      secondFactorBlockedUntil: sql`CASE WHEN ${failures} % ${budget.failuresPerCoolDown} = 0
        THEN ${now.getTime()} + 1000 * ${seconds} ELSE ${users.secondFactorBlockedUntil} END`,
    })
    .where(and(eq(users.id, userId), previousStatementChangedOneRowCondition));
}

/** Changes one row if the code is still unspent, and none otherwise (RFC 6238 5.2). */
function spendCode(
  db: DrizzleD1Database,
  { userId, now }: CommitCodeAttemptInput,
  spend: SpentCodeWrite,
): BatchItem<"sqlite"> {
  const update = (values: Partial<typeof users.$inferInsert>) =>
    db.update(users).set({ ...values, ...noSecondFactorFailuresColumns });
  const account = and(eq(users.id, userId), previousStatementChangedOneRowCondition);
  switch (spend.kind) {
    case "backup_code":
      return update({ backupCodes: spend.remainingEnvelope }).where(account);
    case "totp_step":
      return update({ totpLastStep: spend.step }).where(and(account, lt(users.totpLastStep, spend.step)));
    case "enrolment_step":
      return update({
        totpEnabled: true,
        totpSecret: spend.secretEnvelope,
        totpSetupAt: now,
        totpLastStep: spend.step,
        backupCodes: spend.backupCodesEnvelope,
        totpPendingSecret: null,
        totpPendingExpiresAt: null,
        updatedAt: now,
      }).where(and(account, lt(users.totpLastStep, spend.step)));
  }
}
