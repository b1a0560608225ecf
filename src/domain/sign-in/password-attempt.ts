import { formatClientNetwork } from "../../core/parsing/client-network.ts";
import type { ClientContext } from "../../store/service/audit.ts";
import {
  countSignInFailure,
  type SignInOutcome,
  type WrongPassword,
} from "../../store/sessions/sign-in-batch.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttempts } from "../failure.ts";
import {
  type FirstFactorCounters,
  findBlockEnd,
  firstFactorCounters,
  lastBlockEnd,
  type PasswordAttempt,
  publishBlocks,
} from "./throttle.ts";

/**
 * A password attempt that neither the rate limit nor a block in KV refuses. The password is not compared yet, and nothing is
 * counted.
 */
export interface UnblockedPasswordAttempt {
  readonly ok: true;
  readonly attempt: PasswordAttempt;
  readonly counters: FirstFactorCounters;
}

/** Computes the counters of a password attempt, and fails when the rate limit or a block in KV refuses it. No D1 trip. */
export async function startPasswordAttempt(
  deps: Deps,
  account: { readonly realm: string; readonly username: string },
  { client, devices, now }: { readonly client: ClientContext; readonly devices: string; readonly now: Date },
): Promise<UnblockedPasswordAttempt | Failure> {
  const attempt = { ...account, network: formatClientNetwork(client.address), devices };
  const counters = await firstFactorCounters(deps.config.keyring, attempt, now);
  const blockEnd = await findBlockEnd(deps, counters, now);
  return blockEnd === null ? { ok: true, attempt, counters } : tooManyAttempts(blockEnd, now, "first_factor");
}

/** Counts a wrong password in D1. One batch. `blocked`: a counter blocked already, and nothing was counted. */
export async function countWrongPassword(
  deps: Deps,
  wrong: WrongPassword,
  now: Date,
): Promise<{ readonly result: SignInOutcome; readonly blocked: Failure | null }> {
  const result = await countSignInFailure(deps.db, wrong, now);
  return { result, blocked: publishAndFindBlock(deps, result, now) };
}

/**
 * Publishes the blocks that a batch has found. The failure when the batch did nothing because of one: right and wrong
 * passwords get the same response then.
 */
export function publishAndFindBlock(
  deps: Deps,
  { done, overflows }: SignInOutcome,
  now: Date,
): Failure | null {
  publishBlocks(deps, overflows, now);
  const until = lastBlockEnd(overflows);
  return done || until === null ? null : tooManyAttempts(until, now, "first_factor");
}
