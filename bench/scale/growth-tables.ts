import type { Section, Table } from "../report.ts";
import { defaults, type Habits, habits, headroom, type Settings } from "./assumptions.ts";
import { billOf } from "./bill.ts";
import { batchMilliseconds } from "./capacity-tables.ts";
import type { Costs } from "./costs.ts";
import { capacityOf, frequencies, type Load, loadOf, primaryTrips, type Scenario } from "./model.ts";
import { grow, places } from "./placement.ts";
import { arrivalsAt, createRandom, simulateQueue } from "./queue.ts";
import { about, bytes, dollars, milliseconds, percent, whole } from "./show.ts";

const populations = [1e4, 1e5, 1e6, 1e7, 1e8, 1e9] as const;
const middling = 2;
const seed = 1;
const calls = 200_000;

/** Returns the load, number of databases and cost for 10 thousand to 1 billion users. */
export function growthSections(costs: Costs): Section[] {
  const scenario = (some: Habits, settings: Partial<Settings> = {}, batch = middling): Scenario => ({
    costs,
    habits: some,
    settings: { ...defaults, ...settings },
    headroom,
    batchMilliseconds: batch,
  });
  const section = (title: string, tables: readonly Table[]): Section => ({
    title,
    tables,
    notes: [],
    verdicts: [],
  });
  return [
    ...habits.map((some) => section(`Growth: ${some.name}`, [loads(scenario(some)), bills(scenario(some))])),
    section("Databases, by what is not known and what can be chosen", [
      shards((some, batch, auditRetentionDays) => scenario(some, { auditRetentionDays }, batch)),
    ]),
    section("Adding databases", [placement()]),
  ];
}

function loads(scenario: Scenario): Table {
  const random = createRandom(seed);
  const trips = primaryTrips(
    frequencies(scenario.costs, scenario.habits, scenario.settings),
    scenario.settings,
  );
  const p99 = (utilisation: number) => {
    if (utilisation >= 1) return "cannot keep up";
    const wait = simulateQueue(arrivalsAt(trips, utilisation), calls, random).p99;
    return milliseconds(wait * scenario.batchMilliseconds);
  };
  return {
    heading: [
      `users, ${middling} ms a batch`,
      "sign-ins or codes a second at peak",
      "trips a second at peak",
      "stored",
      "one database busy at peak",
      "its p99 wait",
      "databases needed, because of",
      "their p99 wait",
    ],
    rows: populations.map((users) => {
      const load = loadOf(users, scenario);
      return [
        whole(users),
        about(load.signInsPerSecond),
        about(load.tripsPerSecond),
        bytes(load.bytes),
        percent(load.utilisationOfOne),
        p99(load.utilisationOfOne),
        showShards(load, scenario),
        p99(load.utilisationOfEach),
      ];
    }),
  };
}

const limits = { byTime: "time", bySize: "size", byJob: "the job" } as const;

function showShards({ shards }: Load, scenario: Scenario): string {
  if (shards === 1) return "1";
  const capacity = capacityOf(scenario);
  const [least] = (Object.keys(limits) as (keyof typeof limits)[]).sort((a, b) => capacity[a] - capacity[b]);
  return `${about(shards)}, ${least === undefined ? "" : limits[least]}`;
}

function bills(scenario: Scenario): Table {
  return {
    heading: [
      "users, US dollars a month",
      "Worker and KV",
      "D1: rows",
      "D1: storage",
      "Durable Objects: rows",
      "storage",
      "compute",
    ],
    rows: populations.map((users) => {
      const { worker, d1, objects } = billOf(users, scenario);
      return [
        whole(users),
        ...[worker, d1.rows, d1.storage].map(dollars),
        ...[objects.rows, objects.storage, objects.compute].map(dollars),
      ];
    }),
  };
}

function shards(scenarioOf: (some: Habits, batch: number, days: number) => Scenario): Table {
  const cases = [400, 30].flatMap((days) => batchMilliseconds.map((batch) => ({ days, batch })));
  return {
    heading: ["users", ...cases.map(({ days, batch }) => `${batch} ms a batch, events for ${days} days`)],
    rows: habits.flatMap((some) =>
      populations
        .slice(2)
        .map((users) => [
          `${whole(users)} ${some.name}`,
          ...cases.map(({ days, batch }) => about(loadOf(users, scenarioOf(some, batch, days)).shards)),
        ]),
    ),
  };
}

function placement(): Table {
  const steps = [
    [4, 5],
    [8, 16],
    [16, 20],
  ] as const;
  return {
    heading: [
      "rule that places a user",
      ...steps.map(([from, to]) => `${from} to ${to}: users moved, fullest ÷ mean`),
    ],
    rows: places.map(({ name, place }) => [
      name,
      ...steps.map(([from, to]) => {
        const { moved, fullest } = grow(place, 20_000, from, to);
        return `${percent(moved)}, ${fullest.toFixed(2)}`;
      }),
    ]),
  };
}
