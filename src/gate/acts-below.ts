/**
 * The methods that act on the resource of their path and on nothing below it. Every other method is judged for
 * everything below the path too: `DELETE`, `COPY`, `MOVE`, `PROPFIND`, `LOCK`, `UNLOCK` (RFC 4918), `REPORT`, `UPDATE`, `MERGE`, `LABEL`,
 * `BASELINE-CONTROL` (RFC 3253), `ACL` (RFC 3744), `SEARCH` (RFC 5323), `BIND`, `UNBIND`, `REBIND` (RFC 5842), and methods
 * of the site's own.
 */
const onPathAlone: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "POST",
  "PUT",
  "PATCH",
  "QUERY",
  "MKCOL",
  "PROPPATCH",
]);

/** `Depth: 0` limits these to the path itself. A `DELETE` ignores the header (RFC 4918 9.6.1). */
const limitedByDepth: readonly string[] = ["PROPFIND", "LOCK"];

/**
 * True when the method may also act on resources below the path (INC-31). Without the header `Depth`, `PROPFIND` and `LOCK`
 * do (RFC 4918 9.1, 9.10.3). `Depth: 1` counts as all levels.
 *
 * @param method upper case
 */
export function canActBelowPath(method: string, headers: Headers): boolean {
  if (onPathAlone.has(method)) return false;
  return !(limitedByDepth.includes(method) && isDepthZero(headers));
}

/** False also when `Connection` names the header: a proxy then removes it (RFC 9110 7.6.1), and the depth is infinite. */
const isDepthZero = (headers: Headers) =>
  headers.get("Depth") === "0" && !/\bdepth\b/i.test(headers.get("Connection") ?? "");
