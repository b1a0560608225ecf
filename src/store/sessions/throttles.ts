import { and, eq, gt, inArray, max, notExists, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import { type ThrottleRow, throttles } from "../platform/schema.ts";

/** A counter of failures, or of something else that has to stay rare, and when it overflows. */
export interface Counter {
  /** Keyed hash: the store knows neither the name nor the address behind it. */
  readonly key: string;
  /** The failure with this number blocks. */
  readonly limit: number;
  readonly windowSeconds: number;
  readonly blockSeconds: number;
}

export interface Overflow {
  readonly key: string;
  readonly blockedUntil: Date;
}

/** Until when the counters block; one row, null when none does. To be joined to the read of a sign-in. */
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

/** Counts one failure, or whatever else the counter is of, if `condition` holds. A window that is over begins anew. */
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

/** Forgets the failures of one counter, if `condition` holds. */
export function forgetFailuresWhere(db: DrizzleD1Database, key: string, condition: SQL): BatchItem<"sqlite"> {
  return db.delete(throttles).where(and(eq(throttles.key, key), condition));
}

/** Lists which of the counters block now. */
export function listOverflows(db: DrizzleD1Database, counters: readonly Counter[], now: Date) {
  return db
    .select({ key: throttles.key, blockedUntil: throttles.blockedUntil })
    .from(throttles)
    .where(isBlocking(counters, now));
}

/** What came of counting one use. */
export interface CountedUse {
  /** False: the counter blocked already, and nothing was counted. */
  readonly counted: boolean;
  readonly state: CounterState;
}

/**
 * Counts one use of something that is limited by number, unless the counter blocks. The use that reaches the limit is
 * the last one that is counted, and begins the block. One batch, which decides by itself.
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
  if (row === undefined) throw new Error("A counter that was just counted is not there");
  const { counted, ...state } = row;
  return { counted: counted === 1, state };
}

/** How a counter stands. */
export type CounterState = Pick<ThrottleRow, "failures" | "windowEndsAt" | "blockedUntil">;

/** Reads how a counter stands: one row, or none when nothing has been counted. */
export function selectCounter(db: DrizzleD1Database, { key }: Counter) {
  const { failures, windowEndsAt, blockedUntil } = throttles;
  return db.select({ failures, windowEndsAt, blockedUntil }).from(throttles).where(eq(throttles.key, key));
}

const later = (now: Date, seconds: number) => new Date(now.getTime() + seconds * 1000);
