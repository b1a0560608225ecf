import { and, eq, gt, inArray, max, notExists, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertRowWhereStatement } from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { type ThrottleRow, throttles } from "../platform/schema.ts";

/** A counter of failures, or of another limited action, and its limit. */
export interface ThrottleCounter {
  /** A keyed hash (HMAC), so that D1 holds neither the user name nor the address. */
  readonly key: string;
  /** The failure with this number blocks. */
  readonly limit: number;
  readonly windowSeconds: number;
  readonly blockSeconds: number;
}

/** A counter that blocks. */
export interface BlockingCounter {
  readonly key: string;
  readonly blockedUntil: Date;
}

/** A query for the time until which the counters block: one row, with null when none does. */
export function blockedUntilQuery(db: DrizzleD1Database, counters: readonly ThrottleCounter[], now: Date) {
  return db
    .select({ until: max(throttles.blockedUntil).as("blocked_until") })
    .from(throttles)
    .where(isBlocking(counters, now));
}

/** The condition "none of these counters blocks now". */
export function noCounterBlocksCondition(
  db: DrizzleD1Database,
  counters: readonly ThrottleCounter[],
  now: Date,
): SQL {
  return notExists(db.select({ key: throttles.key }).from(throttles).where(isBlocking(counters, now)));
}

function isBlocking(counters: readonly ThrottleCounter[], now: Date) {
  return and(
    inArray(
      throttles.key,
      counters.map(({ key }) => key),
    ),
    gt(throttles.blockedUntil, now),
  );
}

/** The statement that adds one to a counter if `condition` holds. A new window starts when the old one is over. */
export function incrementCounterWhereStatement(
  db: DrizzleD1Database,
  counter: ThrottleCounter,
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
  return insertRowWhereStatement(db, throttles, first, condition).onConflictDoUpdate({
    target: throttles.key,
    set: {
      failures,
      windowEndsAt: sql`CASE WHEN ${windowIsOver} THEN ${windowEndsAt.getTime()} ELSE ${throttles.windowEndsAt} END`,
      blockedUntil: sql`CASE WHEN ${failures} >= ${counter.limit} THEN ${blocked.getTime()} END`,
    },
  });
}

/** The statement that deletes a counter if `condition` holds. */
export function deleteCounterWhereStatement(
  db: DrizzleD1Database,
  key: string,
  condition: SQL,
): BatchItem<"sqlite"> {
  return db.delete(throttles).where(and(eq(throttles.key, key), condition));
}

/** A query for those of the counters that block now. */
export function blockingCountersQuery(
  db: DrizzleD1Database,
  counters: readonly ThrottleCounter[],
  now: Date,
) {
  return db
    .select({ key: throttles.key, blockedUntil: throttles.blockedUntil })
    .from(throttles)
    .where(isBlocking(counters, now));
}

/** The result of {@link countThrottledUse}. */
export interface CountThrottledUseResult {
  /** False when the counter already blocked, so that nothing was counted. */
  readonly counted: boolean;
  readonly state: ThrottleCounterState;
}

/**
 * Adds one to a counter unless it blocks. The use that reaches the limit is still counted, and starts the block. One
 * batch.
 */
export async function countThrottledUse(
  { primary }: Database,
  counter: ThrottleCounter,
  now: Date,
): Promise<CountThrottledUseResult> {
  const { failures, windowEndsAt, blockedUntil: until } = throttles;
  const [, [row]] = await runD1Query(() =>
    primary.batch([
      incrementCounterWhereStatement(
        primary,
        counter,
        now,
        noCounterBlocksCondition(primary, [counter], now),
      ),
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
export type ThrottleCounterState = Pick<ThrottleRow, "failures" | "windowEndsAt" | "blockedUntil">;

/** A query for the state of a counter: one row, or none when nothing has been counted. */
export function throttleCounterStateQuery(db: DrizzleD1Database, { key }: ThrottleCounter) {
  const { failures, windowEndsAt, blockedUntil } = throttles;
  return db.select({ failures, windowEndsAt, blockedUntil }).from(throttles).where(eq(throttles.key, key));
}

const later = (now: Date, seconds: number) => new Date(now.getTime() + seconds * 1000);
