import { hasReplacementCharacter } from "../core/parsing/undecodable.ts";
import { parseSiteAddress } from "./destination.ts";

/**
 * The two addresses of the site with `ORIGIN_HOST=origin`: visitors open the first, and the gate sends requests to the second. Each is an
 * origin (scheme, host and port) as the URL Standard serializes it.
 */
export interface SiteAddresses {
  readonly visitorOrigin: string;
  readonly originUrl: string;
}

/**
 * Replaces `visitorOrigin` by `originUrl` in the request headers `Origin`, `Referer`, `Destination` and `If`, which the origin compares with
 * its `Host`.
 *
 * `Origin` and `Referer` are replaced only if scheme, host and port equal `visitorOrigin`. The address of another site stays, so that the
 * origin can still refuse a cross-site request (INC-39).
 *
 * For the visitor's browser, a page at `originUrl` is another site, and another server may have this address in the visitor's network. The
 * origin would mistake its address for its own. So an `Origin` with the host of `originUrl` becomes `null`, and such a `Referer` is
 * removed. An attacker gains nothing: any page can make its browser send `Origin: null` and no `Referer`.
 */
export function toOriginAddresses(headers: Headers, site: SiteAddresses): void {
  const { visitorOrigin, originUrl } = site;
  const origin = headers.get("Origin");
  if (origin === visitorOrigin) headers.set("Origin", originUrl);
  else if (isAtOriginHost(origin, site)) headers.set("Origin", "null");
  const referer = headers.get("Referer");
  if (referer === visitorOrigin || referer?.startsWith(`${visitorOrigin}/`) === true) {
    if (!hasReplacementCharacter(referer))
      headers.set("Referer", originUrl + referer.slice(visitorOrigin.length));
  } else if (isAtOriginHost(referer, site)) headers.delete("Referer");
  for (const [name, translate] of webDavHeaders) {
    const value = headers.get(name);
    if (value === null || hasReplacementCharacter(value)) continue;
    const translated = translate(value, site);
    if (translated !== value) headers.set(name, translated);
  }
}

/** Ignores the scheme, because many sites compare only the host with `Host`. */
const isAtOriginHost = (url: string | null, { originUrl }: SiteAddresses): boolean =>
  url !== null && URL.parse(url)?.host === hostOf(originUrl);

/** Accepts both schemes, as the policy does. The origin gets the path to which the policy was applied (INC-31). */
function toOriginAddress(text: string, { visitorOrigin, originUrl }: SiteAddresses): string {
  const address = parseSiteAddress(text, [hostOf(visitorOrigin)]);
  return address?.isAbsolute === true ? originUrl + address.path : text;
}

/** Replaces the resource tags of `If`. The URIs in parentheses are lock tokens, and texts in quotes are entity tags (RFC 4918 10.4.2). */
function toOriginResourceTags(condition: string, site: SiteAddresses): string {
  let isInList = false;
  return condition.replace(/"[^"]*"|[()]|<([^<>]*)>/g, (token, uri?: string) => {
    if (token === "(" || token === ")") isInList = token === "(";
    return uri === undefined || isInList ? token : `<${toOriginAddress(uri, site)}>`;
  });
}

const webDavHeaders = [
  ["Destination", toOriginAddress],
  ["If", toOriginResourceTags],
] as const;

/**
 * Returns the headers of the origin's response in which an address of the origin is replaced by the visitor's: `Location`,
 * `Content-Location`, `Link`, `Refresh`, `Access-Control-Allow-Origin`. Empty: none has such an address.
 */
export function findVisitorAddresses(headers: Headers, site: SiteAddresses): [name: string, value: string][] {
  return responseHeaders.flatMap(([name, translate]): [string, string][] => {
    const value = headers.get(name);
    if (value === null) return [];
    const translated = translate(value, site);
    return translated === value ? [] : [[name, translated]];
  });
}

/**
 * Replaces the origin's address at the beginning of a URL by the visitor's, with either scheme: a site that gets
 * `X-Forwarded-Proto: https` writes `https://` before its own host. Every other URL, and a path, is returned unchanged.
 */
function toVisitorAddress(url: string, { visitorOrigin, originUrl }: SiteAddresses): string {
  const [start, scheme, authority = ""] = /^(https?:)?\/\/([^/?#\\@\s]+)(?![^/?#])/i.exec(url) ?? [];
  if (start === undefined) return url;
  const host = URL.parse(`${scheme ?? originUrl.slice(0, originUrl.indexOf("//"))}//${authority}`)?.host;
  if (host !== hostOf(originUrl)) return url;
  return (scheme === undefined ? `//${hostOf(visitorOrigin)}` : visitorOrigin) + url.slice(start.length);
}

const toVisitorLinks = (links: string, site: SiteAddresses) =>
  links.replace(/<([^<>]*)>/g, (_, url: string) => `<${toVisitorAddress(url, site)}>`);

/** `5; url=http://…` (HTML Standard, "shared declarative refresh steps"). */
function toVisitorRefresh(refresh: string, site: SiteAddresses): string {
  const [start = ""] = /^[\s\d.]*[;,\s]\s*(?:url\s*=\s*)?["']?/i.exec(refresh) ?? [];
  return start + toVisitorAddress(refresh.slice(start.length), site);
}

const toVisitorOrigin = (origin: string, { visitorOrigin, originUrl }: SiteAddresses) =>
  origin === originUrl ? visitorOrigin : origin;

const responseHeaders = [
  ["Location", toVisitorAddress],
  ["Content-Location", toVisitorAddress],
  ["Link", toVisitorLinks],
  ["Refresh", toVisitorRefresh],
  ["Access-Control-Allow-Origin", toVisitorOrigin],
] as const;

/**
 * Returns a `Set-Cookie` header without an attribute `Domain` that names the origin's host, because a browser rejects such a
 * cookie at another host. Without `Domain` the cookie is valid at the visitor's host only.
 */
export function withoutOriginDomain(setCookie: string, { originUrl, visitorOrigin }: SiteAddresses): string {
  if (!/;\s*domain/i.test(setCookie)) return setCookie;
  const [origin, visitor] = [originUrl, visitorOrigin].map((url) => new URL(url).hostname);
  if (origin === undefined || visitor === undefined) return setCookie;
  // A browser accepts the cookie at the origin's host and at its subdomains.
  if (visitor === origin || visitor.endsWith(`.${origin}`)) return setCookie;
  const [pair, ...attributes] = setCookie.split(";");
  const isOrigins = (attribute: string) => {
    const [, domain] = /^\s*domain\s*=\s*\.?(.*?)\s*$/i.exec(attribute) ?? [];
    return domain?.toLowerCase() === origin;
  };
  return [pair, ...attributes.filter((attribute) => !isOrigins(attribute))].join(";");
}

const hostOf = (origin: string) => origin.slice(origin.indexOf("//") + 2);
