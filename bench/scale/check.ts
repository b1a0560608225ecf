import { defaults, habits, headroom } from "./assumptions.ts";
import { billOf } from "./bill.ts";
import type { Costs, OperationCost } from "./costs.ts";
import { capacityOf, frequencies, loadOf, primaryTrips, type Scenario } from "./model.ts";
import { arrivalsAt, createRandom, meanWait, simulateQueue } from "./queue.ts";

/**
 * Checks the model against figures that were computed by hand, and the simulated queue against the formula.
 *
 * @throws Error that describes the difference
 */
export function checkModel(): void {
  checkArithmetic();
  checkQueue();
}

const operation = (weight: number, leaves: Partial<OperationCost["leaves"]> = {}): OperationCost => ({
  trips: [{ kind: "batch", statements: 1, rowsRead: 2, rowsWritten: 10, weight }],
  kvKeysRead: 0,
  leaves: { sessions: 0, events: 0, throttles: 0, ...leaves },
});
const none: OperationCost = { ...operation(0), trips: [] };

/** A sign-in is one batch of 10 rows that creates one event. There are no other calls. */
const plain: Costs = {
  signIn: operation(1, { events: 1 }),
  verify: none,
  recheck: none,
  wrongPassword: none,
  backendVerify: none,
  job: {
    maxRowsPerTable: 50_000,
    rowsPerChunk: 500,
    chunkWeight: 20,
    rowsWritten: { sessions: 1, events: 1, throttles: 1 },
    rowsRead: { sessions: 5, events: 5, throttles: 5 },
  },
  bytes: { user: 1000, session: 400, event: 500 },
};

const daily = {
  name: "once a day",
  signInsPerUserPerDay: 1,
  activeMinutesPerSignIn: 0,
  wrongPasswordsPerSignIn: 0,
  backendVerifiesPerUserPerDay: 0,
  peakFactor: 4,
};

function checkArithmetic(): void {
  const settings = { ...defaults, auditRetentionDays: 400 };
  const scenario: Scenario = {
    costs: plain,
    habits: daily,
    settings,
    headroom,
    batchMilliseconds: 2,
  };
  const { byTime, bySize, byJob } = capacityOf(scenario);
  // Half of 86,400 s, at 2 ms per user, with a peak factor of four.
  expectNear("users by time", byTime, 5_400_000);
  // 1,000 bytes, and 400 events of 500 bytes.
  expectNear("users by size", bySize, 5e9 / 201_000);
  expectNear("users by the job", byJob, 1_200_000);
  const load = loadOf(10_800_000, scenario);
  expectNear("utilisation of one", load.utilisationOfOne, 1);
  expectNear("databases", load.shards, Math.ceil(10_800_000 / (5e9 / 201_000)));
  expectNear("sign-ins per second", load.signInsPerSecond, 500);
  // 304 million sign-ins per month, with 10 rows written and one removed; 2 rows read, and 5 to remove one.
  const { d1 } = billOf(10_000_000, scenario);
  expectNear("rows of D1", d1.rows, 304 * 11 - 50 + 0.001 * Math.max(0, 304 * 7 - 25_000));
  expectNear("storage of D1", d1.storage, ((10_000_000 * 201_000) / 1e9) * 0.75 - 5 * 0.75);
  for (const some of habits) {
    const one = loadOf(1_000_000, { ...scenario, habits: some });
    const two = loadOf(2_000_000, { ...scenario, habits: some });
    expectNear(`twice as many ${some.name}`, two.tripsPerSecond, 2 * one.tripsPerSecond);
  }
}

function checkQueue(): void {
  const all = frequencies(plain, daily, defaults);
  for (const utilisation of [0.1, 0.5, 0.8]) {
    const arrivals = arrivalsAt(primaryTrips(all, defaults), utilisation);
    // Constant service time, M/D/1: utilisation / (2 · (1 − utilisation)).
    expectNear("mean wait by formula", meanWait(arrivals), utilisation / (2 * (1 - utilisation)));
    const { mean } = simulateQueue(arrivals, 1_000_000, createRandom(1));
    expectNear(`mean wait at ${utilisation}`, mean, meanWait(arrivals), 0.03);
  }
}

function expectNear(what: string, found: number, wanted: number, tolerance = 1e-9): void {
  if (Math.abs(found - wanted) > tolerance * Math.abs(wanted))
    throw new Error(`${what}: ${found} instead of ${wanted}`);
}
