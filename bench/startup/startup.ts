import { randomBytes } from "node:crypto";
import { budgetKibibytes, showKibibytes, weighBundle } from "../../scripts/bundle-size.ts";
import { type Section, showRatio, type Table, type Verdict } from "../report.ts";
import { interleave, latencyRatio, type Measured, type Spread, spreadOf } from "../rounds.ts";
import { type BenchWorker, bundleBenchWorker, bundleSallyport, startWorkers } from "../workers.ts";
import { checkStartup } from "./check-startup.ts";
import type { StartupCost } from "./cpu-profile.ts";
import { type HeapReading, measureHeap } from "./heap.ts";

const maxStartupMilliseconds = 20;
const heapRequests = 10_000;
/** The size of a heap after a garbage collection varies by about this share. */
const maxGrowth = 0.03;

/** A Worker and the cost of each of its starts. */
interface Started {
  readonly worker: BenchWorker;
  readonly costs: StartupCost[];
  readonly measured: Measured;
}

/** Measures the bundle size, start-up CPU and heap growth. A round takes about 6 s, the heap half a minute. */
export async function measureStartup({ rounds }: { readonly rounds: number }): Promise<Section> {
  const workers = listWorkers();
  await tryToStart(workers);
  const [floor, sallyport, peer] = await startInTurn(workers, rounds);
  if (floor === undefined || sallyport === undefined || peer === undefined)
    throw new Error("Three were to start");
  const heap = await measureHeap(sallyport.worker.bundle, heapRequests);
  return {
    title: "Start-up and size",
    tables: [
      startupTable([floor, sallyport, peer], peer),
      partsTable([floor, sallyport, peer]),
      heapTable(heap),
    ],
    notes: [
      "Start-up: `wrangler check startup` on the bytes of the bundle, the Workers in turn, medians with quartiles. CPU is the sum over all samples of its profile that are not idle. Each sample counts the time since the one before, but 2 ms at most: V8 samples every millisecond, so a longer time is a gap in which the isolate did not run. wrangler's “active” includes the gaps. Script is JavaScript of the bundle, Node modules are the platform's own JavaScript, and native is reading and compiling (and everything else without a function).",
      `Heap: what remains after a garbage collection, in one isolate with a gate. The requests are session checks that ask D1, gate requests, two pages and wrong codes, of ${heapRequests / 50} accounts.`,
    ],
    verdicts: [sizeVerdict(sallyport), startupVerdict(sallyport, peer), heapVerdict(heap)],
  };
}

/** Returns an empty Worker, Sallyport and the peer, with the bindings that their start-up requires. */
function listWorkers(): BenchWorker[] {
  const secret = randomBytes(32).toString("base64url");
  return [
    { name: "empty Worker", bundle: bundleBenchWorker("./floors/bare.worker.ts") },
    {
      name: "Sallyport",
      bundle: bundleSallyport(),
      variables: { KEYRING: `k1:${randomBytes(32).toString("base64")}`, ADMIN_KEY: secret },
      databases: { DB: "sallyport" },
      namespaces: { BLOCKS: "sallyport" },
    },
    {
      name: "better-auth",
      bundle: bundleBenchWorker("./peers/better-auth.worker.ts"),
      variables: { BETTER_AUTH_SECRET: secret, BETTER_AUTH_URL: "http://localhost" },
      databases: { DB: "peer" },
    },
  ];
}

/**
 * Checks that the Workers start, because wrangler also writes a profile of a Worker that fails to start, without an error.
 *
 * @throws Error with workerd's message
 */
async function tryToStart(workers: readonly BenchWorker[]): Promise<void> {
  const running = await startWorkers(workers);
  await running.stop();
}

async function startInTurn(workers: readonly BenchWorker[], rounds: number): Promise<Started[]> {
  const costs = workers.map((): StartupCost[] => []);
  const subjects = workers.map((worker, index) => ({
    name: worker.name,
    run: async () => {
      const cost = await checkStartup(worker);
      costs[index]?.push(cost);
      return { milliseconds: [cost.cpu], elapsedMilliseconds: cost.cpu };
    },
  }));
  const measured = await interleave(subjects, rounds);
  // The first start is discarded, as `interleave` does with the first round.
  return measured.map((of, index) => ({
    worker: workers[index] as BenchWorker,
    costs: costs[index]?.slice(1) ?? [],
    measured: of,
  }));
}

const cpuOf = ({ costs }: Started): Spread => spreadOf(costs.map(({ cpu }) => cpu));

function startupTable(all: readonly Started[], peer: Started): Table {
  return {
    heading: ["", "bundle", "gzip", "start-up CPU, ms", "× better-auth", "wrangler's “active”, ms"],
    rows: all.map((of) => {
      const { raw, gzip } = weighBundle(of.worker.bundle);
      const ratio = showRatio(latencyRatio(of.measured, peer.measured));
      return [
        of.worker.name,
        showKibibytes(raw),
        showKibibytes(gzip),
        showSpread(cpuOf(of)),
        ratio,
        showSpread(spreadOf(of.costs.map(({ active }) => active))),
      ];
    }),
  };
}

function partsTable(all: readonly Started[]): Table {
  const parts = ["script", "platform", "garbageCollection", "native"] as const;
  return {
    heading: ["CPU by part, ms (median)", "script", "Node modules", "garbage collection", "native"],
    rows: all.map(({ worker, costs }) => [
      worker.name,
      ...parts.map((part) => spreadOf(costs.map((cost) => cost[part])).median.toFixed(1)),
    ]),
  };
}

const heapTable = (heap: readonly HeapReading[]): Table => ({
  heading: ["requests", ...heap.map(({ requests }) => String(requests))],
  rows: [["heap, MiB", ...heap.map(({ bytes }) => (bytes / 2 ** 20).toFixed(2))]],
});

const showSpread = ({ median, low, high }: Spread) =>
  `${median.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;

function sizeVerdict({ worker }: Started): Verdict {
  const { gzip } = weighBundle(worker.bundle);
  return {
    target: `bundle at most ${budgetKibibytes} KiB gzip`,
    measured: showKibibytes(gzip),
    met: gzip <= budgetKibibytes * 1024,
  };
}

function startupVerdict(sallyport: Started, peer: Started): Verdict {
  const cpu = cpuOf(sallyport);
  return {
    target: `start-up CPU at most ${maxStartupMilliseconds} ms`,
    measured: `${showSpread(cpu)} ms; better-auth ${showSpread(cpuOf(peer))} ms`,
    met: cpu.median <= maxStartupMilliseconds,
  };
}

function heapVerdict(heap: readonly HeapReading[]): Verdict {
  const bytesAt = (requests: number) =>
    heap.find((reading) => reading.requests === requests)?.bytes ?? Number.NaN;
  const growth = bytesAt(heapRequests) / bytesAt(heapRequests / 2) - 1;
  return {
    target: `heap grows by at most ${100 * maxGrowth} % over the last ${heapRequests / 2} of ${heapRequests} requests`,
    measured: `${(100 * growth).toFixed(1)} %`,
    met: growth <= maxGrowth,
  };
}
