import { interceptD1 } from "../../../test/support/d1.ts";

/** The bindings of Sallyport that are metered. */
interface Stores {
  readonly DB: D1Database;
  readonly BLOCKS: KVNamespace;
}

/** The rows that D1 counts and bills for a statement. */
export interface MeteredStatement {
  readonly sql: string;
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** One trip to D1. */
export interface MeteredTrip {
  readonly kind: "read" | "batch";
  readonly statements: readonly MeteredStatement[];
  /** The mean round-trip time of several repetitions. */
  readonly milliseconds: number;
}

/** Calls of the stores since the last `GET /metered`. */
export interface Metered {
  readonly trips: readonly MeteredTrip[];
  readonly kvKeysRead: number;
}

let trips: MeteredTrip[] = [];
let kvKeysRead = 0;

/** workerd's clock counts whole milliseconds, so a trip is repeated until this much time has passed. */
const minTimedMilliseconds = 20;

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let [runs, elapsed] = [0, 0];
  while (elapsed < minTimedMilliseconds) {
    await run();
    runs += 1;
    elapsed = performance.now() - startedAt;
  }
  return elapsed / runs;
}

/**
 * Meters batches and single queries. A single statement that writes is not metered: the Worker does not wait for it. A batch is timed while
 * D1 rolls it back, so that each repetition finds the same rows as the batch that counts.
 */
const meterDatabase = (db: D1Database): D1Database =>
  interceptD1(db, async ({ kind, sql, run, runAndRollBack, runMetered }) => {
    if (kind === "single" && !/^select /i.test(sql[0] ?? "")) return run();
    const milliseconds = await timeOf(kind === "single" ? run : () => runAndRollBack().catch(() => {}));
    const { result, metered: statements } = await runMetered();
    trips.push({
      kind: kind === "single" ? "read" : "batch",
      statements: statements.map(({ sql, rowsRead, rowsWritten }) => ({ sql, rowsRead, rowsWritten })),
      milliseconds,
    });
    return result;
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

/** Returns the same object for the same `env`, because the Worker caches its configuration by the object. */
function metered(env: Stores): Stores {
  const known = meters.get(env) ?? {
    ...env,
    DB: meterDatabase(env.DB),
    BLOCKS: meterNamespace(env.BLOCKS),
  };
  meters.set(env, known);
  return known;
}

/** Wraps a Worker so that its stores are metered. `GET /metered` returns the counts and resets them; `POST /hourly` runs the hourly job. */
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
