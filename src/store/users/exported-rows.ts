import { and, asc, eq, getTableColumns, gt, sql } from "drizzle-orm";
import { type Database, reachStore } from "../platform/database.ts";
import { type UserRow, users } from "../platform/schema.ts";

export type ListedUser = UserRow & {
  /** The order in which accounts were created; it never changes. */
  readonly position: number;
};

/**
 * Lists the accounts of a realm in the order in which they were created, after a position: whoever is renamed or
 * created meanwhile is neither missed nor there twice. As the primary holds them, in one trip.
 */
export function listForExport(
  { primary }: Database,
  realm: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<ListedUser[]> {
  const position = sql<number>`${users}.rowid`;
  return reachStore(() =>
    primary
      .select({ ...getTableColumns(users), position: position.as("position") })
      .from(users)
      // The plus sign keeps SQLite from sorting the whole realm for each page: it reads on where it stopped.
      .where(and(eq(sql`+${users.realm}`, realm), gt(position, after)))
      .orderBy(asc(position))
      .limit(limit),
  );
}
