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
  "cf_access",
  // Where a request came from and went to.
  "x_forwarded",
  // Another path or method than the one that the policy was applied to (INC-04).
  "x_original",
  "x_rewrite",
];

export const clearedNames: readonly string[] = ["forwarded"];

/**
 * The headers that ask a framework to serve a request under another method (INC-31). Cleared unless `METHOD_OVERRIDE` is
 * `pass`.
 */
export const overrideNames: readonly string[] = [
  "x_http_method_override",
  "x_http_method",
  "x_method_override",
];

/** True for a header that overrides the method, in any spelling. */
export const isOverrideHeader = (name: string): boolean => overrideNames.includes(foldName(name));

/** True when the gate removes a client's header of this name, in any spelling (INC-08, INC-26). */
export function isClearedHeader(name: string): boolean {
  const folded = foldName(name);
  return (
    clearedNames.includes(folded) ||
    clearedFamilies.some(
      (family) =>
        folded.startsWith(family) && (folded.length === family.length || folded[family.length] === "_"),
    )
  );
}
