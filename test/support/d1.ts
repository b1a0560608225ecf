/** What reaches D1: every call that is one trip. */
export interface Trips {
  reads: number;
  batches: number;
}

/** Something that happens at each trip, before it is made. */
type BeforeTrip = (kind: "read" | "batch") => Promise<void> | void;

/**
 * A D1 binding that lets a test see, slow down or break every trip. It wraps the real one: a `batch` is one
 * trip, and so is every other statement that is run.
 */
export function tapD1(db: D1Database, beforeTrip: BeforeTrip): D1Database {
  const statements = new WeakMap<object, D1PreparedStatement>();
  const tapStatement = (statement: D1PreparedStatement): D1PreparedStatement => {
    const tapped = new Proxy(statement, {
      get(target, name) {
        if (name === "bind") return (...values: unknown[]) => tapStatement(target.bind(...values));
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          await beforeTrip("read");
          return value.apply(target, args);
        };
      },
    });
    statements.set(tapped, statement);
    return tapped;
  };
  const tapSession = <T extends D1Database | D1DatabaseSession>(session: T): T =>
    new Proxy(session, {
      get(target, name) {
        if (name === "prepare") return (sql: string) => tapStatement(target.prepare(sql));
        if (name === "withSession") {
          return (constraint?: string) => tapSession((target as D1Database).withSession(constraint));
        }
        if (name === "batch") {
          return async (batch: D1PreparedStatement[]) => {
            await beforeTrip("batch");
            return target.batch(batch.map((statement) => statements.get(statement) ?? statement));
          };
        }
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return tapSession(db);
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

/** Takes this many milliseconds longer for every trip, because the local database is so near that it hides races. */
export function slowDown(db: D1Database, milliseconds: number): D1Database {
  return tapD1(db, () => new Promise((resolve) => setTimeout(resolve, milliseconds)));
}

/** Fails at every trip. */
export function failAlways(db: D1Database): D1Database {
  return tapD1(db, () => {
    throw new Error("D1_ERROR: injected failure: SELECT secret FROM users");
  });
}
