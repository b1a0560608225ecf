/**
 * The headers that the gate removes from client requests, because an origin may trust them. This is the only list: the gate
 * uses it, and `npm run examples` writes it into the proxy configurations and `docs/proxies/cleared-headers.md` (INC-35).
 * `scripts/examples/known-headers.ts` names the program behind each entry. Names are folded: `core/parsing/folded-name.ts`.
 *
 * A family is the name itself and every name that continues with `_`: `remote`, `remote_user`.
 */

/** Families that only Sallyport or the proxy in front of the origin may set. `KEEP_HEADERS` exempts none of them. */
const reservedHeaderFamilies: readonly string[] = [
  // The identity that the gate sets (WB-05).
  "remote",
  "x_sallyport",
  // Address, host and scheme of the client's request, and the identity that other gateways set.
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
  // Next.js serves the page that these headers name, and skips the middleware that they name (CVE-2025-29927).
  "x_matched_path",
  "x_now_route_matches",
  "x_invoke",
  "x_middleware",
  // The path that Astro's adapter for Vercel serves in place of the request's path (CVE-2026-33768), and the data that its middleware passes on.
  "x_astro_path",
  "x_astro_locals",
  "x_astro_middleware_secret",
  // The file that the proxy sends in place of Rack's response (CVE-2025-61780).
  "x_sendfile_type",
  "x_accel",
  // A web server's plug-in sends WebLogic the client's address, certificate and user in these.
  "wl_proxy",
];

/** Single names that only Sallyport or the proxy may set. `KEEP_HEADERS` exempts none of them. */
const reservedHeaderNames: readonly string[] = [
  "forwarded",
  // A web server's plug-in sends WebSphere the client's address, certificate and user in these: `$WSRU` is the user name.
  ...["at", "cc", "cs", "is", "pr", "ra", "rh", "ru", "sc", "si", "sn", "sp"].map((name) => `_ws${name}`),
  // CGI turns the header `Proxy` into the variable `HTTP_PROXY`, which many HTTP clients use as their proxy ("httpoxy", CVE-2016-5385).
  "proxy",
];

/** Families with which other gateways send the user, and proxies send the client's certificate. `KEEP_HEADERS` can exempt a name. */
const identityHeaderFamilies: readonly string[] = [
  "x_auth_request",
  "x_authentik",
  "x_remote",
  "x_webauth",
  "cf_access",
  "x_vouch",
  "x_pomerium",
  "x_authenticated",
  "x_consumer",
  "x_token_user",
  "x_goog_authenticated_user",
  "x_goog_iap",
  "x_ms_client_principal",
  "x_ms_token",
  "x_amzn_oidc",
  "tailscale",
  "x_hass",
  "x_sandstorm",
  "x_replit_user",
  "oidc",
  "mellon",
  "shib",
  "iv_user",
  "iv_groups",
  "iv_creds",
  "ynh_user",
  "ssl_client",
  "x_ssl_client",
  "x_client_cert",
  "client_cert",
  "cf_client_cert",
  "x_amzn_mtls",
];

/** Single names with which other gateways send the user. Applications use other names with the same prefixes: `X-User-Id`, `X-Auth-Token`. */
const identityHeaderNames: readonly string[] = [
  ...["user", "user_name", "user_email", "user_groups", "user_roles", "userinfo"].map((name) => `x_${name}`),
  ...["user", "username", "userid", "email", "groups", "roles", "subject"].map((name) => `x_auth_${name}`),
  "x_proxy_user",
  "x_proxy_roles",
  "x_proxy_remote_user",
  "x_sso_user",
  "x_token_subject",
  "x_jwt_assertion",
  "teleport_jwt_assertion",
  "x_anonymous_consumer",
  "x_credential_identifier",
  "x_credential_username",
  "auth_user",
  "cas_user",
  "sm_user",
  "sm_userdn",
  "sm_universalid",
  "oam_remote_user",
  "x_ssl_cert",
  "x_client_dn",
  "x_client_verify",
  "x_arr_clientcert",
];

/** All families of removed headers. */
export const clearedHeaderFamilies: readonly string[] = [
  ...reservedHeaderFamilies,
  ...identityHeaderFamilies,
];

/** Single names of removed headers, without {@link methodOverrideHeaderNames}. Longer names that begin with one of them are not removed. */
export const clearedExactHeaderNames: readonly string[] = [...reservedHeaderNames, ...identityHeaderNames];

/**
 * The headers with which a client overrides the method of the request line (INC-31). With `METHOD_OVERRIDE=pass` they reach the
 * origin, and the policy is applied to both methods.
 */
export const methodOverrideHeaderNames: readonly string[] = [
  "x_http_method_override",
  "x_http_method",
  "x_method_override",
];

/** A set of folded header names: exact names, and families. */
export interface HeaderNameSet {
  readonly names: ReadonlySet<string>;
  readonly families: ReadonlySet<string>;
}

/** All headers that the gate removes by default. */
export const clearedHeaders: HeaderNameSet = {
  names: new Set([...clearedExactHeaderNames, ...methodOverrideHeaderNames]),
  families: new Set(clearedHeaderFamilies),
};

/** The headers that `KEEP_HEADERS` can't exempt. `METHOD_OVERRIDE=pass` exempts {@link methodOverrideHeaderNames}. */
export const reservedHeaders: HeaderNameSet = {
  names: new Set([...reservedHeaderNames, ...methodOverrideHeaderNames]),
  families: new Set(reservedHeaderFamilies),
};

/** True when the set has this folded name, or a family that it belongs to. */
export function hasHeaderName({ names, families }: HeaderNameSet, folded: string): boolean {
  if (names.has(folded) || families.has(folded)) return true;
  for (let at = folded.indexOf("_", 1); at !== -1; at = folded.indexOf("_", at + 1))
    if (families.has(folded.slice(0, at))) return true;
  return false;
}
