import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";
import { withTimeLimitInSeconds } from "./time-limit.ts";

/**
 * A trip takes tens of milliseconds, and one or two seconds when D1 retries a read or has a queue. The limit is below the 30 or
 * 60 seconds after which proxies give up. It is not lower, because a write that timed out may still happen, and the client never
 * receives the session that it opened.
 */
const maxTripSeconds = 10;

/**
 * Two ways to query the same database. `nearest` may read from a replica, whose data can be a moment old. `primary` is for
 * everything that decides about access. Writes go to the primary in both.
 */
export interface Database {
  readonly nearest: DrizzleD1Database;
  readonly primary: DrizzleD1Database;
}

/** D1 failed, could not be reached, or did not respond in time. The response is a 503, and access is denied. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
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
  // drizzle calls only `prepare` and `batch`, which a session has. Its types require the whole binding.
  return drizzle(d1.withSession(constraint) as unknown as D1Database);
}

/**
 * Runs one trip to D1 with a time limit of {@link maxTripSeconds}. There is no retry: D1 itself retries reads, and a write
 * whose response was lost or is late may have happened or may still happen.
 *
 * @throws StoreUnavailableError for any error of D1
 */
export async function runD1Query<T>(trip: () => Promise<T>): Promise<T> {
  try {
    return await withTimeLimitInSeconds(maxTripSeconds, trip);
  } catch (cause) {
    throw new StoreUnavailableError("D1 did not respond", { cause });
  }
}
