import type { Config } from "../../config.ts";
import { withoutCookies } from "../../core/cookie-header.ts";
import type { FirstFactorSource } from "../../domain/first-factor-source.ts";
import { siteHeaders } from "../headers.ts";
import { jwtSource } from "./jwt.ts";
import { originSource } from "./origin.ts";
import { proxySource } from "./proxy.ts";

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
  readonly publicOrigin: string;
  readonly address: string | null;
  /** The request has shown `PROXY_KEY`. */
  readonly trusted: boolean;
  readonly now: Date;
}

/** The source of the first factor, for one request. Null: passwords are. */
export function createSource(config: Config, visit: Visit): FirstFactorSource | null {
  const { firstFactor, originUrl } = config;
  const { headers, ownCookies, url, trusted, now } = visit;
  switch (firstFactor.kind) {
    case "password":
      return null;
    case "origin": {
      const base = originUrl === null || originUrl === "route" ? url.origin : originUrl;
      const { path, query, publicOrigin, address } = visit;
      // Only what reaches the site can be a credential there.
      const sent = siteHeaders(headers);
      const cookies = withoutCookies(sent.get("Cookie") ?? "", ownCookies);
      const whoAmI = { url: new URL(firstFactor.whoAmI, base).href, publicOrigin, address };
      return originSource(firstFactor, { headers: sent, cookies, path, query }, whoAmI);
    }
    case "jwt":
      return jwtSource(firstFactor, headers, now);
    case "proxy":
      return proxySource(firstFactor, headers, trusted);
  }
}
