import { createMiddleware } from "hono/factory";
import { isSafeMethod } from "../../core/policy/safe-method.ts";
import { readBearerToken } from "../caller.ts";
import type { AppContext, AppEnv } from "../context.ts";
import { readChallengeCookie, readPendingCookie, readSessionCookie } from "../cookies.ts";
import { respondWithFailure } from "../problem/failure-response.tsx";

/**
 * Refuses state-changing requests that another site may have caused (WB-01). hono's own middleware
 * leaves JSON to the browser's preflight; here every unsafe method has to show where it comes from: a browser
 * says it in `Sec-Fetch-Site` or `Origin`. Who says neither is no browser, and may go on without a cookie.
 */
export const sameOrigin = createMiddleware<AppEnv>(async (c, next) => {
  const safe = isSafeMethod(c.req.method);
  if (safe || isOwn(c)) return next();
  return respondWithFailure(c, { ok: false, reason: "cross_origin" });
});

function isOwn(c: AppContext): boolean {
  const site = c.req.header("Sec-Fetch-Site");
  if (site !== undefined) return site === "same-origin";
  const origin = c.req.header("Origin");
  // The scheme is left out: behind a proxy that ends TLS the Worker sees another one than the browser.
  if (origin !== undefined) return URL.parse(origin)?.host === new URL(c.req.url).host;
  return readBearerToken(c) !== undefined || !carriesCookie(c);
}

function carriesCookie(c: AppContext): boolean {
  return [readSessionCookie, readPendingCookie, readChallengeCookie].some((read) => read(c) !== undefined);
}
