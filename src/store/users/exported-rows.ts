import { and, asc, eq, getTableColumns, gt, sql } from "drizzle-orm";
import { type Database, runD1Query } from "../platform/database.ts";
import { type UserRow, users } from "../platform/schema.ts";

/** An account with its position. */
export type ExportedUserRow = UserRow & {
  /** The row id: accounts are created in this order, and it never changes. */
  readonly position: number;
};

/**
 * Lists the accounts of a realm in the order in which they were created, after a position. An account that is renamed or
 * created during an export is neither left out nor listed twice. One trip to the primary.
 */
export function listUsersInCreationOrder(
  { primary }: Database,
  realm: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<ExportedUserRow[]> {
  const position = sql<number>`${users}.rowid`;
  return runD1Query(() =>
    primary
      .select({ ...getTableColumns(users), position: position.as("position") })
      .from(users)
      // The plus sign keeps SQLite from using the index of the realm, and so from sorting the whole realm for each page.
      .where(and(eq(sql`+${users.realm}`, realm), gt(position, after)))
      .orderBy(asc(position))
      .limit(limit),
  );
}
