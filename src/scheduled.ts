import { removeWhatHasExpired } from "./domain/expiry.ts";
import { type Bindings, createDeps, type EventContext, getConfig } from "./runtime.ts";

/** The hourly job. A failure is thrown, so that the platform counts the run as failed. */
export async function runHourly(env: Bindings, context: EventContext, now: Date): Promise<void> {
  const deps = createDeps(getConfig(env), env, context, crypto.randomUUID());
  const removed = await removeWhatHasExpired(deps, now);
  deps.log("info", "expiry.done", { ...removed });
}
