import type { PreparedRequest } from "../load/exchange.ts";
import { send } from "../peers/send.ts";
import type { SentTrip } from "./sent-trip.ts";
import type { World } from "./world.ts";

/**
 * The batch that this request makes Sallyport send to D1, so that a floor can have one of the same size. The request is
 * carried out.
 */
export async function askBatch({ workers }: World, request: PreparedRequest): Promise<SentTrip> {
  const asking = { ...request, headers: { ...request.headers, "X-Tell-Trips": "1" } };
  const { headers } = await send(await workers.url("sallyport-0"), asking);
  const trips = JSON.parse(headers.get("X-Trips") ?? "[]") as SentTrip[];
  const batch = trips.find(({ writing }) => writing > 0);
  if (batch === undefined) throw new Error(`${request.path} has sent no batch`);
  return batch;
}

/** The same batch, as the floor's Worker is asked for it. */
export const queryOf = ({ statements, writing }: SentTrip): string =>
  `reads=${statements - writing}&writes=${writing}`;
