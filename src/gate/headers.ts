import type { Config } from "../config/config.ts";
import type { FirstFactorConfig } from "../config/first-factor-config.ts";
import { BoundedMap } from "../core/lib/bounded-map.ts";
import { lazyPerObject } from "../core/lib/lazy.ts";
import { removeNamedCookies, setsNamedCookie } from "../core/parsing/cookie-header.ts";
import { foldNameToUnderscores } from "../core/parsing/folded-name.ts";
import { hasReplacementCharacter } from "../core/parsing/undecodable.ts";
import type { AssertedIdentity } from "../core/tokens/assertion.ts";
import { hasSallyportBearerToken } from "../core/tokens/own-token.ts";
import { createClearedHeaderTest, isMethodOverrideHeader, isPlainHeaderName } from "./cleared-headers.ts";
import { copyWithoutConnectionHeaders } from "./connection-headers.ts";
import {
  findVisitorAddresses,
  type SiteAddresses,
  toOriginAddresses,
  withoutOriginDomain,
} from "./site-addresses.ts";

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
  /** The site's addresses with `ORIGIN_HOST=origin`, otherwise null: addresses in headers stay as they are. */
  readonly site: SiteAddresses | null;
  readonly config: OriginHeadersConfig;
}

type OriginHeadersConfig = Pick<Config, "firstFactor" | "methodOverride" | "dropHeaders" | "keepHeaders">;

/**
 * Creates the headers for the origin: the client's headers without those that only the gate may set (WB-05, INC-08), and
 * the gate's own.
 */
export function createOriginHeaders(received: Headers, input: OriginHeadersInput): Headers {
  const headers = copyWithoutConnectionHeadersAndOwnToken(received);
  const isRemoved = findRemovalTest(input.config);
  for (const name of [...headers.keys()]) if (isRemoved(name)) headers.delete(name);
  replaceCookies(headers, input);
  if (input.site !== null) toOriginAddresses(headers, input.site);
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

/** Results for longer names are not cached, so that a client can't fill the memory with them. */
const maxCachedNameLength = 64;

/**
 * Returns the test for client headers that are not forwarded. Created once for each configuration. It caches the results for a thousand
 * names, because most requests have the same names.
 */
const findRemovalTest = lazyPerObject((config: OriginHeadersConfig) => {
  const isRemoved = createRemovalTest(config);
  const results = new BoundedMap<string, boolean>(1000);
  return (name: string): boolean => {
    const known = results.get(name);
    if (known !== undefined) return known;
    const result = isRemoved(name);
    if (name.length <= maxCachedNameLength) results.set(name, result);
    return result;
  };
});

function createRemovalTest(config: OriginHeadersConfig): (name: string) => boolean {
  const isCleared = createClearedHeaderTest(config);
  const isFirstFactorHeader = firstFactorHeaders(config.firstFactor);
  const isForwarded = config.methodOverride === "pass" ? isMethodOverrideHeader : noHeader;
  const isConfigured = configuredHeaders(config.firstFactor);
  return (name) =>
    (isCleared(name) && !isForwarded(name)) ||
    isFirstFactorHeader(name) ||
    !(isPlainHeaderName(name) || isConfigured(name));
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

/**
 * Removes the Worker's own cookies. A header without one of them is not set again, because the runtime would replace its bytes that are
 * not UTF-8. With `FIRST_FACTOR=origin` such a header is set all the same: the site must get the same text as its who-am-I (INC-36).
 */
function replaceCookies(headers: Headers, { ownCookies, config }: OriginHeadersInput): void {
  const cookies = headers.get("Cookie");
  if (cookies === null) return;
  const foreign = removeNamedCookies(cookies, ownCookies);
  if (foreign === null) headers.delete("Cookie");
  else if (foreign !== cookies || (config.firstFactor.kind === "origin" && hasReplacementCharacter(cookies)))
    headers.set("Cookie", foreign);
}

/**
 * Returns a copy of the response's headers without cookies that would replace the Worker's own, and with the origin's address replaced by
 * the visitor's. Null when nothing changes, so that the response can be returned as it is.
 *
 * @param site the site's addresses with `ORIGIN_HOST=origin`, otherwise null
 */
export function copyResponseHeaders(
  received: Headers,
  ownCookies: readonly string[],
  site: SiteAddresses | null,
): Headers | null {
  const addresses = site === null ? [] : findVisitorAddresses(received, site);
  const cookies = received.getSetCookie();
  const foreign = cookies
    .filter((cookie) => !setsNamedCookie(cookie, ownCookies))
    .map((cookie) => (site === null ? cookie : withoutOriginDomain(cookie, site)));
  const keepsCookies = foreign.length === cookies.length && foreign.every((it, i) => it === cookies[i]);
  if (keepsCookies && addresses.length === 0) return null;
  const headers = new Headers(received);
  for (const [name, value] of addresses) headers.set(name, value);
  if (keepsCookies) return headers;
  headers.delete("Set-Cookie");
  for (const cookie of foreign) headers.append("Set-Cookie", cookie);
  return headers;
}
