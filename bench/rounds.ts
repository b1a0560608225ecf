/** What one round of a subject took. */
export interface Sample {
  /** Of each operation. */
  readonly milliseconds: ArrayLike<number>;
  /** Of all of them together: less than their sum where they ran side by side. */
  readonly elapsedMilliseconds: number;
}

/** A subject of a comparison. */
export interface Subject {
  readonly name: string;
  /** Fixtures of the next round. What it costs is not measured. */
  readonly prepare?: () => Promise<void>;
  readonly run: () => Promise<Sample>;
}

/** The samples of one subject, a round each. */
export interface Measured {
  readonly name: string;
  readonly rounds: readonly Sample[];
}

/** A figure, and the quartiles of what the rounds said of it. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Runs all subjects in turn (A B C A B C …), so that a noisy minute of the machine falls on all of them. The order turns round
 * from one round to the next: nobody is always behind the same one.
 *
 * @param onRound is told how many rounds are done
 */
export async function interleave(
  subjects: readonly Subject[],
  rounds: number,
  onRound: (done: number) => void = () => {},
): Promise<readonly Measured[]> {
  const samples = new Map<Subject, Sample[]>(subjects.map((subject) => [subject, []]));
  // The first round fills caches and warms the compiler up, and is thrown away.
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

/** The middle of values, and their quartiles. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/** Of values in ascending order; between two of them in proportion. */
function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = (sorted.length - 1) * q;
  const [below, above] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return below + (above - below) * (at - Math.floor(at));
}

const percentileOf = ({ milliseconds }: Sample, q: number) =>
  quantile(Float64Array.from(milliseconds).sort(), q);

/** Milliseconds of one operation: median over rounds of a round's median. */
export const p50 = ({ rounds }: Measured): number =>
  spreadOf(rounds.map((sample) => percentileOf(sample, 0.5))).median;

/** Milliseconds of one operation: median over rounds of a round's 95th percentile. */
export const p95 = ({ rounds }: Measured): number =>
  spreadOf(rounds.map((sample) => percentileOf(sample, 0.95))).median;

const rateOf = ({ milliseconds, elapsedMilliseconds }: Sample) =>
  (1000 * milliseconds.length) / elapsedMilliseconds;

/** Operations a second: median over rounds. */
export const perSecond = ({ rounds }: Measured): number => spreadOf(rounds.map(rateOf)).median;

/** How many times as long as the other's one operation takes: each round compared with the same round. */
export const latencyRatio = (of: Measured, to: Measured): Spread =>
  spreadOf(of.rounds.map((sample, round) => percentileOf(sample, 0.5) / percentileOf(at(to, round), 0.5)));

/** How many times as many operations as of the other there are in a second: each round compared with the same round. */
export const throughputRatio = (of: Measured, to: Measured): Spread =>
  spreadOf(of.rounds.map((sample, round) => rateOf(sample) / rateOf(at(to, round))));

function at({ name, rounds }: Measured, round: number): Sample {
  const sample = rounds[round];
  if (sample === undefined) throw new Error(`${name} has no round ${round}`);
  return sample;
}
