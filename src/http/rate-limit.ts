import type { Limit } from "../domain/failure.ts";
import { codeBudget } from "../domain/second-factor/code-budget.ts";
import { firstFactorQuota, setupQuota, transferQuota } from "../domain/sign-in/throttle.ts";
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
const policies: Record<Limit, string> = {
  first_factor: `"first-factor";q=${firstFactorQuota.most};w=${firstFactorQuota.windowSeconds}`,
  second_factor: `"second-factor";q=${codeBudget.failuresPerCoolDown}`,
  setup: `"setup";q=${setupQuota.most};w=${setupQuota.windowSeconds}`,
  imports: `"imports";q=${transferQuota.imports.most};w=${transferQuota.imports.windowSeconds}`,
  exports: `"exports";q=${transferQuota.exports.most};w=${transferQuota.exports.windowSeconds}`,
};

/**
 * Returns `RateLimit-Policy` and, with a remainder, `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11).
 *
 * @param remainder null: the caller must not learn it
 */
export function rateLimitHeaders(limit: Limit, remainder: RateLimitRemainder | null): Record<string, string> {
  const policy = policies[limit];
  if (remainder === null) return { "RateLimit-Policy": policy };
  const [name] = policy.split(";", 1);
  return { "RateLimit-Policy": policy, RateLimit: `${name};r=${remainder.left};t=${remainder.seconds}` };
}

/** Sets `RateLimit-Policy` and `RateLimit` on the response that the handler will return: the limit, and what is left of it. */
export function setRateLimitHeaders(c: AppContext, limit: Limit, remainder: RateLimitRemainder): void {
  for (const [name, value] of Object.entries(rateLimitHeaders(limit, remainder))) c.header(name, value);
}
