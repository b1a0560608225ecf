import { serve } from "./http/serve.ts";
import type { Bindings } from "./runtime.ts";
import { runHourly } from "./scheduled.ts";

/** The Worker's face. */
export default {
  fetch: serve,
  scheduled: (event, env, context) => runHourly(env, context, new Date(event.scheduledTime)),
} satisfies ExportedHandler<Bindings>;
