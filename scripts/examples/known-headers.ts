/**
 * The cleared headers that gateways, proxies and servers are known to use, in their usual spelling. nginx can clear a
 * header only by its whole name, so this is what it clears; the tests send each of them in every spelling.
 *
 * `test/examples/generated.test.ts` requires one name at least for each family and name of `src/gate/cleared-headers.ts`.
 */
export const knownHeaders: readonly string[] = [
  // Sallyport, Authelia.
  "Remote-User",
  "Remote-Email",
  "Remote-Name",
  "Remote-Groups",
  "X-Sallyport-Assertion",
  "X-Sallyport-Proxy-Key",
  // Gateways of other makers.
  "X-User",
  "X-User-Id",
  "X-User-Name",
  "X-User-Email",
  "X-User-Groups",
  "X-User-Roles",
  "X-Remote-User",
  "X-Remote-Group",
  "X-Remote-Groups",
  // oauth2-proxy.
  "X-Auth-Request-User",
  "X-Auth-Request-Email",
  "X-Auth-Request-Groups",
  "X-Auth-Request-Preferred-Username",
  "X-Auth-Request-Access-Token",
  "X-Forwarded-User",
  "X-Forwarded-Email",
  "X-Forwarded-Groups",
  "X-Forwarded-Preferred-Username",
  "X-Forwarded-Access-Token",
  // authentik.
  "X-Authentik-Username",
  "X-Authentik-Email",
  "X-Authentik-Name",
  "X-Authentik-Uid",
  "X-Authentik-Groups",
  "X-Authentik-Jwt",
  // Grafana, Gitea.
  "X-Webauth-User",
  "X-Webauth-Name",
  "X-Webauth-Email",
  "X-Webauth-Role",
  "X-Webauth-Groups",
  // Cloudflare Access.
  "Cf-Access-Jwt-Assertion",
  "Cf-Access-Authenticated-User-Email",
  "Cf-Access-Client-Id",
  "Cf-Access-Client-Secret",
  // Where a request came from and went to.
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
  // Another path or method than the one that the policy was applied to.
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
  "X-HTTP-Method-Override",
  "X-HTTP-Method",
  "X-Method-Override",
  // httpoxy.
  "Proxy",
];
