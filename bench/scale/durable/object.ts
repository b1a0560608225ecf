import { DurableObject } from "cloudflare:workers";

/** A statement on its way to the object. */
export interface SentStatement {
  readonly sql: string;
  readonly values: readonly (string | number | null)[];
}

/** Rows as arrays, and the names of their columns. */
export interface Rows {
  names: string[];
  rows: SqlStorageValue[][];
}

/** One bucket of users, with a database of its own. What is one batch in D1 is one call here, and one transaction. */
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
