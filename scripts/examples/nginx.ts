import { sallyportBearerTokenPatternSource } from "../../src/core/tokens/own-token.ts";
import { isPlainHeaderName } from "../../src/gate/cleared-headers.ts";
import { generatedNote } from "./generated-block.ts";
import { knownHeaders } from "./known-headers.ts";
import { oddOwnCookie, ownCookieNames } from "./own-cookies.ts";
import { dotSegment, plainSegments } from "./raw-path.ts";

/** The headers that `sallyport-site.conf` and the site's own location set themselves. */
const setElsewhere = [
  "Remote-User",
  "Remote-Email",
  "X-Sallyport-Assertion",
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
];

/** `sallyport-cleared.conf`. nginx drops names with other characters by default, and cannot clear them. */
export function nginxClearedHeaders(): string {
  const names = knownHeaders.filter((name) => isPlainHeaderName(name) && !setElsewhere.includes(name));
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `proxy_set_header ${name.padEnd(width)} "";`);
  return `# ${generatedNote}
# Headers that no client may send to the site. Included by sallyport-site.conf.

# Without these two sizes, nginx warns at its start that there are many headers.
proxy_headers_hash_max_size    1024;
proxy_headers_hash_bucket_size 128;

${lines.join("\n")}
`;
}

/** Substituted by `envsubst`. */
const basePath = "$" + "{SALLYPORT_BASE_PATH}";

const ownCookie = "__Host-sallyport(?:-[a-z]+)?=[^;]*";

/** Removes the last Sallyport cookie from a variable, and assigns the rest to another variable. */
const cookieMap = (from: string, to: string, round: number): string => `map $${from} $${to} {
    default $${from};
    "~^${ownCookie}(?:; *(?<sallyport_after${round}>.*))?$" $sallyport_after${round};
    "~^(?<sallyport_head${round}>.*); *${ownCookie}(?<sallyport_tail${round}>.*)$" $sallyport_head${round}$sallyport_tail${round};
}`;

/** `sallyport-maps.conf`. */
export function nginxMaps(): string {
  const ownCookies = ownCookieNames.length;
  const variables = [
    "http_cookie",
    ...Array.from({ length: ownCookies }, (_, i) => `sallyport_cookies${i + 1}`),
  ];
  const rounds = variables.slice(1).map((to, i) => cookieMap(variables[i] ?? "", to, i + 1));
  const last = variables.at(-1);
  return `# ${generatedNote}
# Included by sallyport-http.conf.

# The cookies for the site, without those of Sallyport, which give access to the visitor's account. Each map removes one, and
# a browser has ${ownCookies} at most.
${rounds.join("\n")}
# Browsers write Sallyport's cookies only as above. When another spelling of them is left, the site gets no cookie at all, because
# nginx cannot split such a header.
map $${last} $sallyport_site_cookies {
    default $${last};
    "~*${oddOwnCookie}" "";
}

# The site does not get Sallyport's tokens either.
map $http_authorization $sallyport_site_authorization {
    default $http_authorization;
    "~${sallyportBearerTokenPatternSource}" "";
}

# nginx looks for the location of the resolved path, and passes the path on unresolved. So it passes on only those paths of
# Sallyport that all servers read in the same way.
map $request_uri $sallyport_normal_path {
    default 0;
    "~^[^?]*${dotSegment("[?]|$")}" 0;
    "~^${basePath}(${plainSegments}|/?)([?]|$)" 1;
}
`;
}
