import type { Habits, Headroom, Settings } from "./assumptions.ts";
import type { Costs, OperationCost, TripCost } from "./costs.ts";

const daySeconds = 86_400;

/** The frequency of an operation, per user and day. */
export interface Frequency {
  readonly operation: OperationCost;
  readonly perUserPerDay: number;
}

/** Returns the operations of a user on a mean day. */
export function frequencies(
  costs: Costs,
  habits: Habits,
  { recheckSeconds }: Pick<Settings, "recheckSeconds">,
): Frequency[] {
  const signIns = habits.signInsPerUserPerDay;
  const rechecks = (signIns * habits.activeMinutesPerSignIn * 60) / recheckSeconds;
  return [
    { operation: costs.signIn, perUserPerDay: signIns },
    { operation: costs.verify, perUserPerDay: signIns },
    { operation: costs.recheck, perUserPerDay: rechecks },
    { operation: costs.wrongPassword, perUserPerDay: signIns * habits.wrongPasswordsPerSignIn },
    { operation: costs.backendVerify, perUserPerDay: habits.backendVerifiesPerUserPerDay },
  ];
}

/** A kind of call to a database with its frequency, per user and day. */
export interface TripFrequency {
  readonly trip: TripCost;
  readonly perUserPerDay: number;
}

/** Returns the calls that only the primary can handle. */
export const primaryTrips = (all: readonly Frequency[], { replicas }: Pick<Settings, "replicas">) =>
  all.flatMap(({ operation, perUserPerDay }) =>
    operation.trips
      .filter(({ kind }) => kind === "batch" || !replicas)
      .map((trip): TripFrequency => ({ trip, perUserPerDay })),
  );

/** Computes the seconds per day for which one user occupies the single thread of a database. */
export const busySecondsPerUserPerDay = (
  trips: readonly TripFrequency[],
  batchMilliseconds: number,
): number =>
  (sum(trips, ({ trip, perUserPerDay }) => trip.weight * perUserPerDay) * batchMilliseconds) / 1000;

/** Computes the rows that one user adds on a mean day, which the hourly job must remove in the long run. */
export const rowsLeftPerUserPerDay = (all: readonly Frequency[]) => {
  const left = (of: keyof OperationCost["leaves"]) =>
    sum(all, ({ operation, perUserPerDay }) => operation.leaves[of] * perUserPerDay);
  return { sessions: left("sessions"), events: left("events"), throttles: left("throttles") };
};

/** Computes the bytes per user when as many rows are removed as are added, which is after `auditRetentionDays`. */
export function bytesPerUser(costs: Costs, all: readonly Frequency[], settings: Settings): number {
  const { bytes } = costs;
  const left = rowsLeftPerUserPerDay(all);
  const sessionDays = (settings.sessionSeconds + 3600) / daySeconds;
  return (
    bytes.user +
    bytes.session * left.sessions * sessionDays +
    bytes.event * left.events * settings.auditRetentionDays
  );
}

/** The usage, the settings and the limits of a database. */
export interface Scenario {
  readonly costs: Costs;
  readonly habits: Habits;
  readonly settings: Settings;
  readonly headroom: Headroom;
  /** The time for which a verify batch occupies a database. It was not measured in production. */
  readonly batchMilliseconds: number;
}

/** The maximum number of users per database, by each of its limits. */
export interface Capacity {
  /** The limit by its thread, in the busiest second. */
  readonly byTime: number;
  /** The limit by its size. */
  readonly bySize: number;
  /** The limit by the hourly job: with more users, rows are added faster than they are removed. */
  readonly byJob: number;
}

export function capacityOf(scenario: Scenario): Capacity {
  const { costs, habits, settings, headroom, batchMilliseconds } = scenario;
  const all = frequencies(costs, habits, settings);
  const busy = busySecondsPerUserPerDay(primaryTrips(all, settings), batchMilliseconds);
  const left = rowsLeftPerUserPerDay(all);
  return {
    byTime: (headroom.utilisation * daySeconds) / (busy * habits.peakFactor),
    bySize: headroom.bytes / bytesPerUser(costs, all, settings),
    byJob: (costs.job.maxRowsPerTable * 24) / Math.max(left.sessions, left.events, left.throttles),
  };
}

/** The load of a number of users. */
export interface Load {
  /** Sign-ins with both factors, and codes of a backend, in the busiest second. */
  readonly signInsPerSecond: number;
  /** Calls to primaries, in the busiest second. */
  readonly tripsPerSecond: number;
  /** The utilisation of a single database in the busiest second. Above 1, it cannot serve the load. */
  readonly utilisationOfOne: number;
  readonly bytes: number;
  /** The number of databases for which none exceeds its {@link Capacity}. */
  readonly shards: number;
  /** The utilisation of each of these databases, in the busiest second. */
  readonly utilisationOfEach: number;
}

export function loadOf(users: number, scenario: Scenario): Load {
  const { costs, habits, settings, batchMilliseconds } = scenario;
  const all = frequencies(costs, habits, settings);
  const trips = primaryTrips(all, settings);
  const perSecond = (perUserPerDay: number) => (users * perUserPerDay * habits.peakFactor) / daySeconds;
  const utilisationOfOne = perSecond(busySecondsPerUserPerDay(trips, batchMilliseconds));
  const shards = Math.ceil(users / Math.min(...Object.values(capacityOf(scenario))));
  return {
    signInsPerSecond: perSecond(habits.signInsPerUserPerDay + habits.backendVerifiesPerUserPerDay),
    tripsPerSecond: perSecond(sum(trips, ({ perUserPerDay }) => perUserPerDay)),
    utilisationOfOne,
    bytes: users * bytesPerUser(costs, all, settings),
    shards,
    utilisationOfEach: utilisationOfOne / shards,
  };
}

/** Returns the sum of a figure over values. */
export const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((total, value) => total + of(value), 0);
