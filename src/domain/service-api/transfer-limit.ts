import { countThrottledUse } from "../../store/sessions/throttles.ts";
import type { Deps } from "../deps.ts";
import { type Failure, secondsUntil, tooManyAttemptsFailure } from "../failure.ts";
import { publishBlocks, type TransferKind, transferCounter, transferQuotas } from "../sign-in/throttle.ts";
import type { ServiceCall } from "./service-caller.ts";

/** An import or export request within its limit. */
export interface CountTransferResult {
  readonly ok: true;
  /** The requests left in the current window, and the seconds until it ends. */
  readonly quota: { readonly left: number; readonly seconds: number };
}

/**
 * Counts an import or export request against the limit of its caller (INC-30, TH-07), or refuses it. Costs one read of KV,
 * and one batch unless the caller is blocked.
 *
 * @throws StoreUnavailableError
 */
export async function countTransfer(
  deps: Deps,
  { client, now }: Pick<ServiceCall, "client" | "now">,
  transfer: TransferKind,
): Promise<CountTransferResult | Failure> {
  const counter = await transferCounter(deps.config.keyring, transfer, client.actor ?? "");
  const blockEnd = await deps.blocks.findEnd([counter.key]);
  if (blockEnd !== null && blockEnd > now) return tooManyAttemptsFailure(blockEnd, now, transfer);
  const { counted, state } = await countThrottledUse(deps.db, counter, now);
  const { failures, windowEndsAt, blockedUntil } = state;
  if (blockedUntil !== null && blockedUntil > now) {
    publishBlocks(deps, [{ key: counter.key, blockedUntil }], now);
    if (!counted) return tooManyAttemptsFailure(blockedUntil, now, transfer);
    return { ok: true, quota: { left: 0, seconds: secondsUntil(blockedUntil, now) } };
  }
  const left = Math.max(transferQuotas[transfer].most - failures, 0);
  return { ok: true, quota: { left, seconds: secondsUntil(windowEndsAt, now) } };
}
