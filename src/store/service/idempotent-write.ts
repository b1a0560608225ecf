import { type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { type Database, runD1Query } from "../platform/database.ts";
import {
  type AuditEvent,
  eventHasTypeCondition,
  insertEventWhereStatement,
  type LookedUpEventColumns,
} from "./audit.ts";
import {
  callHasNoStoredResponseCondition,
  callHasStoredResponseCondition,
  type ResponseToStore,
  storeResponseWhereStatements,
} from "./idempotency.ts";

/** A write for a caller of the service API, or for an operator: all of it happens, with its audit event, or nothing. */
export interface IdempotentWrite {
  /**
   * The statement that decides: it changes a row if the write may happen, and none otherwise. Its WHERE clause must include
   * `isFirstCall`.
   */
  readonly change: (db: DrizzleD1Database, isFirstCall: SQL) => BatchItem<"sqlite">;
  readonly event: AuditEvent;
  /** Columns of the event that the batch looks up. */
  readonly lookedUp?: LookedUpEventColumns;
  /** Further statements. Their WHERE clauses must include `happened`. */
  readonly effects?: (db: DrizzleD1Database, happened: SQL) => BatchItem<"sqlite">[];
  /** Stored for a retry, if the write happens. Null: the call has no `Idempotency-Key`. */
  readonly response: ResponseToStore | null;
  /** The last statement: reads the rows of the result. */
  readonly read: (db: DrizzleD1Database) => BatchItem<"sqlite">;
}

/** Whether the write took effect, and the rows that were read after it. */
export interface WriteResult<Row> {
  readonly happened: boolean;
  /** Nothing was written, because a response to the same call is stored. */
  readonly respondedBefore: boolean;
  readonly rows: readonly Row[];
}

/** Sends a write as one batch: the change, its event, the effects, the stored response, and the read. */
export async function writeOnce<Row>(db: Database, write: IdempotentWrite): Promise<WriteResult<Row>> {
  const { primary } = db;
  const { event, response } = write;
  const happened = eventHasTypeCondition(primary, event.id, event.type);
  const results: unknown[] = await runD1Query(() =>
    primary.batch([
      write.change(primary, callHasNoStoredResponseCondition(primary, response)),
      insertEventWhereStatement(primary, event, sql`changes() > 0`, write.lookedUp),
      ...(write.effects?.(primary, happened) ?? []),
      ...storeResponseWhereStatements(primary, response, happened),
      selectConditions(primary, happened, callHasStoredResponseCondition(primary, response)),
      write.read(primary),
    ]),
  );
  const [[state], rows] = results.slice(-2) as [{ happened: number; responded: number }[], Row[]];
  const hasHappened = state?.happened === 1;
  return { happened: hasHappened, respondedBefore: !hasHappened && state?.responded === 1, rows };
}

const selectConditions = (db: DrizzleD1Database, happened: SQL, responded: SQL) =>
  db
    .select({
      happened: sql<number>`${happened}`.as("happened"),
      responded: sql<number>`${responded}`.as("responded"),
    })
    .from(sql`(SELECT 1)`);
