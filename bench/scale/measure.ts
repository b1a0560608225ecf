import { type BenchAccount, codeOf, createAccounts } from "../fixtures/accounts.ts";
import { spreadOf } from "../rounds.ts";
import type { Costs, JobCost, OperationCost, RowBytes, RowsLeft, TripCost } from "./costs.ts";
import { copyRow, endedSession, idleThrottle, newUser, oldEvent } from "./fill.ts";
import { type MeteredWorker, startMeteredWorker } from "./metered-worker.ts";
import type { Metered, MeteredStatement, MeteredTrip } from "./worker/meter.ts";

const rounds = 30;
const operations = ["signIn", "verify", "recheck", "wrongPassword", "backendVerify"] as const;
type Operation = (typeof operations)[number];

/** More rows than one run of the hourly job removes from a table, and enough to measure the mean size of a row. */
const copies = 50_600;

/**
 * Measures the cost of each call with the real Worker on local D1. Rows, statements and trips are counts, and the same in every
 * run; weights are times, from the fastest of many rounds in which all operations alternate.
 *
 * @throws Error when the cost of an operation differs between rounds
 */
export async function measureCosts(): Promise<Costs> {
  const worker = await startMeteredWorker();
  try {
    const metered = await runOperations(worker);
    const unit = minMilliseconds(metered.verify.map(({ trips }) => lastOf(trips)));
    const [signIn, verify, recheck, wrongPassword, backendVerify] = operations.map((operation) =>
      toOperationCost(operation, metered[operation], unit),
    ) as [OperationCost, OperationCost, OperationCost, OperationCost, OperationCost];
    const bytes = await measureBytes(worker);
    const job = await measureJob(worker, unit);
    return { signIn, verify, recheck, wrongPassword, backendVerify, job, bytes };
  } finally {
    await worker.stop();
  }
}

/** Each round uses another network, so that the failure counters of networks do not interfere. */
const from = (index: number) => ({ "CF-Connecting-IP": `198.51.${Math.floor(index / 250)}.${index % 250}` });

async function runOperations(worker: MeteredWorker): Promise<Record<Operation, Metered[]>> {
  const { db, keyring, adminKey, send } = worker;
  // Three accounts per round: a code is accepted once, and a correct password would reset the failure of the wrong password.
  const accounts = await createAccounts(db, keyring, 3 * (rounds + 1));
  const name = { name: "scale", scopes: ["verify"] };
  const { json } = await send("/v1/api-keys?realm=local", { body: name, token: adminKey });
  const { key } = (json as { data: { key: string } }).data;
  const metered: Record<Operation, Metered[]> = {
    signIn: [],
    verify: [],
    recheck: [],
    wrongPassword: [],
    backendVerify: [],
  };
  // The first round warms up caches. Its costs are discarded.
  for (let round = 0; round <= rounds; round += 1) {
    const [own, other, third] = accounts.slice(3 * round) as [BenchAccount, BenchAccount, BenchAccount];
    const costs = await runRound(worker, { own, other, third, key, headers: from(round) });
    if (round > 0) for (const operation of operations) metered[operation].push(costs[operation]);
  }
  return metered;
}

interface Round {
  readonly own: BenchAccount;
  readonly other: BenchAccount;
  readonly third: BenchAccount;
  /** An API key with the scope `verify`. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function runRound({ send }: MeteredWorker, { own, other, third, key, headers }: Round) {
  const token = (json: unknown) => (json as { session_token: string }).session_token;
  const { username, password } = own;
  const signIn = await send("/login", { body: { username, password }, headers });
  const code = { session_token: token(signIn.json), code: await freshCode(own) };
  const verify = await send("/totp/verify", { body: code, headers });
  const recheck = await send("/auth-request", {
    headers: {
      ...headers,
      Cookie: `__Host-sallyport=${token(verify.json)}`,
      "X-Original-Method": "GET",
      "X-Original-URL": "/",
    },
  });
  const wrong = { username: other.username, password: "not the password" };
  const wrongPassword = await send("/login", { body: wrong, headers, status: 401 });
  const path = `/v1/users/${third.id}/verify`;
  const backendVerify = await send(path, { body: { code: await freshCode(third) }, token: key, headers });
  return {
    signIn: signIn.metered,
    verify: verify.metered,
    recheck: recheck.metered,
    wrongPassword: wrongPassword.metered,
    backendVerify: backendVerify.metered,
  };
}

const freshCode = ({ secret }: BenchAccount) => codeOf(secret, new Date());

function toOperationCost(operation: Operation, rounds: readonly Metered[], unit: number): OperationCost {
  const shapes = new Set(rounds.map(shapeOf));
  const [first] = rounds;
  if (first === undefined || shapes.size !== 1)
    throw new Error(`${operation} does not cost the same each time:\n${[...shapes].join("\n")}`);
  const trips = first.trips.map(({ kind, statements }, index): TripCost => {
    const times = rounds.flatMap(({ trips }) => trips[index] ?? []);
    return {
      kind,
      statements: statements.length,
      rowsRead: sum(statements, ({ rowsRead }) => rowsRead),
      rowsWritten: sum(statements, ({ rowsWritten }) => rowsWritten),
      weight: minMilliseconds(times) / unit,
    };
  });
  const statements = first.trips.flatMap((trip) => trip.statements);
  return { trips, kvKeysRead: first.kvKeysRead, leaves: rowsLeft(statements) };
}

/** The values that must be equal in every round. */
const shapeOf = ({ trips, kvKeysRead }: Metered) =>
  JSON.stringify([
    kvKeysRead,
    ...trips.map(({ kind, statements }) => [
      kind,
      ...statements.map(({ rowsRead, rowsWritten }) => `${rowsRead}/${rowsWritten}`),
    ]),
  ]);

function rowsLeft(statements: readonly MeteredStatement[]): RowsLeft {
  const changed = statements.filter(({ rowsWritten }) => rowsWritten > 0);
  const count = (verb: string, table: string) =>
    changed.filter(({ sql }) => sql.toLowerCase().startsWith(`${verb} "${table}"`)).length;
  const left = (table: string) => count("insert into", table) - count("delete from", table);
  return { sessions: left("sessions"), events: left("audit_events"), throttles: left("throttles") };
}

async function measureBytes({ db }: MeteredWorker): Promise<RowBytes> {
  await db.prepare("DELETE FROM sessions WHERE kind <> 'full'").run();
  return {
    user: await copyRow(db, "users", newUser, copies),
    session: await copyRow(db, "sessions", endedSession, copies),
    event: await copyRow(db, "audit_events", oldEvent, copies),
  };
}

/** Measures the hourly job. `measureBytes` has already inserted the expired rows, except the counters. */
async function measureJob({ db, send }: MeteredWorker, unit: number): Promise<JobCost> {
  await copyRow(db, "throttles", idleThrottle, copies);
  const { trips } = (await send("/hourly")).metered;
  const tables = ["sessions", "audit_events", "throttles"] as const;
  const total = (table: (typeof tables)[number], of: keyof Omit<MeteredStatement, "sql">) =>
    sum(
      trips.flatMap(({ statements }) =>
        statements.filter(({ sql }) => sql.startsWith(`delete from "${table}"`)),
      ),
      (statement) => statement[of],
    );
  const removed = await Promise.all(tables.map(async (table) => copies - (await countEnded(db, table))));
  const [sessions = 0, events = 0, throttles = 0] = removed;
  if (sessions !== events || sessions >= copies) throw new Error(`The job has removed ${removed.join(", ")}`);
  const perRow = (of: keyof Omit<MeteredStatement, "sql">): RowsLeft => ({
    sessions: total("sessions", of) / sessions,
    events: total("audit_events", of) / events,
    throttles: total("throttles", of) / throttles,
  });
  return {
    maxRowsPerTable: sessions,
    rowsPerChunk: sessions / trips.length,
    // The lower quartile, not the minimum: the last batches read nearly empty pages.
    chunkWeight: spreadOf(trips.map(({ milliseconds }) => milliseconds)).low / unit,
    rowsWritten: perRow("rowsWritten"),
    rowsRead: perRow("rowsRead"),
  };
}

const ends = { sessions: "expires_at", audit_events: "at", throttles: "window_ends_at" } as const;

async function countEnded(db: D1Database, table: keyof typeof ends): Promise<number> {
  const query = `SELECT count(*) AS ended FROM ${table} WHERE ${ends[table]} <= ${copies}`;
  return Number(await db.prepare(query).first("ended"));
}

/** The fastest round, because other work of the machine slows the other rounds down. */
const minMilliseconds = (trips: readonly MeteredTrip[]): number =>
  Math.min(...trips.map(({ milliseconds }) => milliseconds));

function lastOf<T>(values: readonly T[]): T {
  const last = values.at(-1);
  if (last === undefined) throw new Error("There is nothing");
  return last;
}

const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((total, value) => total + of(value), 0);
