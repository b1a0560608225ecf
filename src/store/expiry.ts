import { and, inArray, isNull, lte, or } from "drizzle-orm";
import { type Database, reachStore } from "./database.ts";
import { auditEvents, sessions, throttles, users } from "./schema.ts";

/** One trip deletes at most this many rows of a table, so that it never holds the database for long. */
const chunkRows = 500;

/** What is over, and since when. */
export interface Expiry {
  readonly now: Date;
  /** Events that are older have been kept long enough. */
  readonly auditSince: Date;
}

/** Rows that one trip removed. */
export interface Removed {
  readonly sessions: number;
  readonly throttles: number;
  readonly enrolments: number;
  readonly auditEvents: number;
}

/**
 * Removes one chunk of everything that is over, in one batch.
 *
 * @returns what was removed, and whether there may be more
 */
export async function removeExpired(
  { primary }: Database,
  { now, auditSince }: Expiry,
): Promise<Removed & { more: boolean }> {
  // An idle session is dead too; its row goes with its absolute age, by the index that is there.
  const deadSessions = primary
    .select({ id: sessions.id })
    .from(sessions)
    .where(lte(sessions.expiresAt, now))
    .limit(chunkRows);
  const idleThrottles = primary
    .select({ key: throttles.key })
    .from(throttles)
    .where(
      and(
        lte(throttles.windowEndsAt, now),
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
    ]),
  );
  const [deadCount, throttleCount, enrolmentCount, eventCount] = results.map((rows) => rows.length);
  return {
    sessions: deadCount ?? 0,
    throttles: throttleCount ?? 0,
    enrolments: enrolmentCount ?? 0,
    auditEvents: eventCount ?? 0,
    more: results.some((rows) => rows.length === chunkRows),
  };
}
