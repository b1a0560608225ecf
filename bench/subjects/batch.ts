import type { PreparedRequest } from "../load/exchange.ts";
import { send } from "../peers/send.ts";
import type { SentTrip } from "./sent-trip.ts";
import type { World } from "./world.ts";

/**
 * Sends a request and returns the batch that Sallyport sent to D1 for it, so that the floor can be measured with a batch of the same
 * size.
 */
export async function captureBatch({ workers }: World, request: PreparedRequest): Promise<SentTrip> {
  const asking = { ...request, headers: { ...request.headers, "X-Report-Trips": "1" } };
  const { headers } = await send(await workers.url("sallyport-0"), asking);
  const trips = JSON.parse(headers.get("X-Trips") ?? "[]") as SentTrip[];
  const batch = trips.find(({ writing }) => writing > 0);
  if (batch === undefined) throw new Error(`${request.path} has sent no batch`);
  return batch;
}

/** Returns the query parameters with which the floor's Worker runs a batch of the same size. */
export const queryOf = ({ statements, writing }: SentTrip): string =>
  `reads=${statements - writing}&writes=${writing}`;
