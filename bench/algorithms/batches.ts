import type { Load } from "../load/load.ts";
import type { Subject } from "../rounds.ts";

/** Short batches, and many: what disturbs one of them is not in the median. */
const batchesPerRound = 8;

/**
 * An operation of a Worker, timed in batches: a request that does it `times` times less one that does it not at all, so
 * that what remains is the operation alone.
 *
 * @param path takes `?times=`
 */
export function batchSubject(
  name: string,
  { load, origin, path, times }: { load: Load; origin: string; path: string; times: number },
): Subject {
  const request = (count: number) =>
    ({ method: "GET", path: `${path}?times=${count}`, headers: {}, status: 200 }) as const;
  return {
    name,
    async run() {
      const { milliseconds } = await load.send({
        origin,
        requests: [request(0), request(times)],
        repeat: batchesPerRound,
        connections: 1,
      });
      const perOperation = Float64Array.from({ length: batchesPerRound }, (_, batch) => {
        const [empty = 0, full = 0] = milliseconds.subarray(2 * batch);
        return (full - empty) / times;
      });
      return {
        milliseconds: perOperation,
        elapsedMilliseconds: perOperation.reduce((sum, value) => sum + value, 0),
      };
    },
  };
}
