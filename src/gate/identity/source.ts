import type { Config } from "../../config.ts";
import type { FirstFactorSource } from "../../domain/first-factor-source.ts";
import { jwtSource } from "./jwt.ts";
import { originSource } from "./origin.ts";
import { proxySource } from "./proxy.ts";

/** What a request brings along for its first factor. */
export interface Visit {
  /** Without anything of the Worker's own: neither its cookies nor its bearer token. */
  readonly headers: Headers;
  readonly url: URL;
  /** The request has shown `PROXY_KEY`. */
  readonly trusted: boolean;
  readonly now: Date;
}

/** The source of the first factor, for one request. Null: passwords are. */
export function createSource(
  config: Config,
  { headers, url, trusted, now }: Visit,
): FirstFactorSource | null {
  const { firstFactor, originUrl } = config;
  switch (firstFactor.kind) {
    case "password":
      return null;
    case "origin": {
      const base = originUrl === null || originUrl === "route" ? url.origin : originUrl;
      return originSource(firstFactor, { headers, whoAmI: new URL(firstFactor.whoAmI, base).href });
    }
    case "jwt":
      return jwtSource(firstFactor, headers, now);
    case "proxy":
      return proxySource(firstFactor, headers, trusted);
  }
}
