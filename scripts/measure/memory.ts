import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { listDescendants } from "../../test/e2e/support/processes.ts";

const pollMilliseconds = 50;

/** Sums a figure over all workerd processes that this process has started (Linux). */
function sumOfWorkerds(figureOf: (pid: number) => number): number {
  return listDescendants(process.pid).reduce((total, { pid }) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd") ? total + figureOf(pid) : total;
    } catch {
      return total; // It ended between the two calls.
    }
  }, 0);
}

/** The resident memory of these processes. */
const workerdBytes = () =>
  sumOfWorkerds((pid) => {
    const [, kibibytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kibibytes) * 1024;
  });

/** The CPU time of these processes: proc_pid_stat(5), in ticks of 10 ms. */
const workerdCpuSeconds = () =>
  sumOfWorkerds((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  });

/** A result with its duration and its cost in workerd. */
export interface Measured<T> {
  readonly result: T;
  readonly seconds: number;
  /** CPU time of workerd: the Worker, the local D1 and the dev server. */
  readonly cpuSeconds: number;
  readonly startBytes: number;
  /** The largest growth of memory in each fifth of the time. A leak keeps growing, and a heap settles. */
  readonly growthBytes: readonly number[];
}

/** Runs a function and measures it. */
export async function measure<T>(work: () => Promise<T>): Promise<Measured<T>> {
  const startBytes = workerdBytes();
  if (startBytes === 0) throw new Error("No workerd was found among the processes");
  const samples: number[] = [];
  let going = true;
  const watch = (async () => {
    while (going) {
      samples.push(workerdBytes() - startBytes);
      await sleep(pollMilliseconds);
    }
  })();
  const begin = performance.now();
  const beginCpu = workerdCpuSeconds();
  try {
    const result = await work();
    const seconds = (performance.now() - begin) / 1000;
    const cpuSeconds = workerdCpuSeconds() - beginCpu;
    samples.push(workerdBytes() - startBytes);
    const fifth = Math.ceil(samples.length / 5);
    const growthBytes = [0, 1, 2, 3, 4].map((at) =>
      Math.max(0, ...samples.slice(at * fifth, (at + 1) * fifth)),
    );
    return { result, seconds, cpuSeconds, startBytes, growthBytes };
  } finally {
    going = false;
    await watch;
  }
}
