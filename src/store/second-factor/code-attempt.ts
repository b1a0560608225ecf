import { and, eq, exists, gt, isNull, lt, lte, not, or, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { every, previousChangedRow } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import {
  auditEvents,
  type SealedColumn,
  type SessionRow,
  sessions,
  type UserRow,
  users,
} from "../platform/schema.ts";
import { type AuditEvent, eventIs, recordEventWhere, wasRecorded } from "../service/audit.ts";
import {
  hasNoStoredResponse,
  hasStoredResponse,
  type StoredResponse,
  storeResponseWhere,
} from "../service/idempotency.ts";
import { isOpenToHolder } from "../sessions/pending-sessions.ts";
import { fullSessionIsAlive, type SessionCutoff } from "../sessions/session-rows.ts";
import { type Counter, listOverflows, nothingBlocks, type Overflow } from "../sessions/throttles.ts";
import { approvalPeriodOf } from "./approvals.ts";
import { type Effect, effectStatements } from "./code-effects.ts";

/** How many tries there are. The numbers are decided in `domain/second-factor/verify-code.ts`. */
export interface Budget {
  readonly attemptsPerPendingSession: number;
  readonly failuresPerCoolDown: number;
  readonly firstCoolDownSeconds: number;
  readonly longestCoolDownSeconds: number;
  readonly failuresUntilDisabled: number;
}

/** What the code was compared with. If the primary holds something else by now, the comparison is void. */
export interface ComparedWith {
  readonly column: SealedColumn;
  readonly envelope: string;
}

/** How a right code is used up. */
export type Spend =
  | { readonly kind: "totp_step"; readonly step: number }
  | { readonly kind: "backup_code"; readonly remainingEnvelope: string }
  | {
      readonly kind: "enrolment_step";
      readonly step: number;
      readonly secretEnvelope: string;
      readonly backupCodesEnvelope: string;
    };

/** What evaluating the code came to. */
export type Verdict =
  | { readonly kind: "wrong" }
  /** Right once, and known to be spent: it costs an attempt, never the account's counter. */
  | { readonly kind: "spent" }
  | { readonly kind: "right"; readonly spend: Spend; readonly effects: readonly Effect[] };

/** What a code comes with: a session of the account, or the word of a backend that speaks for its realm. */
export type Claimant =
  | { readonly kind: "full"; readonly id: string; readonly cutoff: SessionCutoff }
  | { readonly kind: "pending"; readonly id: string; readonly shared: boolean }
  /** A pending session that a hosted challenge has opened. */
  | { readonly kind: "challenge"; readonly id: string; readonly challengeId: string }
  | { readonly kind: "backend" };

/** One attempt at a second factor, evaluated and not yet decided. */
export interface Attempt {
  readonly userId: string;
  readonly claimant: Claimant;
  readonly comparedWith: ComparedWith;
  readonly verdict: Verdict;
  readonly budget: Budget;
  /** First-factor counters that must not block either, when a password came with the code. */
  readonly counters: readonly Counter[];
  /** The hash that this password was compared with. Null: none came, or the account has none. */
  readonly passwordHash: string | null;
  readonly now: Date;
  /** The record of the attempt. Its type follows from the verdict; its id is what the effects ask for. */
  readonly event: Omit<AuditEvent, "type">;
  /** For a retry of the same call. Null: none is kept. */
  readonly answers: AttemptResponses | null;
}

/** What is kept for a retry, whichever way the attempt is decided. */
export interface AttemptResponses {
  /** Null: the code is known to be wrong or spent. */
  readonly accepted: StoredResponse | null;
  readonly refused: StoredResponse;
}

/** What the batch did, and how things stand on the primary after it. */
export interface Decision {
  /** The attempt was within every budget, and against what the primary holds. */
  readonly claimed: boolean;
  /** The code was right, unspent until now, and every effect has happened. */
  readonly accepted: boolean;
  /** Nothing was claimed, because the same call was answered before. */
  readonly respondedBefore: boolean;
  readonly user: UserRow | null;
  /** Null also where the code came without one. */
  readonly session: SessionRow | null;
  /** The counters that block now. */
  readonly overflows: readonly Overflow[];
}

/**
 * Decides an attempt in one transaction on the primary: claim the attempt, write it down, spend the code, and
 * only then let the effects happen. Each statement asks for the one before it, so of any number of parallel
 * requests as many are evaluated as the budget has room for, and one code is accepted once.
 */
export async function decideAttempt(db: Database, attempt: Attempt): Promise<Decision> {
  const { primary } = db;
  const { claimant, event, answers } = attempt;
  const outcome = [
    primary.select().from(users).where(eq(users.id, attempt.userId)),
    // A backend's attempt has no session, and no session has an empty id. `WHERE 0` would be planned as a scan.
    primary
      .select()
      .from(sessions)
      .where(eq(sessions.id, claimant.kind === "backend" ? "" : claimant.id)),
    primary.select({ type: auditEvents.type }).from(auditEvents).where(eq(auditEvents.id, event.id)),
    primary
      .select({
        answered: sql<number>`${hasStoredResponse(primary, answers?.refused ?? null)}`.as("answered"),
      })
      .from(sql`(SELECT 1)`),
    ...(attempt.counters.length === 0 ? [] : [listOverflows(primary, attempt.counters, attempt.now)]),
  ];
  const results: unknown[] = await reachStore(() =>
    primary.batch([
      claimAttempt(primary, attempt),
      ...useAttempt(primary, attempt),
      ...keepAnswers(primary, attempt),
      ...outcome,
    ]),
  );
  // A batch answers in the order of its statements, and these are the last.
  const [user, session, record, answer, overflows] = results.slice(-outcome.length) as [
    UserRow[],
    SessionRow[],
    { type: string }[],
    { answered: number }[],
    Overflow[]?,
  ];
  const claimed = record.length === 1;
  return {
    claimed,
    accepted: record[0]?.type === "second_factor.accepted",
    respondedBefore: !claimed && answer[0]?.answered === 1,
    user: user[0] ?? null,
    session: session[0] ?? null,
    overflows: overflows ?? [],
  };
}

/** Changes one row if the attempt is within the budgets of session and account, and none otherwise. */
function claimAttempt(db: DrizzleD1Database, attempt: Attempt): BatchItem<"sqlite"> {
  const { claimant, budget, counters, answers, now } = attempt;
  const open = and(
    counters.length === 0 ? undefined : nothingBlocks(db, counters, now),
    answers === null ? undefined : hasNoStoredResponse(db, answers.refused),
  );
  if (claimant.kind === "backend") {
    // There is no session to count on: the account's own counter is the budget.
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
  if (claimant.kind === "full") {
    return db
      .update(sessions)
      .set({ lastSeenAt: now })
      .where(and(fullSessionIsAlive(db, claimant.id, claimant.cutoff), account, open));
  }
  return db
    .update(sessions)
    .set({ attempts: sql`${sessions.attempts} + 1` })
    .where(
      and(
        eq(sessions.id, claimant.id),
        eq(sessions.kind, "pending"),
        claimant.kind === "challenge"
          ? eq(sessions.challengeId, claimant.challengeId)
          : and(isNull(sessions.challengeId), isOpenToHolder(claimant)),
        lt(sessions.attempts, budget.attemptsPerPendingSession),
        gt(sessions.expiresAt, now),
        account,
        open,
      ),
    );
}

function accountCanTry({ userId, comparedWith, passwordHash, budget, now }: Attempt) {
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

/** Everything behind the claim. A right code counts as replayed until it has been spent: then as accepted. */
function useAttempt(db: DrizzleD1Database, attempt: Attempt): BatchItem<"sqlite">[] {
  const { event, verdict } = attempt;
  if (verdict.kind === "wrong") {
    return [
      recordEventWhere(db, { ...event, type: "second_factor.refused" }, previousChangedRow),
      countFailure(db, attempt),
    ];
  }
  const record = recordEventWhere(db, { ...event, type: "second_factor.replayed" }, previousChangedRow);
  if (verdict.kind === "spent") return [record];
  const accepted = eventIs(db, event.id, "second_factor.accepted");
  return [
    record,
    spendCode(db, attempt, verdict.spend),
    db
      .update(auditEvents)
      .set({ type: "second_factor.accepted" })
      .where(and(eq(auditEvents.id, event.id), previousChangedRow)),
    ...effectStatements(db, {
      effects: verdict.effects,
      userId: attempt.userId,
      now: attempt.now,
      event,
      accepted,
    }),
  ];
}

/** Keeps the answer for a retry: that of an acceptance, or that of a refusal that counted. */
function keepAnswers(db: DrizzleD1Database, { userId, event, answers }: Attempt): BatchItem<"sqlite">[] {
  if (answers === null) return [];
  const accepted = eventIs(db, event.id, "second_factor.accepted");
  const refused = every(wasRecorded(db, event.id), not(accepted));
  return [
    ...storeResponseWhere(db, answers.accepted, accepted, approvalPeriodOf(db, userId)),
    ...storeResponseWhere(db, answers.refused, refused),
  ];
}

/** TH-01, TH-03: one counter an account, a cool-down after every few failures, each twice as long. */
function countFailure(db: DrizzleD1Database, { userId, budget, now }: Attempt): BatchItem<"sqlite"> {
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
    .where(and(eq(users.id, userId), previousChangedRow));
}

/** Only an accepted second factor takes the failures back (INC-13). */
const noFailures = { secondFactorFailures: 0, secondFactorBlockedUntil: null };

/** Changes one row if the code is still unspent, and none otherwise (RFC 6238 5.2). */
function spendCode(db: DrizzleD1Database, { userId, now }: Attempt, spend: Spend): BatchItem<"sqlite"> {
  const update = (values: Partial<typeof users.$inferInsert>) =>
    db.update(users).set({ ...values, ...noFailures });
  const account = and(eq(users.id, userId), previousChangedRow);
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
