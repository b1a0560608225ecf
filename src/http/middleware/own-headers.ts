import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";

/** `form-action` is `'self'` and not a list, because a form's answer redirects within this host only. */
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
 * Headers of everything that the Worker answers by itself (WB-03). A list, and not a library's middleware: that
 * puts it together anew for each answer, and the gate's answers come with every request of a site.
 */
export const securityHeaders: readonly (readonly [name: string, value: string])[] = [
  ["Content-Security-Policy", contentSecurityPolicy],
  ["Strict-Transport-Security", "max-age=31536000; includeSubDomains"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
  // Not `no-referrer`: with that, browsers send `Origin: null` with this site's own forms.
  ["Referrer-Policy", "same-origin"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
];

const dressed = new Response(null, { headers: [...securityHeaders, ["Cache-Control", "no-store"]] });

/** An answer without a body that has its own headers already: the runtime copies all of them for the price of one. */
export const emptyResponse = (): Response => new Response(null, dressed);

/**
 * Puts the Worker's own headers on what the Worker answers by itself, and leaves an origin's answer alone.
 * Nothing of the Worker's is kept by a cache, unless its route says otherwise (SE-13).
 */
export const ownHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  const headersSetBy = c.get("headersSetBy");
  if (headersSetBy === "origin") return;
  const { headers } = c.res;
  headers.set("X-Request-Id", c.get("client").requestId);
  if (headersSetBy === "forward_auth") return;
  for (const [name, value] of securityHeaders) headers.set(name, value);
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
});
