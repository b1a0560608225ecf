import type { AssertedIdentity } from "../core/assertion.ts";
import { cookieName, withoutCookies } from "../core/cookie-header.ts";
import { foldName, foldParameterName } from "../core/folded-name.ts";
import { isClearedHeader, isOverrideHeader } from "./cleared-headers.ts";

/** Somebody, and the Worker's signature for it. */
export interface Vouched {
  readonly identity: AssertedIdentity;
  readonly assertion: string;
}

/** What the origin is told about a request that passed. */
export interface ForwardedFacts {
  /** Null: nobody had to be signed in, and nobody is. */
  readonly vouched: Vouched | null;
  readonly address: string | null;
  /** The scheme and host that the visitor sees. */
  readonly publicOrigin: string;
  /** The Worker's own cookies, which the origin never sees. */
  readonly ownCookies: readonly string[];
  /** The `Authorization` header carried the Worker's own token. */
  readonly ownAuthorization: boolean;
  /** `METHOD_OVERRIDE=pass`: the origin may take another method from a header. */
  readonly overridesForwarded?: boolean;
  /** In which headers a proxy says its user to the Worker: they are its word, or else a client's. */
  readonly proxysOwn?: readonly string[];
}

/**
 * The headers for the origin: what the client sent, without anything that only the gate may say
 * (STANDARDS WB-05, INC-08), and then what the gate says.
 */
export function requestHeaders(received: Headers, facts: ForwardedFacts): Headers {
  const headers = new Headers(received);
  const proxysOwn = (facts.proxysOwn ?? []).map(foldName);
  const isProxysOwn = (name: string) => proxysOwn.length > 0 && proxysOwn.includes(foldName(name));
  for (const name of [...headers.keys()])
    if (
      isClearedHeader(name) ||
      isProxysOwn(name) ||
      (facts.overridesForwarded !== true && isOverrideHeader(name))
    )
      headers.delete(name);
  if (facts.ownAuthorization) headers.delete("Authorization");
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

/** The values of a header in every spelling, each with its name if that is not as it was asked for. */
export function headerReadings(headers: Headers, name: string): string[] {
  const wanted = foldName(name);
  return [...headers]
    .filter(([key, value]) => foldName(key) === wanted && value !== "")
    .map(([key, value]) => (key === name.toLowerCase() ? value : `${key}: ${value}`));
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
  const foreign = cookies.filter((cookie) => !own.includes(foldName(cookieName(cookie))));
  if (foreign.length === cookies.length) return null;
  const headers = new Headers(received);
  headers.delete("Set-Cookie");
  for (const cookie of foreign) headers.append("Set-Cookie", cookie);
  return headers;
}

/**
 * Everything in a `Cookie` header that some server may read as this cookie: names in any case, with `.`, `[` or a
 * space for `_` (PHP), escaped or quoted; and behind a comma, which once separated cookies (RFC 2109).
 */
export function cookieReadings(header: string, name: string): string[] {
  const wanted = foldName(name);
  const parts = [...header.split(";"), ...(header.includes(",") ? header.split(/[;,]/) : [])];
  const cookies = parts.filter((part) => foldParameterName(cookieName(part)).includes(wanted));
  return cookies.map((cookie) => cookie.slice(cookie.indexOf("=") + 1).trim());
}

/**
 * Everything in an address that some server may read as this parameter: names as in {@link cookieReadings}, with an
 * index behind them, and behind a semicolon, which separated parameters once (HTML 4.01 B.2.2).
 */
export function queryReadings(query: URLSearchParams, name: string): string[] {
  const wanted = foldName(name);
  const parts = [...query].flatMap(([key, value]) => `${key}=${value}`.split(";"));
  return parts.filter((part) => foldParameterName(part.split("=", 1)[0] ?? "").includes(wanted));
}
