import { createMiddleware } from "hono/factory";
import { isSafeMethod } from "../../core/policy/safe-method.ts";
import { readBearerToken } from "../caller.ts";
import type { AppContext, AppEnv } from "../context.ts";
import { readChallengeCookie, readPendingCookie, readSessionCookie } from "../cookies.ts";
import { respondWithFailure } from "../problem/failure-response.tsx";

/**
 * Refuses requests with an unsafe method that another site may have caused (WB-01). hono's `csrf` relies on the preflight
 * for JSON; here every unsafe request needs a same-origin `Sec-Fetch-Site` or `Origin`. A request with neither header is
 * not from a browser: it passes with a bearer token or without a cookie of Sallyport.
 */
export const requireSameOrigin = createMiddleware<AppEnv>(async (c, next) => {
  const safe = isSafeMethod(c.req.method);
  if (safe || isOwn(c)) return next();
  return respondWithFailure(c, { ok: false, reason: "cross_origin" });
});

function isOwn(c: AppContext): boolean {
  const site = c.req.header("Sec-Fetch-Site");
  if (site !== undefined) return site === "same-origin";
  const origin = c.req.header("Origin");
  // Compares hosts, not schemes: behind a proxy that ends TLS the Worker sees another scheme than the browser.
  if (origin !== undefined) return URL.parse(origin)?.host === new URL(c.req.url).host;
  return readBearerToken(c) !== undefined || !carriesCookie(c);
}

function carriesCookie(c: AppContext): boolean {
  return [readSessionCookie, readPendingCookie, readChallengeCookie].some((read) => read(c) !== undefined);
}
