/** What went to D1, as D1 counts it. */
export interface D1Cost {
  trips: number;
  rowsRead: number;
  rowsWritten: number;
}

/**
 * A D1 binding that counts. A statement that is run alone only reads here, and does not say what it cost when its rows
 * are asked for plainly: it is run twice for that, so what is counted is not timed.
 */
export function countRows(db: D1Database, cost: D1Cost): D1Database {
  const bare = new WeakMap<object, D1PreparedStatement>();
  const count = (results: readonly D1Result[]) => {
    cost.trips += 1;
    for (const { meta } of results) {
      cost.rowsRead += meta.rows_read;
      cost.rowsWritten += meta.rows_written;
    }
  };
  const countStatement = (statement: D1PreparedStatement): D1PreparedStatement => {
    const counted = new Proxy(statement, {
      get(target, name) {
        if (name === "bind") return (...values: unknown[]) => countStatement(target.bind(...values));
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          count([await target.all()]);
          return value.apply(target, args);
        };
      },
    });
    bare.set(counted, statement);
    return counted;
  };
  const countSession = (session: D1DatabaseSession): D1DatabaseSession =>
    new Proxy(session, {
      get(target, name) {
        if (name === "prepare") return (sql: string) => countStatement(target.prepare(sql));
        if (name !== "batch") return Reflect.get(target, name);
        return async (statements: D1PreparedStatement[]) => {
          const results = await target.batch(statements.map((counted) => bare.get(counted) ?? counted));
          count(results);
          return results;
        };
      },
    });
  return new Proxy(db, {
    get(target, name) {
      if (name === "withSession") return (at?: string) => countSession(target.withSession(at));
      return Reflect.get(target, name);
    },
  });
}
