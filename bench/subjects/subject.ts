import type { PreparedRequest } from "../load/exchange.ts";
import type { Subject } from "../rounds.ts";
import type { World } from "./world.ts";

/**
 * Returns a subject that sends requests to one Worker over HTTP.
 *
 * @param options `requests` creates the requests of a round, which are sent `repeat` times over `connections`
 */
export function httpSubject(
  { workers, load }: World,
  name: string,
  options: {
    worker: string;
    requests: () => Promise<readonly PreparedRequest[]> | readonly PreparedRequest[];
    repeat?: number;
    connections?: number;
  },
): Subject {
  const { worker, repeat = 1, connections = 1 } = options;
  let requests: readonly PreparedRequest[] = [];
  return {
    name,
    prepare: async () => {
      requests = await options.requests();
    },
    run: async () => load.send({ origin: (await workers.url(worker)).origin, requests, repeat, connections }),
  };
}
