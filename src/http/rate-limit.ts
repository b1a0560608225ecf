import type { ExceededLimit } from "../domain/failure.ts";
import { codeAttemptLimits } from "../domain/second-factor/code-budget.ts";
import {
  enrolmentQuota,
  signInQuotaPerNetworkAndAccount,
  transferQuotas,
} from "../domain/sign-in/throttle.ts";
import type { AppContext } from "./context.ts";

/** The remainder of a limit, and when it grows again. */
export interface RateLimitRemainder {
  readonly left: number;
  /** Until the limit allows more. */
  readonly seconds: number;
}

/**
 * One policy for each limit, whichever of its counters (network, account, known device) blocks: naming the counter would
 * reveal who has tried before. Codes have no window, because their failures do not expire.
 */
const policies: Record<ExceededLimit, string> = {
  first_factor: `"first-factor";q=${signInQuotaPerNetworkAndAccount.most};w=${signInQuotaPerNetworkAndAccount.windowSeconds}`,
  second_factor: `"second-factor";q=${codeAttemptLimits.failuresPerCoolDown}`,
  setup: `"setup";q=${enrolmentQuota.most};w=${enrolmentQuota.windowSeconds}`,
  imports: `"imports";q=${transferQuotas.imports.most};w=${transferQuotas.imports.windowSeconds}`,
  exports: `"exports";q=${transferQuotas.exports.most};w=${transferQuotas.exports.windowSeconds}`,
};

/**
 * Returns `RateLimit-Policy` and, with a remainder, `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11).
 *
 * @param remainder null: the caller must not learn it
 */
export function rateLimitHeaders(
  limit: ExceededLimit,
  remainder: RateLimitRemainder | null,
): Record<string, string> {
  const policy = policies[limit];
  if (remainder === null) return { "RateLimit-Policy": policy };
  const [name] = policy.split(";", 1);
  return { "RateLimit-Policy": policy, RateLimit: `${name};r=${remainder.left};t=${remainder.seconds}` };
}

/** Sets `RateLimit-Policy` and `RateLimit` on the response that the handler will return: the limit, and what is left of it. */
export function setRateLimitHeaders(
  c: AppContext,
  limit: ExceededLimit,
  remainder: RateLimitRemainder,
): void {
  for (const [name, value] of Object.entries(rateLimitHeaders(limit, remainder))) c.header(name, value);
}
