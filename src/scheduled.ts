import { removeExpiredData } from "./domain/maintenance/expiry.ts";
import { resealWithCurrentKey } from "./domain/maintenance/reseal.ts";
import { type Bindings, createDeps, type EventContext, getConfig } from "./runtime.ts";

/** The hourly job. A failure is thrown, so that the platform counts the run as failed. */
export async function runHourly(env: Bindings, context: EventContext, now: Date): Promise<void> {
  const deps = createDeps(getConfig(env), env, context, crypto.randomUUID());
  deps.log("info", "expiry.done", { ...(await removeExpiredData(deps, now)) });
  const { kids } = deps.config.keyring;
  if (kids.length === 1) return;
  const resealed = await resealWithCurrentKey(deps);
  deps.log("info", "reseal.done", {
    ...resealed,
    older_keys: kids.slice(1).join(","),
    older_keys_can_go: canGo(resealed),
  });
}

/** Not yet after a run that found something: a Worker of an earlier deployment may still be sealing with an older key. */
const canGo = ({
  resealed,
  unreadable,
  complete,
}: Awaited<ReturnType<typeof resealWithCurrentKey>>): boolean =>
  complete && resealed === 0 && unreadable === 0;
