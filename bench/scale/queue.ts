import type { TripFrequency } from "./model.ts";

/** How long calls wait before a database with one thread begins with them. In units of the batch of a verify. */
export interface Waiting {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

/** A call that is made, at random moments, so many times in a unit of time. */
interface Arrivals {
  readonly weight: number;
  readonly perUnit: number;
}

/** Calls as often as the primary has to be busy for this share of its time. */
export function arrivalsAt(trips: readonly TripFrequency[], utilisation: number): Arrivals[] {
  const made = trips.filter(({ perUserPerDay }) => perUserPerDay > 0);
  const busy = made.reduce((total, { trip, perUserPerDay }) => total + trip.weight * perUserPerDay, 0);
  return made.map(({ trip, perUserPerDay }) => ({
    weight: trip.weight,
    perUnit: (utilisation * perUserPerDay) / busy,
  }));
}

/** The mean wait by the formula of Pollaczek and Khinchine, for arrivals at random and any service times. */
export function meanWait(arrivals: readonly Arrivals[]): number {
  const busy = arrivals.reduce((total, { weight, perUnit }) => total + weight * perUnit, 0);
  const square = arrivals.reduce((total, { weight, perUnit }) => total + weight ** 2 * perUnit, 0);
  return square / (2 * (1 - busy));
}

/** The batches of the hour's job, one after the other. */
export interface JobBatches {
  readonly weight: number;
  /** How long the Worker takes from one answer to the next batch. */
  readonly pause: number;
}

/**
 * Lets calls come at random and be served in their turn, one at a time.
 *
 * @param calls how many are followed; the first tenth fills the queue, and is not counted
 * @param job runs all the time, if it is given: what is seen is what calls see while it does
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

/** Numbers from 0 to 1, the same ones for the same seed (a multiplicative congruential generator, Lehmer's with 48271). */
export function createRandom(seed: number): () => number {
  const modulus = 2_147_483_647;
  let state = (seed % (modulus - 1)) + 1;
  return () => {
    state = (state * 48_271) % modulus;
    return (state - 1) / (modulus - 1);
  };
}
