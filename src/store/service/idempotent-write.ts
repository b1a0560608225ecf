import { type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { type Database, reachStore } from "../platform/database.ts";
import { type AuditEvent, eventIs, type LookedUp, recordEventWhere } from "./audit.ts";
import {
  hasNoStoredResponse,
  hasStoredResponse,
  type StoredResponse,
  storeResponseWhere,
} from "./idempotency.ts";

/** Something that a backend or an operator does for an account: it happens whole and is written down, or not at all. */
export interface IdempotentWrite {
  /** Changes a row if the write may happen, and none otherwise. `isFirstCall` is part of what it has to ask. */
  readonly first: (db: DrizzleD1Database, isFirstCall: SQL) => BatchItem<"sqlite">;
  readonly event: AuditEvent;
  readonly lookedUp?: LookedUp;
  /** What follows if it has happened. */
  readonly effects?: (db: DrizzleD1Database, happened: SQL) => BatchItem<"sqlite">[];
  /** Kept for a retry of the same call, if it has happened. */
  readonly answer: StoredResponse | null;
  /** Read at the end of the same batch. */
  readonly outcome: (db: DrizzleD1Database) => BatchItem<"sqlite">;
}

/** What a write came to. */
export interface WriteResult<Row> {
  readonly happened: boolean;
  /** Not now: the same call was answered before. */
  readonly respondedBefore: boolean;
  readonly rows: readonly Row[];
}

/** Does a write in one batch: what it changes, its record, what follows, and the answer to a retry. */
export async function writeOnce<Row>(db: Database, write: IdempotentWrite): Promise<WriteResult<Row>> {
  const { primary } = db;
  const happened = eventIs(primary, write.event.id, write.event.type);
  const results: unknown[] = await reachStore(() =>
    primary.batch([
      write.first(primary, hasNoStoredResponse(primary, write.answer)),
      recordEventWhere(primary, write.event, sql`changes() > 0`, write.lookedUp),
      ...(write.effects?.(primary, happened) ?? []),
      ...storeResponseWhere(primary, write.answer, happened),
      whether(primary, happened, hasStoredResponse(primary, write.answer)),
      write.outcome(primary),
    ]),
  );
  const [[state], rows] = results.slice(-2) as [{ happened: number; answered: number }[], Row[]];
  const happens = state?.happened === 1;
  return { happened: happens, respondedBefore: !happens && state?.answered === 1, rows };
}

const whether = (db: DrizzleD1Database, happened: SQL, answered: SQL) =>
  db
    .select({
      happened: sql<number>`${happened}`.as("happened"),
      answered: sql<number>`${answered}`.as("answered"),
    })
    .from(sql`(SELECT 1)`);
