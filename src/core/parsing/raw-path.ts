import { foldCase } from "../policy/best-fit.ts";
import { findPathReadings } from "../policy/path-readings.ts";

/**
 * The path of an address as the client sent it, without the query. The runtime hands over the target of a request
 * unchanged: backslashes, dot segments and escapes included.
 *
 * @param url `request.url`
 * @returns "" when the target is no path (`OPTIONS *`, RFC 9110 9.3.7)
 */
export function rawPathOf(url: string): string {
  const from = url.indexOf("/", url.indexOf("//") + 2);
  if (from === -1) return "";
  const end = url.slice(from).search(/[?#]/);
  return end === -1 ? url.slice(from) : url.slice(from, from + end);
}

const plainOrigin = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/**
 * True for a scheme, a host and a port, and nothing that ends the host for one parser and not for another. The runtime puts
 * `Host` into the address of a request as it came: with `Host: site\admin?` the path would begin inside of the host, and
 * the path that is forwarded would not be the one that was judged (INC-34).
 */
export const isPlainOrigin = (text: string): boolean => plainOrigin.test(text);

/** A segment is never empty, and never a dot segment, escaped or not. Its characters are those of RFC 3986 3.3. */
const normalForm = /^(?:\/(?!(?:\.|%2[Ee]){1,2}(?:\/|$))(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+\/?$/;

/**
 * True when every server reads the same segments in the path: no dot segments, backslashes, empty segments, malformed
 * escapes, or characters that a parser of addresses would escape (INC-34).
 */
export const isNormalPath = (path: string): boolean => path === "/" || normalForm.test(path);

/** True when the path is `basePath`, or lies below it. Both are compared as they are. */
export const isBelow = (basePath: string, path: string): boolean =>
  path.startsWith(basePath) && (path.length === basePath.length || path[basePath.length] === "/");

/**
 * True when some server reads the path as one at or below `basePath`, in any case (INC-34). The readings are those that
 * the policy is applied to.
 *
 * @param rawPath the path as received, without the query
 * @returns null when the path does not parse
 */
export function isReadBelow(basePath: string, rawPath: string): boolean | null {
  const readings = findPathReadings(rawPath);
  if (readings === null) return null;
  const base = foldCase(basePath);
  for (const reading of readings) if (isBelow(base, foldCase(reading))) return true;
  return false;
}
