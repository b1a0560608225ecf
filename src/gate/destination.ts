/** The address in a `Destination` or in a resource tag of `If` (RFC 4918 10.3, 10.4), at one of the site's hosts. */
export interface SiteAddress {
  /** True for a URL with a host, false for a path alone. */
  readonly isAbsolute: boolean;
  /** Path and query, as the client sent them. */
  readonly path: string;
}

/**
 * Parses `/path`, or an http(s) URL with one of these hosts. The policy is applied to this path, and the origin gets the same path (INC-31).
 *
 * @returns null for another host, and for a fragment, a user name or a space, which servers parse in different ways
 */
export function parseSiteAddress(text: string, hosts: readonly string[]): SiteAddress | null {
  const [, authority, path] = /^(https?:\/\/[^/?#\\@\s]+)?(\/[^#\s]*)$/i.exec(text) ?? [];
  if (path === undefined) return null;
  if (authority === undefined) return path.startsWith("//") ? null : { isAbsolute: false, path };
  const host = URL.parse(authority)?.host;
  return host !== undefined && hosts.includes(host) ? { isAbsolute: true, path } : null;
}
