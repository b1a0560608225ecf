import { env } from "cloudflare:workers";
import sallyport from "../../src/index.ts";
import type { Bindings } from "../../src/runtime.ts";
import { countD1 } from "../trip-count.ts";
import { withTripHeader } from "./trip-header.ts";

const bindings = env as unknown as Bindings;
const counted = countD1(bindings.DB);
const counting: Bindings = { ...bindings, DB: counted.db };

/** Sallyport with the trips to D1 of each request, including `waitUntil` work, in a response header. Handles one request at a time. */
export default {
  async fetch(request, _env, { props }) {
    counted.take();
    const putOff: Promise<unknown>[] = [];
    const response = await sallyport.fetch(request, counting, {
      props,
      waitUntil: (work: Promise<unknown>) => putOff.push(work),
      passThroughOnException() {},
    } as unknown as ExecutionContext);
    await Promise.all(putOff);
    return withTripHeader(response, counted.take());
  },
} satisfies ExportedHandler;
