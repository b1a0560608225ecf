import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";
import { ownPagePath } from "../sign-in-redirect.ts";

const redirectedMethods: readonly string[] = ["GET", "HEAD", "POST"];

/**
 * Redirects an address below `BASE_PATH` that ends with a slash to the one without it (308, so that method and body stay).
 *
 * A redirect and not the same response: a proxy may have rules for the exact address, as the examples have for the forward-auth
 * endpoints. The client sends another request, to which the proxy applies them (INC-34).
 *
 * Other methods get a 404. To a client with an empty id, `DELETE /sessions/` is about one session, and `DELETE /sessions` ends all.
 */
export const redirectTrailingSlash = createMiddleware<AppEnv>(async (c, next) => {
  const { path, method } = c.req;
  if (!path.endsWith("/") || !redirectedMethods.includes(method)) return next();
  // Not to BASE_PATH: nginx can redirect that to this address.
  if (path === `${c.var.config.basePath}/`) return c.redirect(ownPagePath(c, "/account"), 303);
  return c.redirect(path.slice(0, -1) + c.var.url().search, 308);
});
