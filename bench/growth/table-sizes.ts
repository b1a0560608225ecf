import { DatabaseSync } from "node:sqlite";

/** What a table takes up in the file, in bytes. */
export interface TableSize {
  readonly name: string;
  readonly table: number;
  /** All of its indexes together. */
  readonly indexes: number;
}

/** What a database takes up, in bytes. */
export interface DatabaseSizes {
  /** The largest first. */
  readonly tables: readonly TableSize[];
  readonly file: number;
}

/** Measures a database that nothing has open. */
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
