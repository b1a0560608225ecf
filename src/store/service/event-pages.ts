import { and, asc, desc, eq, getTableColumns, gt, lt, type SQL, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/sqlite-core";
import { type Database, runD1Query } from "../platform/database.ts";
import { type AuditEventRow, auditEvents } from "../platform/schema.ts";

/** An audit event with its position. */
export type StoredEvent = AuditEventRow & {
  /** The row id: events are written in this order. */
  readonly position: number;
};

/** Filter and page of a list of events. */
export interface EventQuery {
  readonly realm: string;
  /** The ids that the user may have in D1. Null: all users. */
  readonly userIds: readonly string[] | null;
  readonly type: string | null;
  readonly newestFirst: boolean;
  /** The position of the last event of the previous page. Null: the first page. */
  readonly after: number | null;
  readonly limit: number;
}

/** Lists events in the order in which they were written, so that a client that continues after the last one misses none. One trip. */
export function listEvents({ nearest }: Database, query: EventQuery): Promise<StoredEvent[]> {
  const { realm, userIds, type, newestFirst, after, limit } = query;
  const position = sql<number>`${auditEvents}.rowid`.as("position");
  const further = newestFirst ? lt : gt;
  const select = (...conditions: SQL[]) =>
    nearest
      .select({ position, ...getTableColumns(auditEvents) })
      .from(auditEvents)
      .where(
        and(
          ...conditions,
          type === null ? undefined : eq(auditEvents.type, type),
          after === null ? undefined : further(sql`${auditEvents}.rowid`, after),
        ),
      );
  // The plus sign keeps SQLite from using the index of the realm: the index of the user has fewer rows.
  const ofRealm = sql`+${auditEvents.realm} = ${realm}`;
  const [first, second, ...others] =
    userIds === null
      ? [select(eq(auditEvents.realm, realm))]
      : userIds.map((id) => select(ofRealm, eq(auditEvents.userId, id)));
  if (first === undefined) return Promise.resolve([]);
  // UNION ALL lets SQLite merge one index range for each id. With IN it would sort all events of the user.
  const rows = second === undefined ? first : unionAll(first, second, ...others);
  const order = newestFirst ? desc : asc;
  return runD1Query(async () => rows.orderBy(order(sql`position`)).limit(limit));
}
