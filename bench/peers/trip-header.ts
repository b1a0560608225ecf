import type { TripCount } from "../trip-count.ts";

const header = "X-D1-Trips";

/** Returns the response with its number of trips to D1 in a header. */
export function withTripHeader(response: Response, count: TripCount): Response {
  const telling = new Response(response.body, response);
  telling.headers.set(header, JSON.stringify(count));
  return telling;
}

/** @throws Error when the response has no such header */
export function readTrips(headers: Headers): TripCount {
  const value = headers.get(header);
  if (value === null) throw new Error(`An answer has no ${header}`);
  return JSON.parse(value) as TripCount;
}
