import { serveRequest } from "./http/serve.ts";
import type { Bindings } from "./runtime.ts";
import { runHourlyMaintenance } from "./scheduled.ts";

// biome-ignore lint/performance/noBarrelFile: the platform looks for entrypoints among the exports of this file
export { SecondFactor } from "./rpc.ts";

/** The Worker's handlers. */
export default {
  fetch: serveRequest,
  scheduled: (event, env, context) => runHourlyMaintenance(env, context, new Date(event.scheduledTime)),
} satisfies ExportedHandler<Bindings>;
