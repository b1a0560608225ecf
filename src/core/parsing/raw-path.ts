import { foldCaseAndAccents } from "../policy/best-fit.ts";
import { findPathVariants } from "../policy/path-variants.ts";

/**
 * Returns the path of a URL as the client sent it, without the query. The runtime does not normalise the request target:
 * backslashes, dot segments and escapes stay.
 *
 * @param url `request.url`
 * @returns "" when the request target has no path (`OPTIONS *`, RFC 9110 9.3.7)
 */
export function rawPathOf(url: string): string {
  const from = url.indexOf("/", url.indexOf("//") + 2);
  if (from === -1) return "";
  const end = url.slice(from).search(/[?#]/);
  return end === -1 ? url.slice(from) : url.slice(from, from + end);
}

const plainOrigin = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/**
 * True for a scheme, a plain host name or IP address, and an optional port. The runtime copies the `Host` header into
 * `request.url` unchanged: with `Host: site\admin?` the path would begin inside the host, and the gate would forward another
 * path than the one it authorized (INC-34).
 */
export const isPlainOrigin = (text: string): boolean => plainOrigin.test(text);

/** Every segment is non-empty, is no dot segment (also not escaped), and has only characters of RFC 3986 3.3. */
const normalPathPattern =
  /^(?:\/(?!(?:\.|%2[Ee]){1,2}(?:\/|$))(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+\/?$/;

/**
 * True for a path of RFC 3986 3.3 without empty segments (a slash at the end is allowed) and without dot segments, also
 * escaped ones. False with a backslash, a malformed escape, or a character that a URL parser would escape. Other escapes pass,
 * whether needed or not: `%61`, `%2F` (INC-34).
 */
export const isValidPathWithoutDotOrEmptySegments = (path: string): boolean =>
  path === "/" || normalPathPattern.test(path);

/** True when the path is `basePath` or below it. The texts are compared without decoding. */
export const isPathAtOrBelow = (basePath: string, path: string): boolean =>
  path.startsWith(basePath) && (path.length === basePath.length || path[basePath.length] === "/");

/**
 * True when some variant of the path (`core/policy/path-variants.ts`) is `basePath` or below it, in upper or lower case
 * (INC-34).
 *
 * @param rawPath the path as received, without the query
 * @returns null when the path does not parse
 */
export function hasPathVariantAtOrBelow(basePath: string, rawPath: string): boolean | null {
  const variants = findPathVariants(rawPath);
  if (variants === null) return null;
  const base = foldCaseAndAccents(basePath);
  for (const variant of variants) if (isPathAtOrBelow(base, foldCaseAndAccents(variant))) return true;
  return false;
}
