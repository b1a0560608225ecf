import { and, inArray, isNull, lte, or, sql } from "drizzle-orm";
import { type Database, runD1Query } from "./database.ts";
import { auditEvents, challenges, idempotencyKeys, sessions, throttles, users } from "./schema.ts";

/** One trip deletes at most this many rows of a table, because D1 runs one statement at a time. */
const chunkRows = 500;

/** The points in time from which on rows count as expired. */
export interface ExpiryCutoffs {
  readonly now: Date;
  /** A counter whose window ended before this is deleted, unless it still blocks. */
  readonly throttlesSince: Date;
  /** Events before this are deleted. */
  readonly auditSince: Date;
  /** Challenges that expired before this are deleted: until then their backends can read the result. */
  readonly challengesSince: Date;
}

/** How many rows of each kind one trip deleted. For enrolments: how many pending secrets were cleared. */
export interface RemovedRowCounts {
  readonly sessions: number;
  readonly throttles: number;
  readonly enrolments: number;
  readonly auditEvents: number;
  readonly challenges: number;
  readonly idempotencyKeys: number;
}

export type RemovedRowKind = keyof RemovedRowCounts;

/**
 * Deletes at most {@link chunkRows} expired rows of each kind, and clears as many expired pending secrets. One batch.
 *
 * @returns the counts, and the kinds of which there may be more
 */
export async function removeExpiredRowsChunk(
  { primary }: Database,
  { now, throttlesSince, auditSince, challengesSince }: ExpiryCutoffs,
): Promise<{ removed: RemovedRowCounts; more: readonly RemovedRowKind[] }> {
  // The row of an idle session stays until its absolute end, because only `expires_at` has an index.
  const deadSessions = primary
    .select({ id: sessions.id })
    .from(sessions)
    .where(lte(sessions.expiresAt, now))
    .limit(chunkRows);
  // A counter that still blocks is never deleted. `throttlesSince` is so early that hardly any row is read and kept.
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
  const expiredResponses = primary
    .select({ row: sql`rowid`.as("row") })
    .from(idempotencyKeys)
    .where(lte(idempotencyKeys.expiresAt, now))
    .limit(chunkRows);
  const results = await runD1Query(() =>
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
        .where(sql`rowid IN ${expiredResponses}`)
        .returning({ keyHash: idempotencyKeys.keyHash }),
    ]),
  );
  const [deadCount, throttleCount, enrolmentCount, eventCount, challengeCount, responseCount] = results.map(
    (rows) => rows.length,
  );
  const removed: RemovedRowCounts = {
    sessions: deadCount ?? 0,
    throttles: throttleCount ?? 0,
    enrolments: enrolmentCount ?? 0,
    auditEvents: eventCount ?? 0,
    challenges: challengeCount ?? 0,
    idempotencyKeys: responseCount ?? 0,
  };
  const kinds = Object.keys(removed) as RemovedRowKind[];
  return { removed, more: kinds.filter((kind) => removed[kind] === chunkRows) };
}
