import { DatabaseSync } from "node:sqlite";

/** The bytes of a table in the database file. */
export interface TableSize {
  readonly name: string;
  readonly table: number;
  /** The sum of its indexes. */
  readonly indexes: number;
}

/** The bytes of a database. */
export interface DatabaseSizes {
  /** In descending order of size. */
  readonly tables: readonly TableSize[];
  readonly file: number;
}

/** Measures a closed database. */
export function measureTables(path: string): DatabaseSizes {
  const file = new DatabaseSync(path);
  try {
    const tables = file
      .prepare(
        `SELECT tbl_name AS name,
           sum(CASE WHEN type = 'table' THEN pgsize ELSE 0 END) AS "table",
           sum(CASE WHEN type = 'index' THEN pgsize ELSE 0 END) AS indexes
         FROM sqlite_schema JOIN dbstat USING (name)
         GROUP BY tbl_name ORDER BY sum(pgsize) DESC`,
      )
      .all();
    const whole = file
      .prepare("SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size")
      .get();
    return { tables: tables as unknown as TableSize[], file: Number(whole?.bytes) };
  } finally {
    file.close();
  }
}
