/** What reaches D1: every call that is one trip. */
export interface Trips {
  reads: number;
  batches: number;
}

/** Something that happens at each trip, before or after it is made. `sql` is the text of its statements. */
type AtTrip = (kind: "read" | "batch", sql: readonly string[]) => Promise<void> | void;

/** One trip to D1, on its way. */
export interface D1Trip {
  readonly kind: "read" | "batch";
  /** The text of its statements. */
  readonly sql: readonly string[];
  /** Makes it. */
  run(): Promise<unknown>;
  /** A batch that does all that it should, and then fails: D1 takes everything back. */
  runInVain(): Promise<unknown>;
}

/** A statement that no schema allows. */
const impossible = "INSERT INTO audit_events (id) VALUES (NULL)";

/**
 * A D1 binding that hands every trip to `intercept`, whose result takes the place of the answer. It wraps the real
 * one: a `batch` is one trip, and so is every other statement that is run.
 */
export function interceptD1(db: D1Database, intercept: (trip: D1Trip) => Promise<unknown>): D1Database {
  const statements = new WeakMap<object, { statement: D1PreparedStatement; sql: string }>();
  const tapStatement = (statement: D1PreparedStatement, sql: string): D1PreparedStatement => {
    const tapped = new Proxy(statement, {
      get(target, name) {
        if (name === "bind") return (...values: unknown[]) => tapStatement(target.bind(...values), sql);
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const run = async () => value.apply(target, args);
          return intercept({ kind: "read", sql: [sql], run, runInVain: run });
        };
      },
    });
    statements.set(tapped, { statement, sql });
    return tapped;
  };
  const tapSession = <T extends D1Database | D1DatabaseSession>(session: T): T =>
    new Proxy(session, {
      get(target, name) {
        if (name === "prepare") return (sql: string) => tapStatement(target.prepare(sql), sql);
        if (name === "withSession") {
          return (constraint?: string) => tapSession((target as D1Database).withSession(constraint));
        }
        if (name === "batch") {
          return (batch: D1PreparedStatement[]) => {
            const known = batch.map((tapped) => statements.get(tapped) ?? { statement: tapped, sql: "" });
            const bare = known.map(({ statement }) => statement);
            return intercept({
              kind: "batch",
              sql: known.map(({ sql }) => sql),
              run: () => target.batch(bare),
              runInVain: () => target.batch([...bare, target.prepare(impossible)]),
            });
          };
        }
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return tapSession(db);
}

/** A D1 binding that lets a test see, slow down or break every trip, before or after it is made. */
export function tapD1(db: D1Database, beforeTrip: AtTrip, afterTrip: AtTrip = () => {}): D1Database {
  return interceptD1(db, async ({ kind, sql, run }) => {
    await beforeTrip(kind, sql);
    const result = await run();
    await afterTrip(kind, sql);
    return result;
  });
}

/** Counts the trips. Single statements count as reads: nothing in the Worker writes outside a batch on its way. */
export function countTrips(db: D1Database): { db: D1Database; trips: Trips } {
  const trips = { reads: 0, batches: 0 };
  const tapped = tapD1(db, (kind) => {
    if (kind === "batch") trips.batches += 1;
    else trips.reads += 1;
  });
  return { db: tapped, trips };
}

/**
 * Counts the rows that the statements read, as D1 counts and bills them. What is read alone is read twice for it: a
 * statement whose rows are asked for plainly does not say.
 */
export function countRowsRead(db: D1Database): { db: D1Database; rows: { read: number } } {
  const rows = { read: 0 };
  const originals = new WeakMap<object, D1PreparedStatement>();
  const count = (result: D1Result) => {
    rows.read += result.meta.rows_read;
  };
  const countStatement = (statement: D1PreparedStatement, isRead: boolean): D1PreparedStatement => {
    const counted = new Proxy(statement, {
      get(target, name) {
        if (name === "bind") return (...values: unknown[]) => countStatement(target.bind(...values), isRead);
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          if (isRead) count(await target.all());
          return value.apply(target, args);
        };
      },
    });
    originals.set(counted, statement);
    return counted;
  };
  const countSession = (session: D1DatabaseSession): D1DatabaseSession =>
    new Proxy(session, {
      get(target, name) {
        if (name === "prepare")
          return (sql: string) => countStatement(target.prepare(sql), /^select /i.test(sql));
        if (name === "batch") {
          return async (batch: D1PreparedStatement[]) => {
            const results = await target.batch(batch.map((counted) => originals.get(counted) ?? counted));
            results.forEach(count);
            return results;
          };
        }
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const counting = new Proxy(db, {
    get(target, name) {
      if (name === "withSession")
        return (constraint?: string) => countSession(target.withSession(constraint));
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { db: counting, rows };
}

/** Writes down the text of every statement, by trip and in order. */
export function recordStatements(db: D1Database): { db: D1Database; trips: string[][] } {
  const trips: string[][] = [];
  const tapped = tapD1(db, (_kind, sql) => {
    trips.push([...sql]);
  });
  return { db: tapped, trips };
}

/** Takes this many milliseconds longer for every trip, because the local database is so near that it hides races. */
export function slowDown(db: D1Database, milliseconds: number): D1Database {
  return tapD1(db, () => new Promise((resolve) => setTimeout(resolve, milliseconds)));
}

/** A database whose batches wait. */
export interface HeldDatabase {
  readonly db: D1Database;
  /** Settles when a batch waits, everything before it having been done. */
  readonly reached: Promise<void>;
  /** Lets the batches go. */
  release(): void;
}

/** Holds every batch back until it is told to let go: what was read by then is old when the batch is run. */
export function holdBatches(db: D1Database): HeldDatabase {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const held = tapD1(db, (kind) => {
    if (kind === "read") return;
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

/**
 * A D1 binding whose nearest copy stands still from now on, as a replica does that is behind: what is read there
 * is what is there now. The primary goes on.
 */
export async function freezeNearestCopy(db: D1Database): Promise<D1Database> {
  for (const table of copiedTables) {
    await db.prepare(`DROP TABLE IF EXISTS "copy_of_${table}"`).run();
    await db.prepare(`CREATE TABLE "copy_of_${table}" AS SELECT * FROM "${table}"`).run();
  }
  const names = new RegExp(`"(${copiedTables.join("|")})"`, "g");
  const readCopy = (session: D1DatabaseSession): D1DatabaseSession =>
    new Proxy(session, {
      get(target, name) {
        if (name === "prepare") return (sql: string) => target.prepare(sql.replace(names, '"copy_of_$1"'));
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return new Proxy(db, {
    get(target, name) {
      if (name === "withSession") {
        return (constraint?: string) => {
          const session = target.withSession(constraint);
          return constraint === "first-unconstrained" ? readCopy(session) : session;
        };
      }
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Fails at every trip. */
export function failAlways(db: D1Database): D1Database {
  return tapD1(db, fail);
}

/** Fails at every batch, after the reads have gone well. */
export function failBatches(db: D1Database): D1Database {
  return tapD1(db, (kind) => {
    if (kind === "batch") fail();
  });
}

/** Fails after every batch, which has been done: its answer is lost on the way back. */
export function loseAnswers(db: D1Database): D1Database {
  return tapD1(
    db,
    () => {},
    (kind) => {
      if (kind === "batch") fail();
    },
  );
}

function fail(): never {
  throw new Error("D1_ERROR: injected failure: SELECT secret FROM users");
}
