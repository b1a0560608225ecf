import type { D1Cost } from "../../test/support/d1.ts";
import { type Section, showRatio, type Table, type Verdict } from "../report.ts";
import { latencyRatio, type Measured, p50, p95 } from "../rounds.ts";
import type { CountedAnswer } from "./costs.ts";
import { rowsPerUser } from "./fill.ts";
import { verify } from "./operations.ts";
import type { DatabaseSizes } from "./table-sizes.ts";

/** The results of one operation, one per size. */
export interface OperationResult {
  readonly name: string;
  readonly measured: readonly Measured[];
  readonly costs: readonly D1Cost[];
}

/** The results of one run of the hourly job, one per size. */
export interface JobResult {
  readonly name: string;
  readonly runs: readonly CountedAnswer[];
}

/** The results at each size, in ascending order. */
export interface Growth {
  readonly users: readonly number[];
  readonly perRound: number;
  readonly operations: readonly OperationResult[];
  readonly jobs: readonly JobResult[];
  readonly sizes: readonly DatabaseSizes[];
}

const maxVerifyRatio = 1.15;

export function showGrowth(growth: Growth): Section {
  return {
    title: "Growth",
    tables: [showLatency(growth), showCosts(growth), showJobs(growth), showBytes(growth)],
    notes: [
      `Each user has ${rowsPerUser} valid sessions and ${rowsPerUser} audit events. A round is ${growth.perRound} requests of each operation to each database, one at a time. Each verify uses an account that no request has used before.`,
      "The requests use accounts from all parts of the tables. So a larger database has to read more of its pages again, from the operating system's cache as far as the file is in it.",
      "The hourly job runs once with nothing to do, once with an older key in `KEYRING` that has sealed nothing, and once at a time when every session and event has expired.",
    ],
    verdicts: [judgeVerify(growth), judgeCosts(growth), judgeJobs(growth)],
  };
}

const count = (value: number) => value.toLocaleString("en");

function showLatency({ users, operations }: Growth): Table {
  return {
    heading: ["operation", "users", "p50 ms", "p95 ms", `p50 × that at ${count(users[0] ?? 0)}`],
    rows: operations.flatMap(({ name, measured }) =>
      measured.map((of, index) => [
        name,
        count(users[index] ?? 0),
        p50(of).toFixed(2),
        p95(of).toFixed(2),
        index === 0 ? "1" : showRatio(latencyRatio(of, measured[0] ?? of)),
      ]),
    ),
  };
}

function showCosts({ users, operations }: Growth): Table {
  return {
    heading: ["operation", "users", "D1 trips", "rows read", "rows written"],
    rows: operations.flatMap(({ name, costs }) =>
      costs.map((cost, index) => [name, count(users[index] ?? 0), ...showCost(cost)]),
    ),
  };
}

function showJobs({ users, jobs }: Growth): Table {
  return {
    heading: ["hourly job", "users", "D1 trips", "rows read", "rows written", "ms", "ms a trip"],
    rows: jobs.flatMap(({ name, runs }) =>
      runs.map(({ cost, milliseconds }, index) => [
        name,
        count(users[index] ?? 0),
        ...showCost(cost),
        milliseconds.toFixed(0),
        (milliseconds / cost.trips).toFixed(0),
      ]),
    ),
  };
}

const showCost = ({ trips, rowsRead, rowsWritten }: D1Cost) => [trips, rowsRead, rowsWritten].map(count);

function showBytes({ users, sizes }: Growth): Table {
  return {
    heading: ["table", "users", "bytes a user", "of them in indexes"],
    rows: sizes.flatMap(({ tables, file }, index) => {
      const each = (bytes: number) => count(Math.round(bytes / (users[index] ?? 1)));
      const size = count(users[index] ?? 0);
      const large = tables.filter(({ table, indexes }) => table + indexes > file / 100);
      return [
        ...large.map(({ name, table, indexes }) => [name, size, each(table + indexes), each(indexes)]),
        ["the whole file", size, each(file), ""],
      ];
    }),
  };
}

function judgeVerify({ users, operations }: Growth): Verdict {
  const measured = operations.find(({ name }) => name === verify.name)?.measured ?? [];
  const [smallest, largest] = [measured[0], measured.at(-1)];
  if (smallest === undefined || largest === undefined) throw new Error("Verify was not measured");
  const ratio = latencyRatio(largest, smallest);
  return {
    target: `${count(users.at(-1) ?? 0)} users: p50 of verify at most ${maxVerifyRatio} × that at ${count(users[0] ?? 0)}`,
    measured: showRatio(ratio),
    met: ratio.median <= maxVerifyRatio,
  };
}

function judgeCosts({ operations }: Growth): Verdict {
  const grown = operations.filter(({ costs }) => new Set(costs.map((cost) => JSON.stringify(cost))).size > 1);
  return {
    target: "rows read and written by an operation: the same at every size",
    measured: grown.length === 0 ? "the same" : `other: ${grown.map(({ name }) => name).join(", ")}`,
    met: grown.length === 0,
  };
}

/** The limits of the hourly job. D1 handles no other query during a trip. */
const maxTrips = 250;
const maxRowsPerTrip = 10_000;

function judgeJobs({ jobs }: Growth): Verdict {
  const costs = jobs.flatMap(({ runs }) => runs.map(({ cost }) => cost));
  const trips = Math.max(...costs.map((cost) => cost.trips));
  const rows = Math.max(...costs.map((cost) => cost.rowsRead / cost.trips));
  return {
    target: `hourly job, at every size: at most ${maxTrips} trips that read ${count(maxRowsPerTrip)} rows each`,
    measured: `at most ${trips} trips, at most ${count(Math.round(rows))} rows each`,
    met: trips <= maxTrips && rows <= maxRowsPerTrip,
  };
}
