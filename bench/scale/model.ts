import type { Habits, Headroom, Settings } from "./assumptions.ts";
import type { Costs, OperationCost, TripCost } from "./costs.ts";

const daySeconds = 86_400;

/** How often something happens, by user and day. */
export interface Frequency {
  readonly operation: OperationCost;
  readonly perUserPerDay: number;
}

/** What one user does on a mean day. */
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

/** A kind of call to a database, and how often it is made by user and day. */
export interface TripFrequency {
  readonly trip: TripCost;
  readonly perUserPerDay: number;
}

/** The calls that only the primary can handle. */
export const primaryTrips = (all: readonly Frequency[], { replicas }: Pick<Settings, "replicas">) =>
  all.flatMap(({ operation, perUserPerDay }) =>
    operation.trips
      .filter(({ kind }) => kind === "batch" || !replicas)
      .map((trip): TripFrequency => ({ trip, perUserPerDay })),
  );

/** Seconds a day for which one user keeps a database's one thread busy. */
export const busySecondsPerUserPerDay = (
  trips: readonly TripFrequency[],
  batchMilliseconds: number,
): number =>
  (sum(trips, ({ trip, perUserPerDay }) => trip.weight * perUserPerDay) * batchMilliseconds) / 1000;

/** Rows that one user leaves behind on a mean day. What is left is what the hour's job removes in the long run. */
export const rowsLeftPerUserPerDay = (all: readonly Frequency[]) => {
  const left = (of: keyof OperationCost["leaves"]) =>
    sum(all, ({ operation, perUserPerDay }) => operation.leaves[of] * perUserPerDay);
  return { sessions: left("sessions"), events: left("events"), throttles: left("throttles") };
};

/** Bytes of a database for one user, when as much is removed as is added: events after `auditRetentionDays`. */
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

/** Who uses it, how it is set up, and how full a database may be. */
export interface Scenario {
  readonly costs: Costs;
  readonly habits: Habits;
  readonly settings: Settings;
  readonly headroom: Headroom;
  /** How long a database is busy with the batch of a verify. It was not measured in production. */
  readonly batchMilliseconds: number;
}

/** How many users one database takes, by each of the limits that it has. */
export interface Capacity {
  /** By its thread, in the busiest second. */
  readonly byTime: number;
  /** By its size. */
  readonly bySize: number;
  /** By what the hour's job can remove: with more, rows are added faster than they go. */
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
    byJob: (costs.job.mostRowsPerTable * 24) / Math.max(left.sessions, left.events, left.throttles),
  };
}

/** The load of a number of users. */
export interface Load {
  /** Sign-ins with both factors, or a backend's codes, in the busiest second. */
  readonly signInsPerSecond: number;
  /** Calls to primaries, in the busiest second. */
  readonly tripsPerSecond: number;
  /** Of one database that had them all, in the busiest second. Above 1: it can't. */
  readonly utilisationOfOne: number;
  readonly bytes: number;
  /** Databases, so that none has more users than its {@link Capacity}. */
  readonly shards: number;
  /** Of one of these databases, in the busiest second. */
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

/** The sum of a figure over values. */
export const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((total, value) => total + of(value), 0);
