import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";

/** `form-action` needs no other host than `'self'`: responses to forms redirect within this host only. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "object-src 'none'",
].join("; ");

/**
 * The security headers of every response that is not the origin's (WB-03). Not hono's `secureHeaders`, which builds the
 * list for each response: forward-auth responses are on the path of every request of a site.
 */
export const securityHeaders: readonly (readonly [name: string, value: string])[] = [
  ["Content-Security-Policy", contentSecurityPolicy],
  ["Strict-Transport-Security", "max-age=31536000; includeSubDomains"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
  // With `no-referrer` browsers would send `Origin: null` with Sallyport's own forms, which `requireSameOrigin` refuses.
  ["Referrer-Policy", "same-origin"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
];

const template = new Response(null, { headers: [...securityHeaders, ["Cache-Control", "no-store"]] });

/** Creates a response without a body that has the security headers already: one copy is faster than setting each header. */
export const createEmptyResponseWithSecurityHeaders = (): Response => new Response(null, template);

/**
 * Sets the security headers and `X-Request-Id` on every response that is not the origin's. Sets `Cache-Control: no-store`
 * too, unless the route has set another value (SE-13).
 */
export const setOwnResponseHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  const headersSetBy = c.get("headersSetBy");
  if (headersSetBy === "origin") return;
  const { headers } = c.res;
  headers.set("X-Request-Id", c.get("client").requestId);
  if (headersSetBy === "forward_auth") return;
  for (const [name, value] of securityHeaders) headers.set(name, value);
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
});
