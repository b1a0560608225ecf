import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";
import { withTimeLimit } from "./time-limit.ts";

/**
 * A trip takes tens of milliseconds, and a second or two when D1 repeats a read or has a queue. Who has waited this
 * long is better told so: proxies give up on an answer after 30 or 60 s, and people sooner. Not less, because a
 * write that is given up may still happen, and then nobody hears of what it opened.
 */
const longestTripSeconds = 10;

/**
 * Two ways to the same database. Reads may go to the nearest copy, which can be a moment behind; whatever a
 * decision hangs on goes to the primary. A write batch goes to the primary either way.
 */
export interface Database {
  readonly nearest: DrizzleD1Database;
  readonly primary: DrizzleD1Database;
}

/** D1 failed, could not be reached, or did not answer in time. Whoever asked gets a 503, and nothing opens. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/** Opens the database for one request. Nothing is sent before the first query. */
export function openDatabase(d1: D1Database): Database {
  return {
    get nearest() {
      return openSession(d1, "first-unconstrained");
    },
    get primary() {
      return openSession(d1, "first-primary");
    },
  };
}

function openSession(d1: D1Database, constraint: D1SessionConstraint): DrizzleD1Database {
  // A session has the two methods that drizzle calls, `prepare` and `batch`; its types ask for the whole binding.
  return drizzle(d1.withSession(constraint) as unknown as D1Database);
}

/**
 * Runs one trip to D1, and waits for it no longer than ten seconds. It is not retried: D1 retries reads by itself,
 * and a write whose answer was lost or is late may have happened, or may happen yet.
 *
 * @throws StoreUnavailable whatever D1 failed with
 */
export async function reachStore<T>(trip: () => Promise<T>): Promise<T> {
  try {
    return await withTimeLimit(longestTripSeconds, trip);
  } catch (cause) {
    throw new StoreUnavailable("D1 did not answer", { cause });
  }
}
