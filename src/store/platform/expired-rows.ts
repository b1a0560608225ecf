import { and, inArray, isNull, lte, or, sql } from "drizzle-orm";
import { type Database, reachStore } from "./database.ts";
import { auditEvents, challenges, idempotencyKeys, sessions, throttles, users } from "./schema.ts";

/** One trip deletes at most this many rows of a table, so that it never holds the database for long. */
const chunkRows = 500;

/** What is over, and since when. */
export interface Expiry {
  readonly now: Date;
  /** Counters whose window was over by then do not block any more. */
  readonly throttlesSince: Date;
  /** Events that are older have been kept long enough. */
  readonly auditSince: Date;
  /** Challenges that were over by then have been kept long enough for their backends to ask. */
  readonly challengesSince: Date;
}

/** Rows that one trip removed. */
export interface Removed {
  readonly sessions: number;
  readonly throttles: number;
  readonly enrolments: number;
  readonly auditEvents: number;
  readonly challenges: number;
  readonly idempotencyKeys: number;
}

/** What is removed: each is a kind of rows. */
export type RemovedKind = keyof Removed;

/**
 * Removes one chunk of everything that is over, in one batch.
 *
 * @returns what was removed, and of which kinds there may be more
 */
export async function removeExpired(
  { primary }: Database,
  { now, throttlesSince, auditSince, challengesSince }: Expiry,
): Promise<{ removed: Removed; more: readonly RemovedKind[] }> {
  // An idle session is dead too; its row goes with its absolute age, by the index that is there.
  const deadSessions = primary
    .select({ id: sessions.id })
    .from(sessions)
    .where(lte(sessions.expiresAt, now))
    .limit(chunkRows);
  // One that still blocks is never removed; by its window alone it is not even read, by one chunk after another.
  const idleThrottles = primary
    .select({ key: throttles.key })
    .from(throttles)
    .where(
      and(
        lte(throttles.windowEndsAt, throttlesSince),
        or(isNull(throttles.blockedUntil), lte(throttles.blockedUntil, now)),
      ),
    )
    .limit(chunkRows);
  const staleEnrolments = primary
    .select({ id: users.id })
    .from(users)
    .where(lte(users.totpPendingExpiresAt, now))
    .limit(chunkRows);
  const oldEvents = primary
    .select({ id: auditEvents.id })
    .from(auditEvents)
    .where(lte(auditEvents.at, auditSince))
    .limit(chunkRows);
  const oldChallenges = primary
    .select({ id: challenges.id })
    .from(challenges)
    .where(lte(challenges.expiresAt, challengesSince))
    .limit(chunkRows);
  const endedAnswers = primary
    .select({ row: sql`rowid`.as("row") })
    .from(idempotencyKeys)
    .where(lte(idempotencyKeys.expiresAt, now))
    .limit(chunkRows);
  const results = await reachStore(() =>
    primary.batch([
      primary.delete(sessions).where(inArray(sessions.id, deadSessions)).returning({ id: sessions.id }),
      primary.delete(throttles).where(inArray(throttles.key, idleThrottles)).returning({ id: throttles.key }),
      primary
        .update(users)
        .set({ totpPendingSecret: null, totpPendingExpiresAt: null })
        .where(inArray(users.id, staleEnrolments))
        .returning({ id: users.id }),
      primary.delete(auditEvents).where(inArray(auditEvents.id, oldEvents)).returning({ id: auditEvents.id }),
      primary
        .delete(challenges)
        .where(inArray(challenges.id, oldChallenges))
        .returning({ id: challenges.id }),
      primary
        .delete(idempotencyKeys)
        .where(sql`rowid IN ${endedAnswers}`)
        .returning({ keyHash: idempotencyKeys.keyHash }),
    ]),
  );
  const [deadCount, throttleCount, enrolmentCount, eventCount, challengeCount, answerCount] = results.map(
    (rows) => rows.length,
  );
  const removed: Removed = {
    sessions: deadCount ?? 0,
    throttles: throttleCount ?? 0,
    enrolments: enrolmentCount ?? 0,
    auditEvents: eventCount ?? 0,
    challenges: challengeCount ?? 0,
    idempotencyKeys: answerCount ?? 0,
  };
  const kinds = Object.keys(removed) as RemovedKind[];
  return { removed, more: kinds.filter((kind) => removed[kind] === chunkRows) };
}
