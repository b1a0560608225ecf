/** A statement as it is sent to D1. */
export interface D1Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** A statement and the rows that D1 counts and bills for it. */
export interface MeteredStatement extends D1Statement {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** One round trip to D1: a `batch`, or any other statement that is run. */
export interface D1Trip {
  readonly kind: "single" | "batch";
  /** The constraint that `withSession` was called with. Undefined outside a session. */
  readonly constraint: string | undefined;
  readonly statements: readonly D1Statement[];
  /** The text of the statements. */
  readonly sql: readonly string[];
  /** Makes the trip, and returns D1's result. */
  run(): Promise<unknown>;
  /** Makes the trip with a statement at the end of the batch that fails: D1 rolls the batch back and this rejects. */
  runAndRollBack(): Promise<unknown>;
  /**
   * Makes the trip, and returns D1's result with the cost of each statement. D1 does not report the cost of `raw` and `first`: a query
   * is run a second time for it, and the cost of any other such statement is `NaN`.
   */
  runMetered(): Promise<{ readonly result: unknown; readonly metered: readonly MeteredStatement[] }>;
}

/** Violates the schema of the table. */
const failingSql = "INSERT INTO audit_events (id) VALUES (NULL)";

const meter = (statement: D1Statement, result: unknown): MeteredStatement => {
  const meta = (result as Partial<D1Result> | undefined)?.meta;
  return {
    ...statement,
    rowsRead: meta?.rows_read ?? Number.NaN,
    rowsWritten: meta?.rows_written ?? Number.NaN,
  };
};

const isQuery = (sql: string) => /^\s*select\b/i.test(sql);

export interface InterceptOptions {
  /** Changes the text of a statement before it is prepared. */
  readonly rewrite?: (sql: string, constraint: string | undefined) => string;
}

/**
 * Returns a D1 binding that passes each trip to `intercept` and returns its result to the caller. All other wrappers of D1 in the tests and
 * the benchmark are built on it.
 */
export function interceptD1(
  db: Pick<D1Database, "withSession">,
  intercept: (trip: D1Trip) => Promise<unknown>,
  { rewrite = (sql) => sql }: InterceptOptions = {},
): D1Database {
  const originals = new WeakMap<
    object,
    { readonly original: D1PreparedStatement; readonly sent: D1Statement }
  >();

  const wrapStatement = (
    original: D1PreparedStatement,
    sent: D1Statement,
    constraint: string | undefined,
  ): D1PreparedStatement => {
    const wrapped = new Proxy(original, {
      get(target, name) {
        if (name === "bind")
          return (...values: unknown[]) =>
            wrapStatement(target.bind(...values), { ...sent, values }, constraint);
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const run = async () => value.apply(target, args);
          const runMetered = async () => {
            const reportsCost = name === "all" || name === "run";
            const metering = !reportsCost && isQuery(sent.sql) ? await target.all() : undefined;
            const result = await run();
            return { result, metered: [meter(sent, reportsCost ? result : metering)] };
          };
          const trip = { kind: "single", constraint, statements: [sent], sql: [sent.sql] } as const;
          return intercept({ ...trip, run, runAndRollBack: run, runMetered });
        };
      },
    });
    originals.set(wrapped, { original, sent });
    return wrapped;
  };

  const interceptBatch = (target: D1DatabaseSession, batch: D1PreparedStatement[], constraint?: string) => {
    const known = batch.map((wrapped) => {
      const one = originals.get(wrapped);
      if (one === undefined) throw new Error("A batch has a statement that this binding has not prepared");
      return one;
    });
    const unwrapped = known.map(({ original }) => original);
    const statements = known.map(({ sent }) => sent);
    const run = () => target.batch(unwrapped);
    return intercept({
      kind: "batch",
      constraint,
      statements,
      sql: statements.map(({ sql }) => sql),
      run,
      runAndRollBack: () => target.batch([...unwrapped, target.prepare(failingSql)]),
      async runMetered() {
        const result = await run();
        return { result, metered: statements.map((statement, index) => meter(statement, result[index])) };
      },
    });
  };

  const wrap = <T extends object>(session: T, constraint?: string): T =>
    new Proxy(session, {
      get(target, name) {
        if (name === "prepare") {
          return (sql: string) => {
            const text = rewrite(sql, constraint);
            const original = (target as unknown as D1DatabaseSession).prepare(text);
            return wrapStatement(original, { sql: text, values: [] }, constraint);
          };
        }
        if (name === "withSession") {
          return (chosen?: string) => wrap((target as unknown as D1Database).withSession(chosen), chosen);
        }
        if (name === "batch") {
          return (batch: D1PreparedStatement[]) =>
            interceptBatch(target as unknown as D1DatabaseSession, batch, constraint);
        }
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return wrap(db) as D1Database;
}

/** What happens before or after a trip. */
type AtTrip = (trip: D1Trip) => Promise<void> | void;

/** A D1 binding that calls these functions before and after each trip. When one of them throws, the trip fails. */
export function tapD1(db: D1Database, beforeTrip: AtTrip, afterTrip: AtTrip = () => {}): D1Database {
  return interceptD1(db, async (trip) => {
    await beforeTrip(trip);
    const result = await trip.run();
    await afterTrip(trip);
    return result;
  });
}

/** Numbers of trips. */
export interface Trips {
  reads: number;
  batches: number;
}

/** Counts the trips. A single statement counts as a read: before the response, the Worker writes in batches only. */
export function countTrips(db: D1Database): { db: D1Database; trips: Trips } {
  const trips = { reads: 0, batches: 0 };
  const counting = tapD1(db, ({ kind }) => {
    if (kind === "batch") trips.batches += 1;
    else trips.reads += 1;
  });
  return { db: counting, trips };
}

/** Trips and rows, as D1 counts and bills them. */
export interface D1Cost {
  trips: number;
  rowsRead: number;
  rowsWritten: number;
}

/** Adds the cost of each trip to `cost`. A single query is run twice for it. */
export function countRows(db: D1Database, cost: D1Cost): D1Database {
  return interceptD1(db, async (trip) => {
    const { result, metered } = await trip.runMetered();
    cost.trips += 1;
    for (const { rowsRead, rowsWritten } of metered) {
      cost.rowsRead += rowsRead;
      cost.rowsWritten += rowsWritten;
    }
    return result;
  });
}

/** Records the text of every statement, by trip and in order. */
export function recordStatements(db: D1Database): { db: D1Database; trips: string[][] } {
  const trips: string[][] = [];
  const recording = tapD1(db, ({ sql }) => {
    trips.push([...sql]);
  });
  return { db: recording, trips };
}

/**
 * A D1 binding with a higher latency. The local database answers so fast that it hides races.
 *
 * @param milliseconds how much longer each trip takes. With 0 the binding is returned as it is
 */
export function delayD1(db: D1Database, milliseconds: number): D1Database {
  if (milliseconds === 0) return db;
  return tapD1(db, () => new Promise((resolve) => setTimeout(resolve, milliseconds)));
}

/** A database whose batches wait. */
export interface HeldDatabase {
  readonly db: D1Database;
  /** Resolves when the first batch waits. */
  readonly reached: Promise<void>;
  /** Runs the waiting batches, and stops holding. */
  release(): void;
}

/** Holds every batch until `release`: what the Worker has read before it may be out of date when the batch runs. */
export function holdBatches(db: D1Database): HeldDatabase {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const held = tapD1(db, ({ kind }) => {
    if (kind === "single") return;
    reach();
    return released;
  });
  return { db: held, reached, release };
}

const copiedTables = [
  "users",
  "sessions",
  "throttles",
  "api_keys",
  "idempotency_keys",
  "audit_events",
] as const;

/** A D1 binding with a replica that is behind: a session "first-unconstrained" reads what is stored now, and no later write. */
export async function freezeReplica(db: D1Database): Promise<D1Database> {
  for (const table of copiedTables) {
    await db.prepare(`DROP TABLE IF EXISTS "copy_of_${table}"`).run();
    await db.prepare(`CREATE TABLE "copy_of_${table}" AS SELECT * FROM "${table}"`).run();
  }
  const names = new RegExp(`"(${copiedTables.join("|")})"`, "g");
  return interceptD1(db, ({ run }) => run(), {
    rewrite: (sql, constraint) =>
      constraint === "first-unconstrained" ? sql.replace(names, '"copy_of_$1"') : sql,
  });
}

/** Fails at every trip. */
export function failAlways(db: D1Database): D1Database {
  return tapD1(db, fail);
}

/** Fails at every batch, before it runs. Single statements succeed. */
export function failBatches(db: D1Database): D1Database {
  return tapD1(db, ({ kind }) => {
    if (kind === "batch") fail();
  });
}

/** Fails after every batch has run: D1 has stored it, and its response is lost. */
export function loseResponses(db: D1Database): D1Database {
  return tapD1(
    db,
    () => {},
    ({ kind }) => {
      if (kind === "batch") fail();
    },
  );
}

function fail(): never {
  throw new Error("D1_ERROR: injected failure: SELECT secret FROM users");
}
