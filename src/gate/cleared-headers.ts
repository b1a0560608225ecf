import { foldName } from "../core/parsing/folded-name.ts";

/**
 * The headers that no client may send to the origin, because the origin may believe them. This is the one list: the gate
 * uses it, and `npm run examples` writes it into the proxy configurations (INC-35). Names are folded: `core/parsing/folded-name.ts`.
 */

/** A family is the name itself, and every name that goes on with another part: `remote`, `remote_user`. */
export const clearedFamilies: readonly string[] = [
  // The identity that the gate and other gateways name (WB-05).
  "remote",
  "x_sallyport",
  "x_user",
  "x_auth_request",
  "x_authentik",
  "x_remote",
  "x_webauth",
  "cf_access",
  // Where a request came from and went to.
  "x_forwarded",
  // Another path or method than the one that the policy was applied to (INC-04).
  "x_original",
  "x_rewrite",
  "x_envoy_original",
  // The part of the path above the application, which servers take away before they look for the page: gunicorn, Flask, ingresses.
  "script_name",
  "x_script_name",
  "path_info",
  "x_ingress_path",
  "x_traversal_path",
  "wl_path",
  // The page that Next.js serves, and the checks that it leaves out (CVE-2025-29927).
  "x_matched_path",
  "x_now_route_matches",
  "x_invoke",
  "x_middleware",
  // The file that Rack lets the proxy send in place of a response (CVE-2025-61780).
  "x_sendfile_type",
  "x_accel",
  // What a plug-in in a web server tells WebLogic about the client, the certificate and the user among it.
  "wl_proxy",
];

export const clearedNames: readonly string[] = [
  "forwarded",
  // The same for WebSphere: `$WSRU` is the user.
  ...["at", "cc", "cs", "is", "pr", "ra", "rh", "ru", "sc", "si", "sn", "sp"].map((name) => `_ws${name}`),
  // CGI makes `HTTP_PROXY` of it, which many HTTP clients take for their proxy ("httpoxy", CVE-2016-5385).
  "proxy",
];

/**
 * The headers by which a client asks for another method than its own (INC-31). With `METHOD_OVERRIDE=pass` they reach the
 * origin, and the policy is applied to both methods.
 */
export const methodOverrideNames: readonly string[] = [
  "x_http_method_override",
  "x_http_method",
  "x_method_override",
];

/**
 * True for a name of letters, digits and `-` alone. No two such names are one variable for a server that folds names (RFC 3875
 * 4.1.18). Another name can be read as any header: `Content_Length` as the length of the body, `SCRIPT_NAME` as a variable of CGI.
 */
export const isPlainName = (name: string): boolean => /^[a-z0-9-]+$/i.test(name);

/** True for a header that asks for another method, in any spelling. */
export const isOverrideHeader = (name: string): boolean => methodOverrideNames.includes(foldName(name));

/**
 * True for a header of the list, in any spelling (INC-08, INC-26). The gate removes it; a method override it lets pass with
 * `METHOD_OVERRIDE=pass`.
 */
export function isClearedHeader(name: string): boolean {
  const folded = foldName(name);
  return (
    clearedNames.includes(folded) ||
    methodOverrideNames.includes(folded) ||
    clearedFamilies.some(
      (family) =>
        folded.startsWith(family) && (folded.length === family.length || folded[family.length] === "_"),
    )
  );
}
