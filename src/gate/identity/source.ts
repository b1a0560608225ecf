import type { Config } from "../../config/config.ts";
import { hasMalformedOwnCookie, withoutCookies } from "../../core/parsing/cookie-header.ts";
import { isUndecodable } from "../../core/parsing/undecodable.ts";
import { carriesMoreThanOwnToken } from "../../core/tokens/own-token.ts";
import type { FirstFactorSource } from "../../domain/sign-in/first-factor-source.ts";
import { siteHeaders } from "../headers.ts";
import type { VisitCredentials } from "./credentials.ts";
import { jwtSource } from "./jwt.ts";
import { originSource } from "./origin.ts";
import { proxySource } from "./proxy-header.ts";

/** What a request brings along for its first factor. */
export interface Visit {
  /** As the visitor sent them. */
  readonly headers: Headers;
  /** The Worker's own cookies, which no source sees. */
  readonly ownCookies: readonly string[];
  readonly url: URL;
  /** The path of the address that was asked for, as the client sent it. */
  readonly path: string;
  /** The query string of the address that was asked for, without the `?`: where a proxy asks, not that of `url`. */
  readonly query: string;
  /** A proxy asks: the site gets the bytes of the visitor's request, which the Worker may not be able to repeat. */
  readonly isProxyQuestion: boolean;
  readonly publicOrigin: string;
  readonly address: string | null;
  /** The request has shown `PROXY_KEY`. */
  readonly trusted: boolean;
  readonly now: Date;
}

/** The source of the first factor, for one request. Null: passwords are. */
export function createSource(config: Config, visit: Visit): FirstFactorSource | null {
  const { firstFactor, originUrl } = config;
  const { headers, url, trusted, now } = visit;
  switch (firstFactor.kind) {
    case "password":
      return null;
    case "origin": {
      const base = originUrl === null || originUrl === "route" ? url.origin : originUrl;
      const { path, publicOrigin, address } = visit;
      const whoAmI = { url: new URL(firstFactor.whoAmI, base).href, publicOrigin, address };
      return originSource(firstFactor, { ...readSiteCredentials(visit), path }, whoAmI);
    }
    case "jwt":
      return jwtSource(firstFactor, headers, now);
    case "proxy":
      return proxySource(firstFactor, headers, trusted);
  }
}

/**
 * What can be a credential at the site: only what reaches the site. The Worker's own tokens and cookies do not, but a
 * proxy removes them by patterns. A request that has them in any other form than the Worker writes them is unclear, and so
 * is one whose bytes the Worker cannot repeat to the who-am-I (INC-23, INC-36).
 */
function readSiteCredentials({ headers, ownCookies, query, isProxyQuestion }: Visit): VisitCredentials {
  const authorization = headers.get("Authorization") ?? "";
  const cookieHeader = headers.get("Cookie") ?? "";
  const sent = siteHeaders(headers);
  return {
    headers: sent,
    cookies: withoutCookies(sent.get("Cookie") ?? "", ownCookies),
    query,
    isUnclear:
      carriesMoreThanOwnToken(authorization) ||
      hasMalformedOwnCookie(cookieHeader, ownCookies) ||
      (isProxyQuestion && isUndecodable(cookieHeader)),
  };
}
