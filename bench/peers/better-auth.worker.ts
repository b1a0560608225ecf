import { env } from "cloudflare:workers";
import { delayD1 } from "../../test/support/d1.ts";
import { createPeerAuth, type PeerVariables } from "./better-auth-options.ts";

interface Env extends PeerVariables {
  readonly DB: D1Database;
  /** The additional latency of each call to D1. */
  readonly D1_DELAY_MS?: string;
}

const bindings = env as unknown as Env;
const auth = createPeerAuth(delayD1(bindings.DB, Number(bindings.D1_DELAY_MS ?? 0)), bindings);

/** `better-auth` with its two-factor plugin and D1. One instance handles all requests of an isolate. */
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    return pathname.startsWith("/api/auth") ? auth.handler(request) : new Response(null, { status: 404 });
  },
} satisfies ExportedHandler;
