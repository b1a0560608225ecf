import { cpuMilliseconds, prices } from "./assumptions.ts";
import type { Costs, OperationCost } from "./costs.ts";
import {
  bytesPerUser,
  type Frequency,
  frequencies,
  rowsLeftPerUserPerDay,
  type Scenario,
  sum,
} from "./model.ts";

const monthDays = 30.4;

/** The billed memory of an active object: 128 MB. */
const objectGigabytes = 0.128;

/** US dollars per month. */
export interface Bill {
  /** Worker requests, the CPU time of sign-ins, and KV. Excludes the gate's cost for the site's other requests. */
  readonly worker: number;
  readonly d1: { readonly rows: number; readonly storage: number };
  /** The cost with Durable Objects. `compute` is the price of requests and active time; idle objects are free. */
  readonly objects: { readonly rows: number; readonly storage: number; readonly compute: number };
}

/** Computes the monthly cost of a number of users, if nothing else in the account uses the included quantities. */
export function billOf(users: number, scenario: Scenario): Bill {
  const { costs, habits, settings, batchMilliseconds } = scenario;
  const all = frequencies(costs, habits, settings);
  const used = useOf(users, all, costs);
  const rows =
    million(used.rowsRead, prices.rowsReadPerMillion) +
    million(used.rowsWritten, prices.rowsWrittenPerMillion);
  const gigabytes = (users * bytesPerUser(costs, all, settings)) / 1e9;
  const gigabyteSeconds = ((used.weight * batchMilliseconds) / 1000) * objectGigabytes;
  return {
    worker: workerBill(
      all.map(({ perUserPerDay }) => users * perUserPerDay * monthDays),
      costs,
    ),
    d1: { rows, storage: beyond(gigabytes, prices.d1GigabyteMonth) },
    objects: {
      rows,
      storage: beyond(gigabytes, prices.objectGigabyteMonth),
      compute:
        million(used.trips, prices.objectRequestsPerMillion) +
        million(gigabyteSeconds, prices.objectGigabyteSecondsPerMillion),
    },
  };
}

/** Computes the monthly use of the store. Reads are billed wherever they are served; replicas have no cost of their own. */
function useOf(users: number, all: readonly Frequency[], { job }: Costs) {
  const perMonth = (of: (operation: OperationCost) => number) =>
    users * monthDays * sum(all, ({ operation, perUserPerDay }) => of(operation) * perUserPerDay);
  const left = rowsLeftPerUserPerDay(all);
  const removed = (of: "rowsRead" | "rowsWritten") =>
    users *
    monthDays *
    sum(["sessions", "events", "throttles"] as const, (kind) => left[kind] * job[of][kind]);
  return {
    trips: perMonth(({ trips }) => trips.length),
    weight: perMonth(({ trips }) => sum(trips, ({ weight }) => weight)),
    rowsRead: perMonth(({ trips }) => sum(trips, ({ rowsRead }) => rowsRead)) + removed("rowsRead"),
    rowsWritten:
      perMonth(({ trips }) => sum(trips, ({ rowsWritten }) => rowsWritten)) + removed("rowsWritten"),
  };
}

/** @param calls per month, in the order of `frequencies` */
function workerBill(calls: readonly number[], { signIn, wrongPassword }: Costs): number {
  const [signIns = 0, verifies = 0, , wrong = 0, backendVerifies = 0] = calls;
  const requests = signIns + verifies + wrong + backendVerifies;
  const cpu = (signIns + wrong) * cpuMilliseconds.password + requests * cpuMilliseconds.other;
  const keys = signIns * signIn.kvKeysRead + wrong * wrongPassword.kvKeysRead;
  return (
    prices.planPerMonth +
    million(requests, prices.workerRequestsPerMillion) +
    million(cpu, prices.workerCpuMillisecondsPerMillion) +
    million(keys, prices.kvReadsPerMillion)
  );
}

interface Tariff {
  readonly price: number;
  readonly included: number;
}

const beyond = (amount: number, { price, included }: Tariff) => Math.max(0, amount - included) * price;

const million = (amount: number, tariff: Tariff) => beyond(amount / 1e6, tariff);
