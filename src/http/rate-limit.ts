import type { Limit } from "../domain/failure.ts";
import { codeBudget } from "../domain/second-factor/code-budget.ts";
import { firstFactorQuota, setupQuota, transferQuota } from "../domain/sign-in/throttle.ts";
import type { AppContext } from "./context.ts";

/** What is left of a limit. */
export interface Remainder {
  readonly left: number;
  /** Until more is to be had. */
  readonly seconds: number;
}

/**
 * One policy a limit, whichever of its counters it is that blocks: a network's, an account's or a known device's
 * say different things about who has been there. Codes have no window, because their failures are never forgotten.
 */
const policies: Record<Limit, string> = {
  first_factor: `"first-factor";q=${firstFactorQuota.most};w=${firstFactorQuota.windowSeconds}`,
  second_factor: `"second-factor";q=${codeBudget.failuresPerCoolDown}`,
  setup: `"setup";q=${setupQuota.most};w=${setupQuota.windowSeconds}`,
  imports: `"imports";q=${transferQuota.imports.most};w=${transferQuota.imports.windowSeconds}`,
  exports: `"exports";q=${transferQuota.exports.most};w=${transferQuota.exports.windowSeconds}`,
};

/** `RateLimit-Policy` and, where it may be known what is left, `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11). */
export function rateLimitHeaders(limit: Limit, remainder: Remainder | null): Record<string, string> {
  const policy = policies[limit];
  if (remainder === null) return { "RateLimit-Policy": policy };
  const [name] = policy.split(";", 1);
  return { "RateLimit-Policy": policy, RateLimit: `${name};r=${remainder.left};t=${remainder.seconds}` };
}

/** Sets these headers on the response to come. */
export function setRateLimitHeaders(c: AppContext, limit: Limit, remainder: Remainder): void {
  for (const [name, value] of Object.entries(rateLimitHeaders(limit, remainder))) c.header(name, value);
}
