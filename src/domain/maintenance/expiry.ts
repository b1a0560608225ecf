import {
  type RemovedRowCounts,
  type RemovedRowKind,
  removeExpiredRowsChunk,
} from "../../store/platform/expired-rows.ts";
import type { Deps } from "../deps.ts";
import { blockSeconds } from "../sign-in/throttle.ts";

/** How long audit events are kept (LG-08). */
export const auditRetentionDays = 400;

/** How long a service caller can still read the state of a hosted challenge after its end. */
export const challengeRetentionHours = 24;

/** A run ends after this many chunks. The next hourly run continues. */
const maxChunks = 100;

/**
 * Deletes expired sessions, counters, unconfirmed enrolments, audit events, hosted challenges and stored responses. Logs
 * `expiry.behind` when the run ends with expired rows left.
 */
export async function removeExpiredData(deps: Deps, now: Date): Promise<RemovedRowCounts> {
  const throttlesSince = new Date(now.getTime() - blockSeconds * 1000);
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
  const expiry = { now, throttlesSince, auditSince, challengesSince };
  for (let chunk = 0; chunk < maxChunks; chunk++) {
    const { removed, more } = await removeExpiredRowsChunk(deps.db, expiry);
    for (const kind of Object.keys(total) as RemovedRowKind[]) total[kind] += removed[kind];
    if (more.length === 0) return total;
    // A kind that the log has every hour grows faster than it is deleted.
    if (chunk === maxChunks - 1)
      deps.log("warn", "expiry.behind", Object.fromEntries(more.map((kind) => [kind, total[kind]])));
  }
  return total;
}
