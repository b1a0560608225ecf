import { removeExpiredData } from "./domain/maintenance/expiry.ts";
import { resealWithCurrentKey } from "./domain/maintenance/reseal.ts";
import { type Bindings, createDeps, type EventContext, getConfig } from "./runtime.ts";

/** Deletes expired rows, and re-seals fields with the current key. Throws a failure: the platform then counts the run as failed. */
export async function runHourlyMaintenance(env: Bindings, context: EventContext, now: Date): Promise<void> {
  const deps = createDeps(getConfig(env), env, context, crypto.randomUUID());
  deps.log("info", "expiry.done", { ...(await removeExpiredData(deps, now)) });
  const { kids } = deps.config.keyring;
  if (kids.length === 1) return;
  const resealed = await resealWithCurrentKey(deps);
  deps.log("info", "reseal.done", {
    ...resealed,
    older_keys: kids.slice(1).join(","),
    older_keys_can_go: canRemoveOlderKeys(resealed),
  });
}

/** False after a run that re-sealed a field: a Worker of an earlier deployment may still seal with an older key. */
const canRemoveOlderKeys = ({
  resealed,
  unreadable,
  complete,
}: Awaited<ReturnType<typeof resealWithCurrentKey>>): boolean =>
  complete && resealed === 0 && unreadable === 0;
