import type { TripCount } from "../trip-count.ts";

const header = "X-D1-Trips";

/** A response with the number of its trips to D1 in a header. */
export function tellTrips(response: Response, count: TripCount): Response {
  const telling = new Response(response.body, response);
  telling.headers.set(header, JSON.stringify(count));
  return telling;
}

/** @throws Error when the answer does not say it */
export function readTrips(headers: Headers): TripCount {
  const value = headers.get(header);
  if (value === null) throw new Error(`An answer has no ${header}`);
  return JSON.parse(value) as TripCount;
}
