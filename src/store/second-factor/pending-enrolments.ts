import { and, eq, gt, or } from "drizzle-orm";
import { previousStatementChangedOneRowCondition } from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { type SessionRow, sessions, type UserRow, users } from "../platform/schema.ts";
import { type AuditEvent, insertEventWhereStatement } from "../service/audit.ts";
import {
  type SessionExpiryAndIdleCutoffs,
  touchChallengeSessionStatement,
  touchFullSessionStatement,
} from "../sessions/session-rows.ts";
import {
  incrementCounterWhereStatement,
  noCounterBlocksCondition,
  type ThrottleCounter,
  type ThrottleCounterState,
  throttleCounterStateQuery,
} from "../sessions/throttles.ts";

/** A new enrolment: a pending secret that waits for its first code. */
export interface PendingEnrolmentInput {
  readonly userId: string;
  readonly sessionId: string;
  /** The hosted challenge that the session belongs to. Null for a full session. */
  readonly challengeId: string | null;
  readonly cutoff: SessionExpiryAndIdleCutoffs;
  readonly secretEnvelope: string;
  readonly expiresAt: Date;
  /** An account with a second factor may replace it only from a session with a second factor newer than this. */
  readonly secondFactorSince: Date;
  /** Counts the enrolments that the account begins. */
  readonly counter: ThrottleCounter;
}

/** What the batch changed, and the rows on the primary after it. */
export interface WritePendingSecretResult {
  readonly started: boolean;
  /** The row of the session that starts the enrolment. Null: the session is over. */
  readonly session: SessionRow | null;
  readonly user: UserRow | null;
  /** Null when the account has started no enrolment within the counter's window. */
  readonly counted: ThrottleCounterState | null;
}

/**
 * Stores a pending secret and counts the enrolment. The active secret stays, and an earlier pending one is replaced (EN-04,
 * EN-05). While the counter blocks, nothing changes (TH-07). One batch.
 */
export async function writePendingSecret(
  db: Database,
  enrolment: PendingEnrolmentInput,
  event: AuditEvent,
): Promise<WritePendingSecretResult> {
  const { primary } = db;
  const { sessionId, challengeId, counter, cutoff } = enrolment;
  const freshSession = primary
    .select({ userId: sessions.userId })
    .from(sessions)
    .where(and(eq(sessions.id, sessionId), gt(sessions.secondFactorAt, enrolment.secondFactorSince)));
  const mayEnrol = or(eq(users.totpEnabled, false), eq(users.id, freshSession));
  const [[session], started, , , [user], [counted]] = await runD1Query(() =>
    primary.batch([
      challengeId === null
        ? touchFullSessionStatement(primary, sessionId, cutoff)
        : touchChallengeSessionStatement(primary, sessionId, challengeId, cutoff.now),
      primary
        .update(users)
        .set({ totpPendingSecret: enrolment.secretEnvelope, totpPendingExpiresAt: enrolment.expiresAt })
        .where(
          and(
            eq(users.id, enrolment.userId),
            previousStatementChangedOneRowCondition,
            mayEnrol,
            noCounterBlocksCondition(primary, [counter], cutoff.now),
          ),
        )
        .returning({ id: users.id }),
      insertEventWhereStatement(primary, event, previousStatementChangedOneRowCondition),
      incrementCounterWhereStatement(primary, counter, cutoff.now, previousStatementChangedOneRowCondition),
      primary.select().from(users).where(eq(users.id, enrolment.userId)),
      throttleCounterStateQuery(primary, counter),
    ]),
  );
  const isStarted = started.length === 1;
  return { started: isStarted, session: session ?? null, user: user ?? null, counted: counted ?? null };
}
