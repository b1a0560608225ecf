import { foldName } from "../core/folded-name.ts";

/**
 * The headers that no client may send to the origin, because the origin may believe them. This is the one list: the gate
 * uses it, and `npm run examples` writes it into the proxy configurations (INC-35). Names are folded: `core/folded-name.ts`.
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
];

export const clearedNames: readonly string[] = [
  "forwarded",
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
