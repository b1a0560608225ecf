import { and, eq, gt, inArray, max, notExists, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import { type ThrottleRow, throttles } from "../platform/schema.ts";

/** A counter of failures, or of another limited action, and its limit. */
export interface Counter {
  /** A keyed hash (HMAC), so that D1 holds neither the user name nor the address. */
  readonly key: string;
  /** The failure with this number blocks. */
  readonly limit: number;
  readonly windowSeconds: number;
  readonly blockSeconds: number;
}

/** A counter that blocks. */
export interface Overflow {
  readonly key: string;
  readonly blockedUntil: Date;
}

/** A query for the time until which the counters block: one row, with null when none does. */
export function blockedUntil(db: DrizzleD1Database, counters: readonly Counter[], now: Date) {
  return db
    .select({ until: max(throttles.blockedUntil).as("blocked_until") })
    .from(throttles)
    .where(isBlocking(counters, now));
}

/** The condition "none of these counters blocks now". */
export function nothingBlocks(db: DrizzleD1Database, counters: readonly Counter[], now: Date): SQL {
  return notExists(db.select({ key: throttles.key }).from(throttles).where(isBlocking(counters, now)));
}

function isBlocking(counters: readonly Counter[], now: Date) {
  return and(
    inArray(
      throttles.key,
      counters.map(({ key }) => key),
    ),
    gt(throttles.blockedUntil, now),
  );
}

/** The statement that adds one to a counter if `condition` holds. A new window starts when the old one is over. */
export function countFailureWhere(
  db: DrizzleD1Database,
  counter: Counter,
  now: Date,
  condition: SQL,
): BatchItem<"sqlite"> {
  const windowEndsAt = later(now, counter.windowSeconds);
  const windowIsOver = sql`${throttles.windowEndsAt} <= ${now.getTime()}`;
  const failures = sql`(CASE WHEN ${windowIsOver} THEN 1 ELSE ${throttles.failures} + 1 END)`;
  const blocked = later(now, counter.blockSeconds);
  const first = {
    key: counter.key,
    failures: 1,
    windowEndsAt,
    blockedUntil: counter.limit <= 1 ? blocked : null,
  };
  return insertWhere(db, throttles, first, condition).onConflictDoUpdate({
    target: throttles.key,
    set: {
      failures,
      windowEndsAt: sql`CASE WHEN ${windowIsOver} THEN ${windowEndsAt.getTime()} ELSE ${throttles.windowEndsAt} END`,
      blockedUntil: sql`CASE WHEN ${failures} >= ${counter.limit} THEN ${blocked.getTime()} END`,
    },
  });
}

/** The statement that deletes a counter if `condition` holds. */
export function forgetFailuresWhere(db: DrizzleD1Database, key: string, condition: SQL): BatchItem<"sqlite"> {
  return db.delete(throttles).where(and(eq(throttles.key, key), condition));
}

/** A query for those of the counters that block now. */
export function listOverflows(db: DrizzleD1Database, counters: readonly Counter[], now: Date) {
  return db
    .select({ key: throttles.key, blockedUntil: throttles.blockedUntil })
    .from(throttles)
    .where(isBlocking(counters, now));
}

/** The result of {@link countUse}. */
export interface CountedUse {
  /** False when the counter already blocked, so that nothing was counted. */
  readonly counted: boolean;
  readonly state: CounterState;
}

/**
 * Adds one to a counter unless it blocks. The use that reaches the limit is still counted, and starts the block. One
 * batch.
 */
export async function countUse({ primary }: Database, counter: Counter, now: Date): Promise<CountedUse> {
  const { failures, windowEndsAt, blockedUntil: until } = throttles;
  const [, [row]] = await reachStore(() =>
    primary.batch([
      countFailureWhere(primary, counter, now, nothingBlocks(primary, [counter], now)),
      primary
        .select({ counted: sql<number>`changes()`, failures, windowEndsAt, blockedUntil: until })
        .from(throttles)
        .where(eq(throttles.key, counter.key)),
    ]),
  );
  if (row === undefined) throw new Error("The counter was not found after it was counted");
  const { counted, ...state } = row;
  return { counted: counted === 1, state };
}

/** The state of a counter. */
export type CounterState = Pick<ThrottleRow, "failures" | "windowEndsAt" | "blockedUntil">;

/** A query for the state of a counter: one row, or none when nothing has been counted. */
export function selectCounter(db: DrizzleD1Database, { key }: Counter) {
  const { failures, windowEndsAt, blockedUntil } = throttles;
  return db.select({ failures, windowEndsAt, blockedUntil }).from(throttles).where(eq(throttles.key, key));
}

const later = (now: Date, seconds: number) => new Date(now.getTime() + seconds * 1000);
