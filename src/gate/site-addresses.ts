import { hasReplacementCharacter } from "../core/parsing/undecodable.ts";
import { parseSiteAddress } from "./destination.ts";

/**
 * The two addresses of the site with `ORIGIN_HOST=origin`: visitors use one, and the origin is asked by the other. Both are a
 * scheme, a host and a port, as the URL standard serializes them.
 */
export interface SiteAddresses {
  readonly visitorOrigin: string;
  readonly originUrl: string;
}

/**
 * Replaces the visitor's address of the site by the origin's in the headers for the origin: `Origin`, `Referer`, `Destination` and `If`.
 * An origin compares them with its `Host`.
 *
 * Only the site's own address is replaced. The address of another site stays, so that the origin can still refuse a request that comes
 * from there (INC-39): `Origin` and `Referer` are compared with scheme, host and port.
 *
 * Pages at the origin's own address are another site, too: whoever answers there in the visitor's network can serve them. The origin
 * would take their address for its own. So such an `Origin` becomes `null`, and such a `Referer` is removed. A page can have its browser
 * send both in any case.
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

/** Compares without the scheme, as many sites do. */
const isAtOriginHost = (url: string | null, { originUrl }: SiteAddresses): boolean =>
  url !== null && URL.parse(url)?.host === hostOf(originUrl);

/** The policy was applied to the path of the `Destination`, whatever its scheme is, and the origin gets the same path (INC-31). */
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
 * Replaces the origin's address at the beginning of a URL by the visitor's. Both schemes count, because a site that is told
 * `X-Forwarded-Proto: https` writes `https://` before its own host. Every other URL stays, and so does a path.
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
 * Returns a `Set-Cookie` header without an attribute `Domain` that names the origin's host, because a browser would refuse
 * the cookie at the visitor's host. The cookie is then for the visitor's host alone.
 */
export function withoutOriginDomain(setCookie: string, { originUrl, visitorOrigin }: SiteAddresses): string {
  if (!/;\s*domain/i.test(setCookie)) return setCookie;
  const [origin, visitor] = [originUrl, visitorOrigin].map((url) => new URL(url).hostname);
  if (origin === undefined || visitor === undefined) return setCookie;
  // A browser at a subdomain of the origin's host takes the cookie.
  if (visitor === origin || visitor.endsWith(`.${origin}`)) return setCookie;
  const [pair, ...attributes] = setCookie.split(";");
  const isOrigins = (attribute: string) => {
    const [, domain] = /^\s*domain\s*=\s*\.?(.*?)\s*$/i.exec(attribute) ?? [];
    return domain?.toLowerCase() === origin;
  };
  return [pair, ...attributes.filter((attribute) => !isOrigins(attribute))].join(";");
}

const hostOf = (origin: string) => origin.slice(origin.indexOf("//") + 2);
