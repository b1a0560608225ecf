import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { listDescendants } from "../../test/e2e/support/processes.ts";

const pollMilliseconds = 50;

/** Adds up a figure of every workerd that this process has started (Linux). */
function sumOfWorkerds(figureOf: (pid: number) => number): number {
  return listDescendants(process.pid).reduce((total, { pid }) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd") ? total + figureOf(pid) : total;
    } catch {
      return total; // It ended between the two calls.
    }
  }, 0);
}

/** What they hold in memory. */
const workerdBytes = () =>
  sumOfWorkerds((pid) => {
    const [, kibibytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kibibytes) * 1024;
  });

/** The CPU time that they have used: proc_pid_stat(5), in ticks of 10 ms. */
const workerdCpuSeconds = () =>
  sumOfWorkerds((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  });

/** What some work came to, how long it took, and what it cost workerd. */
export interface Measured<T> {
  readonly result: T;
  readonly seconds: number;
  /** Of workerd: the Worker, the local D1, and the dev server in front of them. */
  readonly cpuSeconds: number;
  readonly startBytes: number;
  /** By how much its memory grew at most, in each fifth of the time: what is held grows on, and a heap settles. */
  readonly growthBytes: readonly number[];
}

/** Measures some work. */
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
