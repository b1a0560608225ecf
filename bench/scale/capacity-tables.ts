import type { Section, Table } from "../report.ts";
import { defaults, type Habits, habits, headroom, type Settings } from "./assumptions.ts";
import type { Costs } from "./costs.ts";
import { capacityOf, frequencies, loadOf, primaryTrips } from "./model.ts";
import { arrivalsAt, createRandom, meanWait, simulateQueue } from "./queue.ts";
import { about, milliseconds, percent } from "./show.ts";

/** Assumed times for which a verify batch occupies a database. The value in production was not measured. */
export const batchMilliseconds = [1, 2, 5] as const;

const retentions = [400, 90, 30] as const;
const seed = 1;
const calls = 1_000_000;
/** The time from a response to the next batch of the hourly job. The cron trigger may run far away from the database. */
const jobPauseMilliseconds = 5;

/** Returns the number of users per database, and the waiting time of calls. */
export function capacitySection(costs: Costs): Section {
  return {
    title: "One database",
    tables: [byTime(costs), bySize(costs), signInsPerSecond(costs), waiting(costs), waitingForJob(costs)],
    notes: [],
    verdicts: [],
  };
}

const capacity = (costs: Costs, habits: Habits, settings: Partial<Settings>, batch: number) =>
  capacityOf({
    costs,
    habits,
    settings: { ...defaults, ...settings },
    headroom,
    batchMilliseconds: batch,
  });

function byTime(costs: Costs): Table {
  const variants: readonly (readonly [string, Partial<Settings>])[] = [
    ["", {}],
    [", reads at replicas", { replicas: true }],
    [", `SESSION_RECHECK` 300 s", { recheckSeconds: 300 }],
  ];
  return {
    heading: [
      `users until the thread is ${percent(headroom.utilisation)} busy at peak`,
      ...batchMilliseconds.map((batch) => `${batch} ms a batch`),
    ],
    rows: habits.flatMap((some) =>
      variants
        .filter(([, { recheckSeconds }]) => recheckSeconds === undefined || some.activeMinutesPerSignIn > 0)
        .map(([name, settings]) => [
          some.name + name,
          ...batchMilliseconds.map((batch) => about(capacity(costs, some, settings, batch).byTime)),
        ]),
    ),
  };
}

function bySize(costs: Costs): Table {
  return {
    heading: [
      `users until ${headroom.bytes / 1e9} GB, events kept for`,
      ...retentions.map((days) => `${days} days`),
      "users until the hourly job falls behind",
    ],
    rows: habits.map((some) => [
      some.name,
      ...retentions.map((auditRetentionDays) =>
        about(capacity(costs, some, { auditRetentionDays }, 1).bySize),
      ),
      about(capacity(costs, some, {}, 1).byJob),
    ]),
  };
}

/** Counts only sign-ins with both factors, for a comparison with other figures. */
function signInsPerSecond(costs: Costs): Table {
  const only: Habits = {
    name: "",
    signInsPerUserPerDay: 1,
    activeMinutesPerSignIn: 0,
    wrongPasswordsPerSignIn: 0,
    backendVerifiesPerUserPerDay: 0,
    peakFactor: 1,
  };
  const perSecond = (settings: Settings, batch: number, utilisation: number) =>
    about(
      utilisation /
        loadOf(86_400, { costs, habits: only, settings, headroom, batchMilliseconds: batch })
          .utilisationOfOne,
    );
  return {
    heading: [
      "sign-ins a second, with both factors and no other calls",
      ...batchMilliseconds.map((batch) => `${batch} ms a batch`),
    ],
    rows: [false, true].flatMap((replicas) =>
      [headroom.utilisation, 1].map((utilisation) => [
        `${percent(utilisation)} busy${replicas ? ", reads at replicas" : ""}`,
        ...batchMilliseconds.map((batch) => perSecond({ ...defaults, replicas }, batch, utilisation)),
      ]),
    ),
  };
}

const someTrips = (costs: Costs) => {
  const [consumers] = habits;
  if (consumers === undefined) throw new Error("There are no habits");
  return primaryTrips(frequencies(costs, consumers, defaults), defaults);
};

function waiting(costs: Costs): Table {
  const random = createRandom(seed);
  return {
    heading: [
      "busy",
      "mean wait by formula, batches",
      "simulated, batches",
      ...batchMilliseconds.map((batch) => `p50 / p99 at ${batch} ms`),
    ],
    rows: [0.1, 0.3, 0.5, 0.7, 0.8, 0.9].map((utilisation) => {
      const arrivals = arrivalsAt(someTrips(costs), utilisation);
      const { mean, p50, p99 } = simulateQueue(arrivals, calls, random);
      return [
        percent(utilisation),
        meanWait(arrivals).toFixed(2),
        mean.toFixed(2),
        ...batchMilliseconds.map((batch) => showWaits(p50, p99, batch)),
      ];
    }),
  };
}

function waitingForJob(costs: Costs): Table {
  const random = createRandom(seed);
  const weight = costs.job.chunkWeight;
  return {
    heading: [
      "busy, while the hourly job runs",
      ...batchMilliseconds.map((each) => `p50 / p99 at ${each} ms`),
    ],
    rows: [0.1, 0.3, 0.5, 0.7].map((utilisation) => [
      percent(utilisation),
      ...batchMilliseconds.map((batch) => {
        const job = { weight, pause: jobPauseMilliseconds / batch };
        const arrivals = arrivalsAt(someTrips(costs), utilisation);
        const { p50, p99 } = simulateQueue(arrivals, calls, random, job);
        return showWaits(p50, p99, batch);
      }),
    ]),
  };
}

const showWaits = (p50: number, p99: number, batch: number): string =>
  `${milliseconds(p50 * batch)} / ${milliseconds(p99 * batch)}`;
