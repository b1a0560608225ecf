import type { Load } from "../load/load.ts";
import type { Subject } from "../rounds.ts";

/** Many short batches, so that a disturbed batch does not affect the median. */
const batchesPerRound = 8;

/**
 * Measures an operation of a Worker in batches: the time of a request that runs it `times` times, minus that of a request that does not
 * run it. The difference is the time of the operations alone.
 *
 * @param path the path of a route that accepts `?times=`
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
