import { type Removed, removeExpired } from "../store/expiry.ts";
import type { Deps } from "./deps.ts";

/** How long audit events are kept (STANDARDS LG-08). */
export const auditRetentionDays = 400;

/** A run ends after this many chunks; what is left is for the next hour's. */
const mostChunks = 100;

/** Removes sessions, counters, unconfirmed enrolments and audit events that are over. */
export async function removeWhatHasExpired(deps: Deps, now: Date): Promise<Removed> {
  const auditSince = new Date(now.getTime() - auditRetentionDays * 24 * 3600 * 1000);
  const total = { sessions: 0, throttles: 0, enrolments: 0, auditEvents: 0 };
  for (let chunk = 0; chunk < mostChunks; chunk++) {
    const removed = await removeExpired(deps.db, { now, auditSince });
    for (const kind of ["sessions", "throttles", "enrolments", "auditEvents"] as const)
      total[kind] += removed[kind];
    if (!removed.more) break;
  }
  return total;
}
