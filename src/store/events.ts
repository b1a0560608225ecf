import { and, asc, desc, eq, gt, inArray, lt, sql } from "drizzle-orm";
import { type Database, reachStore } from "./database.ts";
import { type AuditEventRow, auditEvents } from "./schema.ts";

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
  const position = sql<number>`${auditEvents}.rowid`;
  const further = newestFirst ? lt : gt;
  const rows = nearest
    .select({ position: position.as("position"), event: auditEvents })
    .from(auditEvents)
    .where(
      and(
        // The plus keeps the realm's index out: the user's own has fewer rows to look through.
        userIds === null ? eq(auditEvents.realm, realm) : sql`+${auditEvents.realm} = ${realm}`,
        userIds === null ? undefined : inArray(auditEvents.userId, [...userIds]),
        type === null ? undefined : eq(auditEvents.type, type),
        after === null ? undefined : further(position, after),
      ),
    )
    .orderBy(newestFirst ? desc(position) : asc(position))
    .limit(limit);
  return reachStore(async () => (await rows).map((row) => ({ ...row.event, position: row.position })));
}
