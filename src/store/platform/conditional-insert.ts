import { getTableColumns, type InferSelectModel, is, SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";

/** The condition "the statement before this one in the batch changed one row". */
export const previousStatementChangedOneRowCondition: SQL = sql`changes() = 1`;

/** Returns one SQL condition, in brackets: these, joined with AND. Unlike drizzle's `and`, it is never undefined. */
export const joinConditionsWithAnd = (...conditions: readonly [SQL, ...SQL[]]): SQL =>
  sql`(${sql.join([...conditions], sql` AND `)})`;

/** A row with a value or an SQL expression for every column. Columns have no default in `INSERT … SELECT`. */
export type CompleteRowOrSql<T extends SQLiteTable> = {
  [K in keyof InferSelectModel<T>]: InferSelectModel<T>[K] | SQL;
};

/** Inserts one row if `condition` holds when the statement runs in its batch. */
export function insertRowWhereStatement<T extends SQLiteTable>(
  db: DrizzleD1Database,
  table: T,
  row: CompleteRowOrSql<T>,
  condition: SQL,
) {
  const values: Record<string, unknown> = row;
  const cells = Object.entries(getTableColumns(table)).map(([name, column]) => {
    const value = values[name];
    return is(value, SQL) ? value : sql.param(value, column);
  });
  return db.insert(table).select(sql`SELECT ${sql.join(cells, sql`, `)} WHERE ${condition}`);
}
