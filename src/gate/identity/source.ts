import type { Config } from "../../config/config.ts";
import { hasMalformedOwnCookie, removeNamedCookies } from "../../core/parsing/cookie-header.ts";
import { hasReplacementCharacter } from "../../core/parsing/undecodable.ts";
import { hasSallyportBearerTokenAndOtherText } from "../../core/tokens/own-token.ts";
import type { LogFunction } from "../../domain/deps.ts";
import type { FirstFactorSource } from "../../domain/sign-in/first-factor-source.ts";
import { copyWithoutConnectionHeadersAndOwnToken } from "../headers.ts";
import type { CredentialRequestParts } from "./credentials.ts";
import { createJwtFirstFactorSource } from "./jwt.ts";
import { createOriginFirstFactorSource } from "./origin.ts";
import { createProxyFirstFactorSource } from "./proxy-header.ts";

/** The parts of a request by which a source of the first factor identifies the visitor. */
export interface FirstFactorSourceInput {
  /** The headers of the request to the Worker, as the client or the proxy sent them. */
  readonly headers: Headers;
  /** Names of the Worker's own cookies, which are no credentials for a source. */
  readonly ownCookies: readonly string[];
  /** The URL of the request to the Worker. */
  readonly url: URL;
  /** The path of the request for the site, as the client sent it: in a forward-auth request that of the original request. */
  readonly path: string;
  /** The query string of the request for the site, without the `?`: in a forward-auth request that of the original request. */
  readonly query: string;
  /** A forward-auth request: the proxy forwards the original bytes, and the Worker may not be able to send the same ones. */
  readonly isForwardAuth: boolean;
  readonly publicOrigin: string;
  readonly address: string | null;
  /** The request has the right `PROXY_KEY`. */
  readonly trusted: boolean;
  readonly now: Date;
  readonly log: LogFunction;
}

/**
 * Creates the source that `FIRST_FACTOR` configures (who-am-I of the origin, JWT, or header of a proxy), for one request. Null:
 * the first factor is a password, which needs no source.
 */
export function createFirstFactorSource(
  config: Config,
  input: FirstFactorSourceInput,
): FirstFactorSource | null {
  const { firstFactor, originUrl } = config;
  const { headers, url, trusted, now } = input;
  switch (firstFactor.kind) {
    case "password":
      return null;
    case "origin": {
      const base = originUrl === null || originUrl === "route" ? url.origin : originUrl;
      const { path, publicOrigin, address } = input;
      const whoAmI = { url: new URL(firstFactor.whoAmI, base).href, publicOrigin, address };
      return createOriginFirstFactorSource(firstFactor, { ...readCredentialCarriers(input), path }, whoAmI);
    }
    case "jwt":
      return createJwtFirstFactorSource(firstFactor, headers, now, input.log);
    case "proxy":
      return createProxyFirstFactorSource(firstFactor, headers, trusted);
  }
}

/**
 * Returns the headers and the query that reach the site, without the Worker's own tokens and cookies. A proxy removes those
 * by patterns, so a request is unclear when it has them in another form than the Worker writes them. It is also unclear when
 * it has bytes that the Worker cannot send to the who-am-I (INC-23, INC-36).
 */
function readCredentialCarriers({
  headers,
  ownCookies,
  query,
  isForwardAuth,
}: FirstFactorSourceInput): CredentialRequestParts {
  const authorization = headers.get("Authorization") ?? "";
  const cookieHeader = headers.get("Cookie") ?? "";
  const sent = copyWithoutConnectionHeadersAndOwnToken(headers);
  return {
    headers: sent,
    cookies: removeNamedCookies(sent.get("Cookie") ?? "", ownCookies),
    query,
    isUnclear:
      hasSallyportBearerTokenAndOtherText(authorization) ||
      hasMalformedOwnCookie(cookieHeader, ownCookies) ||
      (isForwardAuth && hasReplacementCharacter(cookieHeader)),
  };
}
