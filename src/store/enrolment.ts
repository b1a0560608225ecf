import { and, eq, gt, or } from "drizzle-orm";
import { type AuditEvent, recordEventWhere } from "./audit.ts";
import { previousChangedRow } from "./conditional.ts";
import { type Database, reachStore } from "./database.ts";
import { type SessionRow, sessions, type UserRow, users } from "./schema.ts";
import { type Liveness, touchChallengeSession, touchSession } from "./sessions.ts";

/** An enrolment to begin: a new secret that waits for its first code. */
export interface PendingEnrolment {
  readonly userId: string;
  readonly sessionId: string;
  /** Of the hosted challenge that the session belongs to. Null: it is a full one. */
  readonly challengeId: string | null;
  readonly liveness: Liveness;
  readonly secretEnvelope: string;
  readonly expiresAt: Date;
  /** An account that has a second factor may replace it only from a session that showed it after this. */
  readonly secondFactorSince: Date;
}

/** What happened, and how things stand on the primary. */
export interface EnrolmentStart {
  readonly started: boolean;
  /** Null when the session is dead. */
  readonly session: SessionRow | null;
  readonly user: UserRow | null;
}

/**
 * Puts a pending secret beside the live one, which stays as it is; an earlier pending one is void
 * (STANDARDS EN-04, EN-05). One batch.
 */
export async function startEnrolment(
  db: Database,
  enrolment: PendingEnrolment,
  event: AuditEvent,
): Promise<EnrolmentStart> {
  const { primary } = db;
  const { sessionId, challengeId, liveness } = enrolment;
  const freshSession = primary
    .select({ userId: sessions.userId })
    .from(sessions)
    .where(and(eq(sessions.id, sessionId), gt(sessions.secondFactorAt, enrolment.secondFactorSince)));
  const mayEnrol = or(eq(users.totpEnabled, false), eq(users.id, freshSession));
  const [[session], started, , [user]] = await reachStore(() =>
    primary.batch([
      challengeId === null
        ? touchSession(primary, sessionId, liveness)
        : touchChallengeSession(primary, sessionId, challengeId, liveness.now),
      primary
        .update(users)
        .set({ totpPendingSecret: enrolment.secretEnvelope, totpPendingExpiresAt: enrolment.expiresAt })
        .where(and(eq(users.id, enrolment.userId), previousChangedRow, mayEnrol))
        .returning({ id: users.id }),
      recordEventWhere(primary, event, previousChangedRow),
      primary.select().from(users).where(eq(users.id, enrolment.userId)),
    ]),
  );
  return { started: started.length === 1, session: session ?? null, user: user ?? null };
}
