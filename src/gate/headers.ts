import type { FirstFactorConfig } from "../config/first-factor-config.ts";
import { parseCookieName, withoutCookies } from "../core/parsing/cookie-header.ts";
import { foldName } from "../core/parsing/folded-name.ts";
import type { AssertedIdentity } from "../core/tokens/assertion.ts";
import { carriesOwnToken } from "../core/tokens/own-token.ts";
import { isClearedHeader, isOverrideHeader, isPlainName } from "./cleared-headers.ts";
import { withoutConnectionHeaders } from "./connection-headers.ts";

/** Somebody, and the Worker's signature for it. */
export interface SignedIdentity {
  readonly identity: AssertedIdentity;
  readonly assertion: string;
}

/** What the origin is told about a request that passed. */
export interface ForwardedFacts {
  /** Null: nobody had to be signed in, and nobody is. */
  readonly vouched: SignedIdentity | null;
  readonly address: string | null;
  /** The scheme and host that the visitor sees. */
  readonly publicOrigin: string;
  /** The Worker's own cookies, which the origin never sees. */
  readonly ownCookies: readonly string[];
  readonly firstFactor: FirstFactorConfig;
  /** `METHOD_OVERRIDE=pass`: the client may ask the origin for another method in a header. */
  readonly overridesForwarded?: boolean;
}

/**
 * The headers for the origin: what the client sent, without anything that only the gate may say
 * (WB-05, INC-08), and then what the gate says.
 */
export function requestHeaders(received: Headers, facts: ForwardedFacts): Headers {
  const headers = siteHeaders(received);
  const isFirstFactorHeader = firstFactorHeaders(facts.firstFactor);
  const isForwarded = facts.overridesForwarded === true ? isOverrideHeader : noHeader;
  const isConfigured = configuredHeaders(facts.firstFactor);
  for (const name of [...headers.keys()]) {
    const isCleared = isClearedHeader(name) && !isForwarded(name);
    if (isCleared || isFirstFactorHeader(name) || !(isPlainName(name) || isConfigured(name)))
      headers.delete(name);
  }
  replaceCookies(headers, facts.ownCookies);
  const [scheme = "", host = ""] = facts.publicOrigin.split("://");
  headers.set("X-Forwarded-Host", host);
  headers.set("X-Forwarded-Proto", scheme);
  if (facts.address !== null) headers.set("X-Forwarded-For", facts.address);
  if (facts.vouched === null) return headers;
  const { identity, assertion } = facts.vouched;
  headers.set("Remote-User", identity.username);
  if (identity.email !== null) headers.set("Remote-Email", identity.email);
  headers.set("X-Sallyport-Assertion", assertion);
  return headers;
}

const noHeader = (_: string) => false;

/**
 * The headers of a first factor that the origin must not see. A proxy's user header is for the Worker. Of a token's header
 * only the spelling that the Worker has read may pass: the origin may read another one (INC-26).
 */
function firstFactorHeaders(config: FirstFactorConfig): (name: string) => boolean {
  if (config.kind !== "proxy") return otherSpellings(credentialHeaders(config));
  const folded = [config.userHeader, config.emailHeader].map(foldName);
  return (name) => folded.includes(foldName(name));
}

/** The headers that carry the site's credentials. The operator may have named one with any character. */
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
  const folded = names.map(foldName);
  const exact = names.map((name) => name.toLowerCase());
  return (name) => folded.includes(foldName(name)) && !exact.includes(name.toLowerCase());
}

/** What a client sends that may be the site's: nothing about the client's connection, and no token of the Worker's own. */
export function siteHeaders(received: Headers): Headers {
  const headers = withoutConnectionHeaders(received);
  if (carriesOwnToken(headers.get("Authorization") ?? "")) headers.delete("Authorization");
  return headers;
}

function replaceCookies(headers: Headers, ownCookies: readonly string[]): void {
  const cookies = headers.get("Cookie");
  if (cookies === null) return;
  const foreign = withoutCookies(cookies, ownCookies);
  if (foreign === null) headers.delete("Cookie");
  else headers.set("Cookie", foreign);
}

/**
 * The headers for the client: the origin's, without cookies that would take the place of the Worker's. Null: there are
 * none of those, and the answer is handed on as it is.
 */
export function responseHeaders(received: Headers, ownCookies: readonly string[]): Headers | null {
  const cookies = received.getSetCookie();
  if (cookies.length === 0) return null;
  const own = ownCookies.map(foldName);
  const foreign = cookies.filter((cookie) => !own.includes(foldName(parseCookieName(cookie))));
  if (foreign.length === cookies.length) return null;
  const headers = new Headers(received);
  headers.delete("Set-Cookie");
  for (const cookie of foreign) headers.append("Set-Cookie", cookie);
  return headers;
}
