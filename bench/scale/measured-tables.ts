import type { Section } from "../report.ts";
import type { Costs, OperationCost, RowsLeft } from "./costs.ts";
import { sum } from "./model.ts";
import { whole } from "./show.ts";

const names = {
  signIn: "password (`POST /login`)",
  verify: "code (`POST /totp/verify`)",
  recheck: "session check, token older than `SESSION_RECHECK`",
  wrongPassword: "wrong password",
  backendVerify: "code at `/v1`, API key known to the isolate",
} as const;

/** Returns the measured costs of Sallyport's calls. */
export function measuredSection(costs: Costs): Section {
  const { job, bytes } = costs;
  return {
    title: "Measured",
    tables: [
      {
        heading: [
          "call",
          "reads + batches",
          "statements",
          "rows read",
          "rows written",
          "KV keys read",
          "time, verify's batch = 1",
          "rows that remain",
        ],
        rows: (Object.keys(names) as (keyof typeof names)[]).map((name) => [
          names[name],
          ...cellsOf(costs[name]),
        ]),
      },
      {
        heading: ["the hourly job", "measured"],
        rows: [
          ["rows of a table that it removes at most", whole(job.maxRowsPerTable)],
          ["rows of a table in one batch", whole(job.rowsPerChunk)],
          [
            "time of a batch that removes that many rows of each of three tables, verify's batch = 1",
            job.chunkWeight.toFixed(1),
          ],
          ["rows written to remove a row", showEach(job.rowsWritten)],
          ["rows read to remove a row", showEach(job.rowsRead)],
        ],
      },
      {
        heading: ["row with its entries in indexes", "bytes"],
        rows: (["user", "session", "event"] as const).map((row) => [row, bytes[row].toFixed(0)]),
      },
    ],
    notes: [],
    verdicts: [],
  };
}

function cellsOf({ trips, kvKeysRead, leaves }: OperationCost): string[] {
  const ofKind = (wanted: string) => trips.filter(({ kind }) => kind === wanted).length;
  const inTrips = (of: "statements" | "rowsRead" | "rowsWritten") =>
    trips.map((trip) => trip[of]).join(" + ");
  const left = Object.entries(leaves).filter(([, count]) => count > 0);
  return [
    `${ofKind("read")} + ${ofKind("batch")}`,
    inTrips("statements"),
    inTrips("rowsRead"),
    String(sum(trips, ({ rowsWritten }) => rowsWritten)),
    String(kvKeysRead),
    trips.map(({ weight }) => weight.toFixed(2)).join(" + "),
    left.map(([kind, count]) => `${count} ${count === 1 ? kind.slice(0, -1) : kind}`).join(", ") || "none",
  ];
}

const showEach = (rows: RowsLeft): string =>
  [...new Set(Object.values(rows).map((count) => count.toFixed(0)))].join(" to ");
