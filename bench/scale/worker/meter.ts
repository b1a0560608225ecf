/** The bindings of Sallyport that are metered. */
interface Stores {
  readonly DB: D1Database;
  readonly BLOCKS: KVNamespace;
}

/** What one statement cost, as D1 counts it. */
export interface MeteredStatement {
  readonly sql: string;
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** One call to D1. */
export interface MeteredTrip {
  readonly kind: "read" | "batch";
  readonly statements: readonly MeteredStatement[];
  /** There and back, the mean of several times. */
  readonly milliseconds: number;
}

/** What went out since the last time that somebody asked. */
export interface Metered {
  readonly trips: readonly MeteredTrip[];
  readonly kvKeysRead: number;
}

let trips: MeteredTrip[] = [];
let kvKeysRead = 0;

const toMetered = (sql: string, { meta }: D1Result): MeteredStatement => ({
  sql,
  rowsRead: meta.rows_read,
  rowsWritten: meta.rows_written,
});

const bare = new WeakMap<object, { readonly statement: D1PreparedStatement; readonly sql: string }>();

/** The clock of workerd has no finer steps than a millisecond, so what is timed is done until this is over. */
const longEnoughMilliseconds = 20;

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let [runs, elapsed] = [0, 0];
  while (elapsed < longEnoughMilliseconds) {
    await run();
    runs += 1;
    elapsed = performance.now() - startedAt;
  }
  return elapsed / runs;
}

/**
 * A statement that is run alone. A query is run again to be timed, and because its rows don't say what they cost; what
 * changes something alone is not waited for, and not metered.
 */
function meterStatement(statement: D1PreparedStatement, sql: string): D1PreparedStatement {
  const metered = new Proxy(statement, {
    get(target, name) {
      if (name === "bind") return (...values: unknown[]) => meterStatement(target.bind(...values), sql);
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        if (!/^select /i.test(sql)) return value.apply(target, args);
        const milliseconds = await timeOf(() => value.apply(target, args));
        trips.push({ kind: "read", statements: [toMetered(sql, await target.all())], milliseconds });
        return value.apply(target, args);
      };
    },
  });
  bare.set(metered, { statement, sql });
  return metered;
}

/** Behind a batch, it has D1 take everything back. */
const impossible = "INSERT INTO audit_events (id) VALUES (NULL)";

function meterSession(session: D1DatabaseSession): D1DatabaseSession {
  return new Proxy(session, {
    get(target, name) {
      if (name === "prepare") return (sql: string) => meterStatement(target.prepare(sql), sql);
      if (name !== "batch") return Reflect.get(target, name);
      return async (batch: D1PreparedStatement[]) => {
        const known = batch.map((metered) => bare.get(metered) ?? { statement: metered, sql: "" });
        const statements = known.map(({ statement }) => statement);
        // In vain first, so that what it finds each time is what it finds when it is meant.
        const inVain = [...statements, target.prepare(impossible)];
        const milliseconds = await timeOf(() => target.batch(inVain).catch(() => {}));
        const results = await target.batch(statements);
        const counted = results.map((result, index) => toMetered(known[index]?.sql ?? "", result));
        trips.push({ kind: "batch", statements: counted, milliseconds });
        return results;
      };
    },
  });
}

/** Sallyport calls the database through sessions only. */
const meterDatabase = (db: D1Database): D1Database =>
  new Proxy(db, {
    get(target, name) {
      if (name === "withSession") return (at?: string) => meterSession(target.withSession(at));
      return Reflect.get(target, name);
    },
  });

const meterNamespace = (namespace: KVNamespace): KVNamespace =>
  new Proxy(namespace, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (name === "get") kvKeysRead += Array.isArray(args[0]) ? args[0].length : 1;
        return value.apply(target, args);
      };
    },
  });

const meters = new WeakMap<Stores, Stores>();

/** One for each isolate: the Worker keeps its configuration by it. */
function metered(env: Stores): Stores {
  const known = meters.get(env) ?? {
    ...env,
    DB: meterDatabase(env.DB),
    BLOCKS: meterNamespace(env.BLOCKS),
  };
  meters.set(env, known);
  return known;
}

/** Puts a meter on a Worker's stores. `GET /metered` hands out what has been counted; `POST /hourly` is the cron. */
export function meter(
  worker: Required<Pick<ExportedHandler<Stores>, "fetch" | "scheduled">>,
): ExportedHandler<Stores> {
  return {
    async fetch(request, env, context) {
      const { pathname } = new URL(request.url);
      if (pathname === "/hourly") {
        const event = { scheduledTime: Date.now(), cron: "", noRetry: () => {} } as ScheduledController;
        await worker.scheduled(event, metered(env), context);
        return new Response(null);
      }
      if (pathname !== "/metered") return worker.fetch(request, metered(env), context);
      const counted: Metered = { trips, kvKeysRead };
      [trips, kvKeysRead] = [[], 0];
      return Response.json(counted);
    },
  };
}
