import { env } from "cloudflare:workers";
import sallyport from "../../src/index.ts";
import type { Bindings } from "../../src/runtime.ts";
import { delayD1, interceptD1 } from "../../test/support/d1.ts";
import type { SentTrip } from "./sent-trip.ts";

interface Env extends Bindings {
  /** The additional latency of each call to D1. */
  readonly D1_DELAY_MS?: string;
}

const bindings = env as unknown as Env;
const far: Bindings = { ...bindings, DB: delayD1(bindings.DB, Number(bindings.D1_DELAY_MS ?? 0)) };

/** Sallyport with additional latency of D1. A request with `X-Report-Trips` gets its trips to D1 in a response header instead. */
export default {
  fetch(request, _env, context) {
    return request.headers.has("X-Report-Trips")
      ? respondWithTrips(request, context)
      : sallyport.fetch(request, far, context);
  },
} satisfies ExportedHandler;

async function respondWithTrips(request: Request, context: ExecutionContext): Promise<Response> {
  const trips: SentTrip[] = [];
  const DB = interceptD1(bindings.DB, ({ sql, run }) => {
    const writing = sql.filter((text) => !/^\s*select\b/i.test(text)).length;
    trips.push({ statements: sql.length, writing });
    return run();
  });
  const response = await sallyport.fetch(request, { ...bindings, DB }, context);
  return new Response(response.body, {
    status: response.status,
    headers: { "X-Trips": JSON.stringify(trips) },
  });
}
