import { countUse } from "../../store/sessions/throttles.ts";
import type { Deps } from "../deps.ts";
import { type Failure, secondsUntil, tooManyAttempts } from "../failure.ts";
import { publishBlocks, type Transfer, transferCounter, transferQuota } from "../sign-in/throttle.ts";
import type { ServiceCall } from "./service-caller.ts";

/** A request to import or export that may go on. */
export interface AdmittedTransfer {
  readonly ok: true;
  /** How many more there may be, and until when that is all. */
  readonly quota: { readonly left: number; readonly seconds: number };
}

/**
 * Counts a request to import or export against its caller's limit (INC-30, TH-07). A caller that is blocked
 * costs one read of KV; any other one batch more.
 *
 * @throws StoreUnavailable
 */
export async function admitTransfer(
  deps: Deps,
  { client, now }: Pick<ServiceCall, "client" | "now">,
  transfer: Transfer,
): Promise<AdmittedTransfer | Failure> {
  const counter = await transferCounter(deps.config.keyring, transfer, client.actor ?? "");
  const standing = await deps.blocks.findEnd([counter.key]);
  if (standing !== null && standing > now) return tooManyAttempts(standing, now, transfer);
  const { counted, state } = await countUse(deps.db, counter, now);
  const { failures, windowEndsAt, blockedUntil } = state;
  if (blockedUntil !== null && blockedUntil > now) {
    publishBlocks(deps, [{ key: counter.key, blockedUntil }], now);
    if (!counted) return tooManyAttempts(blockedUntil, now, transfer);
    return { ok: true, quota: { left: 0, seconds: secondsUntil(blockedUntil, now) } };
  }
  const left = Math.max(transferQuota[transfer].most - failures, 0);
  return { ok: true, quota: { left, seconds: secondsUntil(windowEndsAt, now) } };
}
