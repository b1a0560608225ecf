import { parseRawPath } from "../core/parsing/raw-path.ts";
import type { FirstFactorSource } from "../domain/sign-in/first-factor-source.ts";
import { readOriginalRequest } from "../gate/authorize-proxied.ts";
import { createFirstFactorSource } from "../gate/identity/source.ts";
import type { AppContext } from "./context.ts";
import { sallyportCookieNames } from "./cookies.ts";

/** The forward-auth endpoints: the request that a proxy asks about is in the headers. */
const forwardAuthPaths = ["/forward-auth", "/auth-request"];

/**
 * Creates the first factor's source for a request. Null where the first factor is a password of Sallyport. At a
 * forward-auth endpoint the source sees the path and query of the request that the proxy asks about.
 */
export function createFirstFactorSourceOfRequest(
  c: AppContext,
  now: Date,
  trusted: boolean,
): FirstFactorSource | null {
  if (c.get("config").firstFactor.kind === "password") return null;
  const { config, deps, publicOrigin, client } = c.var;
  const url = c.var.url();
  const { address } = client;
  const { headers } = c.req.raw;
  const isForwardAuth = forwardAuthPaths.some((path) => c.req.path === config.basePath + path);
  const original = isForwardAuth ? readOriginalRequest(headers) : null;
  const path = original?.path ?? parseRawPath(c.req.url);
  const query = original === null ? url.search.slice(1) : original.uri.slice(original.path.length + 1);
  const visit = { headers, ownCookies: sallyportCookieNames, publicOrigin, address, url, path, query };
  return createFirstFactorSource(config, { ...visit, isForwardAuth, trusted, now, log: deps.log });
}
