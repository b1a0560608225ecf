import { formatClientNetwork } from "../../core/parsing/client-network.ts";
import type { ClientAndActor } from "../../store/service/audit.ts";
import {
  type CountSignInFailureInput,
  countSignInFailure,
  type SignInBatchResult,
} from "../../store/sessions/sign-in-batch.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttemptsFailure } from "../failure.ts";
import {
  checkRateLimitAndFindBlockEnd,
  computePasswordAttemptCounters,
  lastBlockEnd,
  type PasswordAttempt,
  type PasswordAttemptCounters,
  publishBlocks,
} from "./throttle.ts";

/**
 * A password attempt that neither the rate limit nor a block in KV refuses. The password is not compared yet, and nothing is
 * counted.
 */
export interface UnblockedPasswordAttempt {
  readonly ok: true;
  readonly attempt: PasswordAttempt;
  readonly counters: PasswordAttemptCounters;
}

/** Computes the counters of a password attempt, and fails when the rate limit or a block in KV refuses it. No D1 trip. */
export async function startPasswordAttempt(
  deps: Deps,
  account: { readonly realm: string; readonly username: string },
  { client, devices, now }: { readonly client: ClientAndActor; readonly devices: string; readonly now: Date },
): Promise<UnblockedPasswordAttempt | Failure> {
  const attempt = { ...account, network: formatClientNetwork(client.address), devices };
  const counters = await computePasswordAttemptCounters(deps.config.keyring, attempt, now);
  const blockEnd = await checkRateLimitAndFindBlockEnd(deps, counters, now);
  return blockEnd === null
    ? { ok: true, attempt, counters }
    : tooManyAttemptsFailure(blockEnd, now, "first_factor");
}

/** Counts a wrong password in D1. One batch. `blocked`: a counter blocked already, and nothing was counted. */
export async function countWrongPassword(
  deps: Deps,
  wrong: CountSignInFailureInput,
  now: Date,
): Promise<{ readonly result: SignInBatchResult; readonly blocked: Failure | null }> {
  const result = await countSignInFailure(deps.db, wrong, now);
  return { result, blocked: publishBlocksAndFindFailure(deps, result, now) };
}

/**
 * Publishes the blocks that a batch has found. The failure when the batch did nothing because of one: right and wrong
 * passwords get the same response then.
 */
export function publishBlocksAndFindFailure(
  deps: Deps,
  { done, overflows }: SignInBatchResult,
  now: Date,
): Failure | null {
  publishBlocks(deps, overflows, now);
  const until = lastBlockEnd(overflows);
  return done || until === null ? null : tooManyAttemptsFailure(until, now, "first_factor");
}
