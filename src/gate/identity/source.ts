import type { Config } from "../../config.ts";
import type { FirstFactorSource } from "../../domain/first-factor-source.ts";
import { requestHeaders } from "../headers.ts";
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
  /** The parameters of the address that was asked for: where a proxy asks, not those of `url`. */
  readonly query: URLSearchParams;
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
      // The origin is asked as it would be by the gate on behalf of nobody.
      const asForwarded = requestHeaders(headers, { ...visit, vouched: null });
      const whoAmI = new URL(firstFactor.whoAmI, base).href;
      return originSource(firstFactor, { headers: asForwarded, query: visit.query, whoAmI });
    }
    case "jwt":
      return jwtSource(firstFactor, headers, now);
    case "proxy":
      return proxySource(firstFactor, headers, trusted);
  }
}
