import type { FirstFactorConfig } from "../config/first-factor-config.ts";
import { cookieNameOfPair, removeNamedCookies } from "../core/parsing/cookie-header.ts";
import { foldNameToUnderscores } from "../core/parsing/folded-name.ts";
import type { AssertedIdentity } from "../core/tokens/assertion.ts";
import { hasSallyportBearerToken } from "../core/tokens/own-token.ts";
import { isClearedHeader, isMethodOverrideHeader, isPlainHeaderName } from "./cleared-headers.ts";
import { copyWithoutConnectionHeaders } from "./connection-headers.ts";

/** The identity of a visitor, and the assertion (a JWT) that the Worker has signed for it. */
export interface SignedIdentity {
  readonly identity: AssertedIdentity;
  readonly assertion: string;
}

/** What the headers for the origin are made from, beside the client's headers. */
export interface OriginHeadersInput {
  /** The visitor's identity and its assertion. Null: the visitor is anonymous. */
  readonly signedIdentity: SignedIdentity | null;
  /** The client's address. */
  readonly address: string | null;
  /** The scheme and host that the visitor sees. */
  readonly publicOrigin: string;
  /** Names of the Worker's own cookies, which the origin never receives. */
  readonly ownCookies: readonly string[];
  readonly firstFactor: FirstFactorConfig;
  /** True with `METHOD_OVERRIDE=pass`: the client's override headers reach the origin. */
  readonly overridesForwarded?: boolean;
}

/**
 * Creates the headers for the origin: the client's headers without those that only the gate may set (WB-05, INC-08), and
 * the gate's own.
 */
export function createOriginHeaders(received: Headers, input: OriginHeadersInput): Headers {
  const headers = copyWithoutConnectionHeadersAndOwnToken(received);
  const isFirstFactorHeader = firstFactorHeaders(input.firstFactor);
  const isForwarded = input.overridesForwarded === true ? isMethodOverrideHeader : noHeader;
  const isConfigured = configuredHeaders(input.firstFactor);
  for (const name of [...headers.keys()]) {
    const isCleared = isClearedHeader(name) && !isForwarded(name);
    if (isCleared || isFirstFactorHeader(name) || !(isPlainHeaderName(name) || isConfigured(name)))
      headers.delete(name);
  }
  replaceCookies(headers, input.ownCookies);
  const [scheme = "", host = ""] = input.publicOrigin.split("://");
  headers.set("X-Forwarded-Host", host);
  headers.set("X-Forwarded-Proto", scheme);
  if (input.address !== null) headers.set("X-Forwarded-For", input.address);
  if (input.signedIdentity === null) return headers;
  const { identity, assertion } = input.signedIdentity;
  headers.set("Remote-User", identity.username);
  if (identity.email !== null) headers.set("Remote-Email", identity.email);
  headers.set("X-Sallyport-Assertion", assertion);
  return headers;
}

const noHeader = (_: string) => false;

/**
 * Returns the test for headers of the first factor that are not forwarded. A proxy's user header is for the Worker only. Of a
 * token's header only the spelling that the Worker has read is forwarded: the origin may read another one (INC-26).
 */
function firstFactorHeaders(config: FirstFactorConfig): (name: string) => boolean {
  if (config.kind !== "proxy") return otherSpellings(credentialHeaders(config));
  const folded = [config.userHeader, config.emailHeader].map(foldNameToUnderscores);
  return (name) => folded.includes(foldNameToUnderscores(name));
}

/** The configured headers that carry the site's credentials. Their names may have characters beside letters, digits and `-`. */
function credentialHeaders(config: FirstFactorConfig): readonly string[] {
  if (config.kind === "jwt") return config.carrier.kind === "header" ? [config.carrier.name] : [];
  if (config.kind !== "origin") return [];
  return config.credentials.filter(({ kind }) => kind === "header").map(({ name }) => name);
}

function configuredHeaders(config: FirstFactorConfig): (name: string) => boolean {
  const exact = credentialHeaders(config).map((name) => name.toLowerCase());
  return exact.length === 0 ? noHeader : (name) => exact.includes(name.toLowerCase());
}

function otherSpellings(names: readonly string[]): (name: string) => boolean {
  if (names.length === 0) return noHeader;
  const folded = names.map(foldNameToUnderscores);
  const exact = names.map((name) => name.toLowerCase());
  return (name) => folded.includes(foldNameToUnderscores(name)) && !exact.includes(name.toLowerCase());
}

/** Copies a client's headers without those of its connection and without an `Authorization` that carries a token of Sallyport. */
export function copyWithoutConnectionHeadersAndOwnToken(received: Headers): Headers {
  const headers = copyWithoutConnectionHeaders(received);
  if (hasSallyportBearerToken(headers.get("Authorization") ?? "")) headers.delete("Authorization");
  return headers;
}

function replaceCookies(headers: Headers, ownCookies: readonly string[]): void {
  const cookies = headers.get("Cookie");
  if (cookies === null) return;
  const foreign = removeNamedCookies(cookies, ownCookies);
  if (foreign === null) headers.delete("Cookie");
  else headers.set("Cookie", foreign);
}

/**
 * Copies the headers of the origin's response without cookies that would replace the Worker's own. Null when there are no such
 * cookies, so that the response can be returned as it is.
 */
export function copyWithoutOwnSetCookieHeaders(
  received: Headers,
  ownCookies: readonly string[],
): Headers | null {
  const cookies = received.getSetCookie();
  if (cookies.length === 0) return null;
  const own = ownCookies.map(foldNameToUnderscores);
  const foreign = cookies.filter((cookie) => !own.includes(foldNameToUnderscores(cookieNameOfPair(cookie))));
  if (foreign.length === cookies.length) return null;
  const headers = new Headers(received);
  headers.delete("Set-Cookie");
  for (const cookie of foreign) headers.append("Set-Cookie", cookie);
  return headers;
}
