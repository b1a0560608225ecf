import { foldNameToUnderscores } from "../core/parsing/folded-name.ts";

/**
 * The headers that the gate removes from client requests, because an origin may trust them. This is the only list: the gate
 * uses it, and `npm run examples` writes it into the proxy configurations (INC-35). Names are folded: `core/parsing/folded-name.ts`.
 */

/** Families of removed headers. A family is the name itself and every name that continues with `_`: `remote`, `remote_user`. */
export const clearedHeaderFamilies: readonly string[] = [
  // The identity that the gate and other gateways set (WB-05).
  "remote",
  "x_sallyport",
  "x_user",
  "x_auth_request",
  "x_authentik",
  "x_remote",
  "x_webauth",
  "cf_access",
  // Address, host and scheme of the client's request.
  "x_forwarded",
  // Another path or method than the one that the policy was applied to (INC-04).
  "x_original",
  "x_rewrite",
  "x_envoy_original",
  // The path prefix of the application, which servers remove before they route the request: gunicorn, Flask, ingresses.
  "script_name",
  "x_script_name",
  "path_info",
  "x_ingress_path",
  "x_traversal_path",
  "wl_path",
  // The page that Next.js serves, and the middleware that it skips (CVE-2025-29927).
  "x_matched_path",
  "x_now_route_matches",
  "x_invoke",
  "x_middleware",
  // The file that the proxy sends in place of Rack's response (CVE-2025-61780).
  "x_sendfile_type",
  "x_accel",
  // A web server's plug-in sends WebLogic the client's address, certificate and user in these.
  "wl_proxy",
];

/** Removed headers that are no family: only this name is removed, not the names that begin with it. */
export const clearedExactHeaderNames: readonly string[] = [
  "forwarded",
  // A web server's plug-in sends WebSphere the client's address, certificate and user in these: `$WSRU` is the user name.
  ...["at", "cc", "cs", "is", "pr", "ra", "rh", "ru", "sc", "si", "sn", "sp"].map((name) => `_ws${name}`),
  // CGI turns the header `Proxy` into the variable `HTTP_PROXY`, which many HTTP clients use as their proxy ("httpoxy", CVE-2016-5385).
  "proxy",
];

/**
 * The headers in which a client names another method than that of the request line (INC-31). With `METHOD_OVERRIDE=pass` they reach the
 * origin, and the policy is applied to both methods.
 */
export const methodOverrideHeaderNames: readonly string[] = [
  "x_http_method_override",
  "x_http_method",
  "x_method_override",
];

/**
 * True for a name of letters, digits and `-` only. Servers that turn header names into variables (RFC 3875 4.1.18) never turn
 * two such names into the same variable. Any other name may be read as another header: `Content_Length` as the length of the
 * body, `SCRIPT_NAME` as a variable of CGI.
 */
export const isPlainHeaderName = (name: string): boolean => /^[a-z0-9-]+$/i.test(name);

/** True for a name in {@link methodOverrideHeaderNames}, in any spelling. */
export const isMethodOverrideHeader = (name: string): boolean =>
  methodOverrideHeaderNames.includes(foldNameToUnderscores(name));

/**
 * True for a header of these lists, in any spelling (INC-08, INC-26). The gate removes it, except a method override
 * with `METHOD_OVERRIDE=pass`.
 */
export function isClearedHeader(name: string): boolean {
  const folded = foldNameToUnderscores(name);
  return (
    clearedExactHeaderNames.includes(folded) ||
    methodOverrideHeaderNames.includes(folded) ||
    clearedHeaderFamilies.some(
      (family) =>
        folded.startsWith(family) && (folded.length === family.length || folded[family.length] === "_"),
    )
  );
}
