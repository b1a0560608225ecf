import { type Removed, removeExpired } from "../store/expiry.ts";
import type { Deps } from "./deps.ts";

/** How long audit events are kept (STANDARDS LG-08). */
export const auditRetentionDays = 400;

/** How long a backend can still ask what became of a hosted challenge that is over. */
export const challengeRetentionHours = 24;

/** A run ends after this many chunks; what is left is for the next hour's. */
const mostChunks = 100;

/**
 * Removes what is over: sessions, counters, unconfirmed enrolments, audit events, hosted challenges, and answers that
 * were kept for a retry.
 */
export async function removeWhatHasExpired(deps: Deps, now: Date): Promise<Removed> {
  const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3600 * 1000);
  const auditSince = hoursAgo(auditRetentionDays * 24);
  const challengesSince = hoursAgo(challengeRetentionHours);
  const total = {
    sessions: 0,
    throttles: 0,
    enrolments: 0,
    auditEvents: 0,
    challenges: 0,
    idempotencyKeys: 0,
  };
  for (let chunk = 0; chunk < mostChunks; chunk++) {
    const removed = await removeExpired(deps.db, { now, auditSince, challengesSince });
    for (const kind of Object.keys(total) as (keyof Removed)[]) total[kind] += removed[kind];
    if (!removed.more) break;
  }
  return total;
}
