import { isPathAtOrBelow, rawPathOf } from "../core/parsing/raw-path.ts";
import { type HandedOverFirstFactor, verifyHandOverToken } from "../core/tokens/hand-over-token.ts";
import type { FirstFactorSource } from "../domain/sign-in/first-factor-source.ts";
import { withHandedOverFirstFactor } from "../domain/sign-in/hand-over.ts";
import { readOriginalMethodAndUri } from "../gate/authorize-proxied.ts";
import { createFirstFactorSource } from "../gate/identity/source.ts";
import type { AppContext } from "./context.ts";
import { readHandOverCookie, sallyportCookieNames } from "./cookies.ts";

/** The path, below `BASE_PATH`, of the call with which a script hands its first factor over to Sallyport's pages. */
export const handOverPath = "/hand-over";

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
  handedOver: HandedOverFirstFactor | null,
): FirstFactorSource | null {
  if (c.get("config").firstFactor.kind === "password") return null;
  const { config, deps, publicOrigin, client } = c.var;
  const url = c.var.url();
  const { address } = client;
  const { headers } = c.req.raw;
  const isForwardAuth = isForwardAuthPath(c);
  const original = isForwardAuth ? readOriginalMethodAndUri(headers) : null;
  const path = original?.path ?? rawPathOf(c.req.url);
  const query = original === null ? url.search.slice(1) : original.uri.slice(original.path.length + 1);
  const visit = { headers, ownCookies: sallyportCookieNames, publicOrigin, address, url, path, query };
  const source = createFirstFactorSource(config, { ...visit, isForwardAuth, trusted, now, log: deps.log });
  return source === null || handedOver === null
    ? source
    : withHandedOverFirstFactor(config.keyring, source, handedOver);
}

const isForwardAuthPath = (c: AppContext) =>
  forwardAuthPaths.some((path) => c.req.path === c.var.config.basePath + path);

/**
 * Reads and verifies the hand-over cookie. Returns null without a valid cookie, for a request that can reach the site, for a forward-auth
 * request, and for `POST /hand-over` itself (INC-40).
 */
export async function readHandedOverFirstFactor(
  c: AppContext,
  now: Date,
): Promise<HandedOverFirstFactor | null> {
  const { basePath, firstFactor, keyring } = c.var.config;
  const token = firstFactor.kind === "password" ? undefined : readHandOverCookie(c);
  if (token === undefined || !isPathAtOrBelow(basePath, c.req.path)) return null;
  if (isForwardAuthPath(c) || c.req.path === basePath + handOverPath) return null;
  return verifyHandOverToken(keyring, token, now);
}
