import { interceptD1 } from "../test/support/d1.ts";

/**
 * A D1 binding whose database is further away.
 *
 * @param milliseconds how much longer each call takes; a `batch` is one call. With 0 the binding is returned as it is
 */
export function delayD1(db: D1Database, milliseconds: number): D1Database {
  if (milliseconds === 0) return db;
  return interceptD1(db, async ({ run }) => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return run();
  });
}

/** Calls to D1, each of which is a trip. */
export interface TripCount {
  /** Of one statement that only reads. */
  reads: number;
  /** Of one statement that writes. */
  writes: number;
  /** Of any number of statements together. */
  batches: number;
  /** How many were on their way at the same time, at most: with 1, they waited for one another. */
  atOnce: number;
}

/** A D1 binding, and a count of what goes through it, which starts anew when it is taken. */
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
