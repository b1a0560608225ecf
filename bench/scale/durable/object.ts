import { DurableObject } from "cloudflare:workers";

/** A statement that is sent to the object. */
export interface SentStatement {
  readonly sql: string;
  readonly values: readonly (string | number | null)[];
}

/** Rows as arrays, with their column names. */
export interface Rows {
  names: string[];
  rows: SqlStorageValue[][];
}

/** A bucket of users with its own database. A batch of D1 is one call here, and one transaction. */
export class Bucket extends DurableObject {
  runAll(statements: readonly SentStatement[]): Rows[] {
    const { storage } = this.ctx;
    return storage.transactionSync(() =>
      statements.map(({ sql, values }) => {
        const cursor = storage.sql.exec(sql, ...values);
        return { names: cursor.columnNames, rows: [...cursor.raw()] };
      }),
    );
  }
}
