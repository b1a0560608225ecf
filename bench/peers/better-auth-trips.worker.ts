import { env } from "cloudflare:workers";
import { countD1 } from "../trip-count.ts";
import { createPeerAuth, type PeerVariables } from "./better-auth-options.ts";
import { withTripHeader } from "./trip-header.ts";

const bindings = env as unknown as PeerVariables & { readonly DB: D1Database };
const counted = countD1(bindings.DB);
const auth = createPeerAuth(counted.db, bindings);

/** The peer with the trips to D1 of each request in a response header. Handles one request at a time. */
export default {
  async fetch(request) {
    counted.take();
    const response = await auth.handler(request);
    return withTripHeader(response, counted.take());
  },
} satisfies ExportedHandler;
