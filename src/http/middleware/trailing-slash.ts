import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";
import { ownPagePath } from "../sign-in-redirect.ts";

const redirectedMethods: readonly string[] = ["GET", "HEAD", "POST"];

/**
 * Redirects an address below `BASE_PATH` that ends with a slash to the one without it (308, so that method and body stay).
 *
 * It does not serve the same response, because a proxy may have rules for the exact address, as the examples have for the forward-auth
 * endpoints. The proxy applies them to the new request of the client (INC-34).
 *
 * Other methods, and all requests below `/v1/`, get a 404. A client that builds the address with an empty id would otherwise call another
 * operation: `DELETE /sessions/` (meant for one session) would end all sessions, and `GET /v1/users/` would list all users.
 */
export const redirectTrailingSlash = createMiddleware<AppEnv>(async (c, next) => {
  const { path, method } = c.req;
  if (!path.endsWith("/") || !redirectedMethods.includes(method)) return next();
  if (path.startsWith(`${c.var.config.basePath}/v1/`)) return next();
  // Not to BASE_PATH itself, because nginx can redirect BASE_PATH to this address, which would be a loop.
  if (path === `${c.var.config.basePath}/`) return c.redirect(ownPagePath(c, "/account"), 303);
  return c.redirect(path.slice(0, -1) + c.var.url().search, 308);
});
