import { interceptD1 } from "../test/support/d1.ts";

/** Numbers of trips to D1. */
export interface TripCount {
  /** Trips of one statement that only reads. */
  reads: number;
  /** Trips of one statement that writes. */
  writes: number;
  /** Trips of a batch. */
  batches: number;
  /** The largest number of trips at the same time. 1 means that each trip began after the one before it had ended. */
  atOnce: number;
}

/** Returns a D1 binding that counts its trips. `take` returns the count and resets it. */
export function countD1(db: D1Database): { db: D1Database; take(): TripCount } {
  let count: TripCount = none();
  let underWay = 0;
  const counted = interceptD1(db, async ({ kind, sql, run }) => {
    if (kind === "batch") count.batches += 1;
    else if (sql.every((text) => /^\s*select\b/i.test(text))) count.reads += 1;
    else count.writes += 1;
    underWay += 1;
    count.atOnce = Math.max(count.atOnce, underWay);
    try {
      return await run();
    } finally {
      underWay -= 1;
    }
  });
  return {
    db: counted,
    take() {
      const taken = count;
      count = none();
      return taken;
    },
  };
}

const none = (): TripCount => ({ reads: 0, writes: 0, batches: 0, atOnce: 0 });
