import type { TripFrequency } from "./model.ts";

/** The waiting times of calls before a database with one thread starts them. The unit is the time of a verify batch. */
export interface Waiting {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

/** Calls with random arrival times, and their mean number per unit of time. */
interface Arrivals {
  readonly weight: number;
  readonly perUnit: number;
}

/** Returns the arrivals that cause this utilisation of the primary. */
export function arrivalsAt(trips: readonly TripFrequency[], utilisation: number): Arrivals[] {
  const made = trips.filter(({ perUserPerDay }) => perUserPerDay > 0);
  const busy = made.reduce((total, { trip, perUserPerDay }) => total + trip.weight * perUserPerDay, 0);
  return made.map(({ trip, perUserPerDay }) => ({
    weight: trip.weight,
    perUnit: (utilisation * perUserPerDay) / busy,
  }));
}

/** Computes the mean wait with the Pollaczek-Khinchine formula, for random arrivals and any service times. */
export function meanWait(arrivals: readonly Arrivals[]): number {
  const busy = arrivals.reduce((total, { weight, perUnit }) => total + weight * perUnit, 0);
  const square = arrivals.reduce((total, { weight, perUnit }) => total + weight ** 2 * perUnit, 0);
  return square / (2 * (1 - busy));
}

/** The batches of the hourly job, which run one after the other. */
export interface JobBatches {
  readonly weight: number;
  /** The Worker's pause from a response to the next batch. */
  readonly pause: number;
}

/**
 * Simulates a queue with random arrivals, whose calls are served in order, one at a time.
 *
 * @param calls the number of simulated calls; the first tenth fills the queue and is discarded
 * @param job runs during the whole simulation, if given
 */
export function simulateQueue(
  arrivals: readonly Arrivals[],
  calls: number,
  random: () => number,
  job: JobBatches | null = null,
): Waiting {
  const rate = arrivals.reduce((total, { perUnit }) => total + perUnit, 0);
  const draw = generateWeight(arrivals, rate, random);
  const waits = new Float64Array(calls);
  let now = 0;
  let freeAt = 0;
  let nextBatchAt = job === null ? Number.POSITIVE_INFINITY : 0;
  for (let call = 0; call < calls; call += 1) {
    now -= Math.log(1 - random()) / rate;
    while (job !== null && nextBatchAt <= now) {
      freeAt = Math.max(freeAt, nextBatchAt) + job.weight;
      nextBatchAt = freeAt + job.pause;
    }
    const begin = Math.max(now, freeAt);
    waits[call] = begin - now;
    freeAt = begin + draw();
  }
  return summarise(waits.subarray(Math.floor(calls / 10)));
}

function generateWeight(arrivals: readonly Arrivals[], rate: number, random: () => number): () => number {
  return () => {
    let left = random() * rate;
    for (const { weight, perUnit } of arrivals) {
      left -= perUnit;
      if (left < 0) return weight;
    }
    return arrivals.at(-1)?.weight ?? 0;
  };
}

function summarise(waits: Float64Array): Waiting {
  const sorted = waits.slice().sort();
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  const mean = sorted.reduce((total, wait) => total + wait, 0) / sorted.length;
  return { mean, p50: at(0.5), p99: at(0.99) };
}

/** Creates a generator of numbers from 0 to 1, determined by the seed (Lehmer's generator with the multiplier 48271). */
export function createRandom(seed: number): () => number {
  const modulus = 2_147_483_647;
  let state = (seed % (modulus - 1)) + 1;
  return () => {
    state = (state * 48_271) % modulus;
    return (state - 1) / (modulus - 1);
  };
}
