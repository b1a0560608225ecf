import type { D1Cost } from "../../test/support/d1.ts";
import type { PreparedRequest } from "../load/exchange.ts";

/** The cost in D1 that the counting Worker reported, and the duration of the request. */
export interface CountedAnswer {
  readonly cost: D1Cost;
  readonly milliseconds: number;
}

/** Sends a request to the counting Worker. */
export async function sendCounted(origin: string, request: PreparedRequest): Promise<CountedAnswer> {
  const { method, path, headers, body = null, status } = request;
  const startedAt = performance.now();
  const response = await fetch(new URL(path, origin), { method, headers: { ...headers }, body });
  const text = await response.text();
  const milliseconds = performance.now() - startedAt;
  const cost = response.headers.get("X-D1-Cost");
  if (response.status !== status || cost === null)
    throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
  return { milliseconds, cost: JSON.parse(cost) as D1Cost };
}

/**
 * Returns the cost in D1 of each of these requests.
 *
 * @throws Error when the requests have different costs
 */
export async function costOfEach(origin: string, requests: readonly PreparedRequest[]): Promise<D1Cost> {
  const costs = new Map<string, D1Cost>();
  for (const request of requests) {
    const { cost } = await sendCounted(origin, request);
    costs.set(JSON.stringify(cost), cost);
  }
  const [cost] = costs.values();
  if (cost === undefined || costs.size > 1)
    throw new Error(`Alike requests differ in what they cost: ${[...costs.keys()].join(" ")}`);
  return cost;
}
