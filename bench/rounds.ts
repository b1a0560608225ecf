/** The times of a subject in one round. */
export interface Sample {
  /** The time of each operation. */
  readonly milliseconds: ArrayLike<number>;
  /** The total time: less than the sum of `milliseconds` when operations were concurrent. */
  readonly elapsedMilliseconds: number;
}

/** A subject of a comparison. */
export interface Subject {
  readonly name: string;
  /** Creates the fixtures of the next round. Not measured. */
  readonly prepare?: () => Promise<void>;
  readonly run: () => Promise<Sample>;
}

/** The samples of one subject, one per round. */
export interface Measured {
  readonly name: string;
  readonly rounds: readonly Sample[];
}

/** The median of the rounds' values and their quartiles. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Runs all subjects alternately (A B C A B C …), so that a disturbance of the machine affects all of them. The order is reversed
 * in every other round, so that no subject always follows the same other subject.
 *
 * @param onRound receives the number of completed rounds
 */
export async function interleave(
  subjects: readonly Subject[],
  rounds: number,
  onRound: (done: number) => void = () => {},
): Promise<readonly Measured[]> {
  const samples = new Map<Subject, Sample[]>(subjects.map((subject) => [subject, []]));
  // The first round fills caches and warms up the compiler. Its samples are discarded.
  for (let round = 0; round <= rounds; round += 1) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      await subject.prepare?.();
      const sample = await subject.run();
      if (round > 0) samples.get(subject)?.push(sample);
    }
    onRound(round);
  }
  return [...samples].map(([{ name }, rounds]) => ({ name, rounds }));
}

/** Returns the median of values and their quartiles. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/** Returns a quantile of values in ascending order, interpolated linearly. */
function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = (sorted.length - 1) * q;
  const [below, above] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return below + (above - below) * (at - Math.floor(at));
}

const percentileOf = ({ milliseconds }: Sample, q: number) =>
  quantile(Float64Array.from(milliseconds).sort(), q);

/** The milliseconds of an operation: the median over the rounds of each round's median. */
export const p50 = ({ rounds }: Measured): number =>
  spreadOf(rounds.map((sample) => percentileOf(sample, 0.5))).median;

/** The milliseconds of an operation: the median over the rounds of each round's 95th percentile. */
export const p95 = ({ rounds }: Measured): number =>
  spreadOf(rounds.map((sample) => percentileOf(sample, 0.95))).median;

const rateOf = ({ milliseconds, elapsedMilliseconds }: Sample) =>
  (1000 * milliseconds.length) / elapsedMilliseconds;

/** The operations per second: the median over the rounds. */
export const perSecond = ({ rounds }: Measured): number => spreadOf(rounds.map(rateOf)).median;

/** The latency of `of` divided by the latency of `to`, computed for each round. */
export const latencyRatio = (of: Measured, to: Measured): Spread =>
  spreadOf(of.rounds.map((sample, round) => percentileOf(sample, 0.5) / percentileOf(at(to, round), 0.5)));

/** The throughput of `of` divided by the throughput of `to`, computed for each round. */
export const throughputRatio = (of: Measured, to: Measured): Spread =>
  spreadOf(of.rounds.map((sample, round) => rateOf(sample) / rateOf(at(to, round))));

function at({ name, rounds }: Measured, round: number): Sample {
  const sample = rounds[round];
  if (sample === undefined) throw new Error(`${name} has no round ${round}`);
  return sample;
}
