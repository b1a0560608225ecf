import { createMiddleware } from "hono/factory";
import { secureHeaders } from "hono/secure-headers";
import type { AppEnv } from "../context.ts";

/**
 * Headers of everything that the Worker answers by itself (STANDARDS WB-03). `form-action` is `'self'` and not
 * a list, because a form's answer redirects within this host only.
 */
export const securityHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
    objectSrc: ["'none'"],
  },
  strictTransportSecurity: "max-age=31536000; includeSubDomains",
  xFrameOptions: "DENY",
  // Not `no-referrer`: with that, browsers send `Origin: null` with this site's own forms.
  referrerPolicy: "same-origin",
  crossOriginOpenerPolicy: "same-origin",
  crossOriginResourcePolicy: "same-origin",
});

/**
 * Puts the Worker's own headers on what the Worker answers by itself, and leaves an origin's answer alone.
 * Nothing of the Worker's is kept by a cache, unless its route says otherwise (STANDARDS SE-13).
 */
export const ownHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (c.var.forwarded === true) return;
  await securityHeaders(c, async () => {});
  if (!c.res.headers.has("Cache-Control")) c.header("Cache-Control", "no-store");
  c.header("X-Request-Id", c.var.client.requestId);
});
