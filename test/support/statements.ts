import { env } from "cloudflare:workers";

/** A statement that the Worker has sent to D1, and what D1 says that it has cost. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** One trip to D1. */
export interface Trip {
  readonly kind: "single" | "batch";
  readonly statements: readonly Statement[];
}

export interface Watch {
  /** Every trip since the beginning, in the order in which they were answered. */
  readonly trips: Trip[];
  stop(): void;
}

/**
 * Writes down every trip that the Worker makes to D1 from now on, whoever asked it to: by HTTP, over the service binding
 * or by the clock. What a test asks D1 itself is not among them.
 */
export function watchStatements(): Watch {
  const trips: Trip[] = [];
  const open = env.DB.withSession;
  env.DB.withSession = (constraint) =>
    watchSession(open.call(env.DB, constraint), (trip) => trips.push(trip));
  return {
    trips,
    stop() {
      env.DB.withSession = open;
    },
  };
}

interface Text {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** What was prepared in one session may be sent in another one's batch. */
const texts = new WeakMap<D1PreparedStatement, Text>();

function watchSession(session: D1DatabaseSession, note: (trip: Trip) => void): D1DatabaseSession {
  const prepare = session.prepare.bind(session);
  const batch = session.batch.bind(session);
  session.prepare = (sql) => {
    const statement = prepare(sql);
    const bind = statement.bind.bind(statement);
    statement.bind = (...values) => {
      const bound = bind(...values);
      const text = { sql, values };
      texts.set(bound, text);
      return watchSingle(bound, (meta) => note({ kind: "single", statements: [cost(text, meta)] }));
    };
    return statement;
  };
  session.batch = async <T>(statements: D1PreparedStatement[]) => {
    const results = await batch<T>(statements);
    const sent = statements.map((statement, index) => {
      const text = texts.get(statement);
      if (text === undefined) throw new Error("A statement that nobody has prepared");
      return cost(text, results[index]?.meta);
    });
    note({ kind: "batch", statements: sent });
    return results;
  };
  return session;
}

const cost = (text: Text, meta: D1Meta | undefined): Statement => ({
  ...text,
  rowsRead: meta?.rows_read ?? Number.NaN,
  rowsWritten: meta?.rows_written ?? Number.NaN,
});

/** Rows that are asked for plainly come without their cost, so they are read twice: once for it. */
function watchSingle(statement: D1PreparedStatement, note: (meta: D1Meta) => void): D1PreparedStatement {
  const all = statement.all.bind(statement);
  const raw = statement.raw.bind(statement);
  const run = statement.run.bind(statement);
  const plainly = async (options?: { columnNames?: false }) => {
    note((await all()).meta);
    return raw(options);
  };
  statement.raw = plainly as typeof statement.raw;
  statement.run = async <T>() => {
    const result = await run<T>();
    note(result.meta);
    return result;
  };
  return statement;
}
