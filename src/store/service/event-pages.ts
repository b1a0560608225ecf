import { and, asc, desc, eq, getTableColumns, gt, lt, type SQL, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/sqlite-core";
import { type Database, reachStore } from "../platform/database.ts";
import { type AuditEventRow, auditEvents } from "../platform/schema.ts";

export type StoredEvent = AuditEventRow & {
  /** The order in which events were written. */
  readonly position: number;
};

/** Which events of a realm. */
export interface EventQuestion {
  readonly realm: string;
  /** Ids in the store that the user may have. Null: everybody's. */
  readonly userIds: readonly string[] | null;
  readonly type: string | null;
  readonly newestFirst: boolean;
  /** Where the page before this one ended. Null: at the beginning. */
  readonly after: number | null;
  readonly limit: number;
}

/** Lists events in the order in which they were written: who goes on after the last one misses none. One trip. */
export function listEvents({ nearest }: Database, question: EventQuestion): Promise<StoredEvent[]> {
  const { realm, userIds, type, newestFirst, after, limit } = question;
  const position = sql<number>`${auditEvents}.rowid`.as("position");
  const further = newestFirst ? lt : gt;
  const select = (...whose: SQL[]) =>
    nearest
      .select({ position, ...getTableColumns(auditEvents) })
      .from(auditEvents)
      .where(
        and(
          ...whose,
          type === null ? undefined : eq(auditEvents.type, type),
          after === null ? undefined : further(sql`${auditEvents}.rowid`, after),
        ),
      );
  // The plus keeps the realm's index out: the user's own has fewer rows to look through.
  const ofRealm = sql`+${auditEvents.realm} = ${realm}`;
  const [first, second, ...others] =
    userIds === null
      ? [select(eq(auditEvents.realm, realm))]
      : userIds.map((id) => select(ofRealm, eq(auditEvents.userId, id)));
  if (first === undefined) return Promise.resolve([]);
  // One index range for each id, which SQLite merges as it reads. With IN it would sort all events of the user.
  const rows = second === undefined ? first : unionAll(first, second, ...others);
  const order = newestFirst ? desc : asc;
  return reachStore(async () => rows.orderBy(order(sql`position`)).limit(limit));
}
