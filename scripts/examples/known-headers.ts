/** Cleared headers, and the program that sets them or believes them. */
export interface HeaderSource {
  readonly source: string;
  /** In their usual spelling. */
  readonly names: readonly string[];
}

/**
 * The cleared headers that gateways, proxies and servers are known to use. nginx can clear a header only by its exact name, so it
 * clears these. The tests send each of them in every spelling. `docs/proxies/cleared-headers.md` is made from this list.
 *
 * `test/examples/generated.test.ts` requires at least one name for each family and name of `src/core/policy/cleared-header-names.ts`.
 */
export const identityHeaderSources: readonly HeaderSource[] = [
  { source: "Sallyport", names: ["X-Sallyport-Assertion", "X-Sallyport-Proxy-Key"] },
  {
    source: "Sallyport; Authelia; CGI, and programs that read `REMOTE_USER`",
    names: ["Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups"],
  },
  {
    source: "Radicale (`http_x_remote_user`), Kubernetes' authenticating proxy, Home Assistant's ingress",
    names: [
      "X-Remote-User",
      "X-Remote-Group",
      "X-Remote-Groups",
      "X-Remote-Uid",
      "X-Remote-User-Id",
      "X-Remote-User-Name",
    ],
  },
  {
    source: "oauth2-proxy",
    names: [
      "X-Auth-Request-User",
      "X-Auth-Request-Email",
      "X-Auth-Request-Groups",
      "X-Auth-Request-Preferred-Username",
      "X-Auth-Request-Access-Token",
    ],
  },
  {
    source: "oauth2-proxy, traefik-forward-auth, Jenkins, SonarQube, Rundeck",
    names: [
      "X-Forwarded-User",
      "X-Forwarded-Email",
      "X-Forwarded-Groups",
      "X-Forwarded-Preferred-Username",
      "X-Forwarded-Access-Token",
      "X-Forwarded-Mail",
      "X-Forwarded-Login",
      "X-Forwarded-Name",
      "X-Forwarded-Roles",
      "X-Forwarded-Uuid",
    ],
  },
  {
    source: "authentik",
    names: [
      "X-Authentik-Username",
      "X-Authentik-Email",
      "X-Authentik-Name",
      "X-Authentik-Uid",
      "X-Authentik-Groups",
      "X-Authentik-Jwt",
    ],
  },
  {
    source: "Grafana, Gitea, Forgejo, Traefik's basic authentication",
    names: [
      "X-Webauth-User",
      "X-Webauth-Name",
      "X-Webauth-Email",
      "X-Webauth-Fullname",
      "X-Webauth-Role",
      "X-Webauth-Groups",
    ],
  },
  {
    source: "Cloudflare Access",
    names: [
      "Cf-Access-Jwt-Assertion",
      "Cf-Access-Authenticated-User-Email",
      "Cf-Access-Client-Id",
      "Cf-Access-Client-Secret",
    ],
  },
  {
    source: "Vouch",
    names: ["X-Vouch-User", "X-Vouch-Success", "X-Vouch-Idp-Claims-Email", "X-Vouch-Idp-AccessToken"],
  },
  {
    source: "Pomerium",
    names: [
      "X-Pomerium-Jwt-Assertion",
      "X-Pomerium-Claim-Email",
      "X-Pomerium-Claim-User",
      "X-Pomerium-Claim-Groups",
    ],
  },
  {
    source: "Seafile, Traefik's guide to `forwardAuth`, Louketo and Keycloak Gatekeeper",
    names: [
      "X-Auth-User",
      "X-Auth-Username",
      "X-Auth-Userid",
      "X-Auth-Email",
      "X-Auth-Groups",
      "X-Auth-Roles",
      "X-Auth-Subject",
    ],
  },
  {
    source: "Ory Oathkeeper, Open WebUI",
    names: ["X-User", "X-User-Name", "X-User-Email", "X-User-Groups", "X-User-Roles"],
  },
  { source: "Kong and APISIX with OpenID Connect", names: ["X-Userinfo"] },
  {
    source: "Kong, APISIX",
    names: [
      "X-Authenticated-User",
      "X-Authenticated-Userid",
      "X-Authenticated-Groups",
      "X-Authenticated-Scope",
      "X-Consumer-Id",
      "X-Consumer-Username",
      "X-Consumer-Custom-Id",
      "X-Consumer-Groups",
      "X-Credential-Identifier",
      "X-Credential-Username",
      "X-Anonymous-Consumer",
    ],
  },
  {
    source: "caddy-security (AuthCrunch)",
    names: ["X-Token-User-Name", "X-Token-User-Email", "X-Token-User-Roles", "X-Token-Subject"],
  },
  { source: "OpenSearch", names: ["X-Proxy-User", "X-Proxy-Roles"] },
  { source: "Sonatype Nexus", names: ["X-Sso-User", "X-Proxy-Remote-User"] },
  {
    source: "Google's Identity-Aware Proxy",
    names: ["X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id", "X-Goog-Iap-Jwt-Assertion"],
  },
  {
    source: "Azure App Service",
    names: [
      "X-Ms-Client-Principal",
      "X-Ms-Client-Principal-Name",
      "X-Ms-Client-Principal-Id",
      "X-Ms-Client-Principal-Idp",
      "X-Ms-Token-Aad-Id-Token",
      "X-Ms-Token-Aad-Access-Token",
    ],
  },
  {
    source: "Amazon's load balancer",
    names: [
      "X-Amzn-Oidc-Identity",
      "X-Amzn-Oidc-Data",
      "X-Amzn-Oidc-Accesstoken",
      "X-Amzn-Mtls-Clientcert",
      "X-Amzn-Mtls-Clientcert-Subject",
    ],
  },
  {
    source: "Tailscale",
    names: [
      "Tailscale-User-Login",
      "Tailscale-User-Name",
      "Tailscale-User-Profile-Pic",
      "Tailscale-User",
      "Tailscale-Login",
      "Tailscale-Name",
      "Tailscale-Tailnet",
    ],
  },
  { source: "Home Assistant's ingress", names: ["X-Hass-User-Id", "X-Hass-Is-Admin", "X-Hass-Source"] },
  { source: "Sandstorm", names: ["X-Sandstorm-User-Id", "X-Sandstorm-Username", "X-Sandstorm-Permissions"] },
  { source: "Replit", names: ["X-Replit-User-Id", "X-Replit-User-Name", "X-Replit-User-Roles"] },
  { source: "YunoHost", names: ["Auth-User", "Ynh-User", "Ynh-User-Email"] },
  { source: "Teleport; WSO2", names: ["Teleport-Jwt-Assertion", "X-Jwt-Assertion"] },
  {
    source: "mod_auth_openidc",
    names: ["Oidc-Claim-Sub", "Oidc-Claim-Email", "Oidc-Claim-Preferred-Username", "Oidc-Access-Token"],
  },
  { source: "mod_auth_mellon", names: ["Mellon-Name-Id", "Mellon-Email"] },
  { source: "mod_auth_cas", names: ["Cas-User"] },
  { source: "Shibboleth", names: ["Shib-Session-Id", "Shib-Identity-Provider", "Shib-Application-Id"] },
  { source: "SiteMinder", names: ["Sm-User", "Sm-Userdn", "Sm-Universalid"] },
  { source: "IBM WebSEAL", names: ["Iv-User", "Iv-User-L", "Iv-Groups", "Iv-Creds"] },
  { source: "Oracle Access Manager", names: ["Oam-Remote-User"] },
  {
    source: "client certificates: RFC 9440, nginx, Apache, HAProxy, Azure, Cloudflare",
    names: [
      "Client-Cert",
      "Client-Cert-Chain",
      "Ssl-Client-Verify",
      "Ssl-Client-Cert",
      "Ssl-Client-S-Dn",
      "Ssl-Client-S-Dn-Cn",
      "X-Ssl-Client-Verify",
      "X-Ssl-Client-Cert",
      "X-Ssl-Client-Dn",
      "X-Ssl-Client-S-Dn",
      "X-Ssl-Client-Cn",
      "X-Ssl-Cert",
      "X-Client-Cert",
      "X-Client-Dn",
      "X-Client-Verify",
      "X-Arr-Clientcert",
      "Cf-Client-Cert-Der-Base64",
      "Cf-Client-Cert-Sha256",
    ],
  },
];

/** Headers that name no user. */
const otherHeaderSources: readonly HeaderSource[] = [
  {
    source: "proxies: the client, and the host and scheme of its request",
    names: [
      "Forwarded",
      "X-Forwarded-For",
      "X-Forwarded-Host",
      "X-Forwarded-Proto",
      "X-Forwarded-Port",
      "X-Forwarded-Server",
      "X-Forwarded-By",
      "X-Forwarded-Prefix",
      "X-Forwarded-Scheme",
      "X-Forwarded-Ssl",
      "X-Forwarded-Client-Cert",
      "X-Forwarded-Tls-Client-Cert",
    ],
  },
  {
    source: "proxies and frameworks: another path or method than the one that was judged",
    names: [
      "X-Forwarded-Uri",
      "X-Forwarded-Path",
      "X-Forwarded-Method",
      "X-Original-Url",
      "X-Original-Uri",
      "X-Original-Path",
      "X-Original-Method",
      "X-Original-Host",
      "X-Original-For",
      "X-Original-Proto",
      "X-Rewrite-Url",
      "X-Rewrite-Uri",
      "X-Envoy-Original-Path",
      "X-Envoy-Original-Dst-Host",
      "X-HTTP-Method-Override",
      "X-HTTP-Method",
      "X-Method-Override",
    ],
  },
  {
    source: "gunicorn, Flask, ingresses, WebLogic: the path prefix of the application",
    names: [
      "Script-Name",
      "X-Script-Name",
      "Path-Info",
      "X-Ingress-Path",
      "X-Traversal-Path",
      "WL-Path-Prepend",
      "WL-Path-Trim",
    ],
  },
  {
    source: "Next.js",
    names: [
      "X-Matched-Path",
      "X-Now-Route-Matches",
      "X-Invoke-Path",
      "X-Invoke-Query",
      "X-Invoke-Output",
      "X-Invoke-Status",
      "X-Middleware-Subrequest",
      "X-Middleware-Subrequest-Id",
      "X-Middleware-Invoke",
      "X-Middleware-Next",
      "X-Middleware-Rewrite",
      "X-Middleware-Redirect",
      "X-Middleware-Prefetch",
      "X-Middleware-Set-Cookie",
    ],
  },
  {
    source: "Astro's adapter for Vercel",
    names: ["X-Astro-Path", "X-Astro-Locals", "X-Astro-Middleware-Secret"],
  },
  {
    source: "Rack: the file that the proxy sends",
    names: ["X-Sendfile-Type", "X-Accel-Mapping", "X-Accel-Redirect"],
  },
  {
    source: "WebLogic and WebSphere: address, certificate and user",
    names: [
      "WL-Proxy-Client-IP",
      "WL-Proxy-Client-Cert",
      "WL-Proxy-Client-Keysize",
      "WL-Proxy-Client-Secretkeysize",
      "WL-Proxy-SSL",
      ..."AT CC CS IS PR RA RH RU SC SI SN SP".split(" ").map((name) => `$WS${name}`),
    ],
  },
  { source: "CGI programs: the HTTP proxy of their own requests (httpoxy)", names: ["Proxy"] },
];

/** All sources, in the order of the documentation. */
export const headerSources: readonly HeaderSource[] = [...identityHeaderSources, ...otherHeaderSources];

/** All names of the sources. */
export const knownHeaders: readonly string[] = headerSources.flatMap(({ names }) => names);
