import type { PreparedRequest } from "../load/exchange.ts";
import type { Subject } from "../rounds.ts";
import type { World } from "./world.ts";

/**
 * A subject that is one Worker, asked over HTTP.
 *
 * @param options `requests` makes those of a round, each of which is sent `repeat` times over `connections`
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
