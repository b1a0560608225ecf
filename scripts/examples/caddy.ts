import {
  clearedExactHeaderNames,
  clearedHeaderFamilies,
  methodOverrideHeaderNames,
} from "../../src/core/policy/cleared-header-names.ts";
import { sallyportBearerTokenPatternSource } from "../../src/core/tokens/own-token.ts";
import { generatedNote } from "./generated-block.ts";
import { plainName, separators } from "./name-patterns.ts";
import { oddOwnCookie } from "./own-cookies.ts";
import { dotSegment, plainSegments } from "./raw-path.ts";

/** Caddy removes headers by exact name, prefix (`x*`), suffix or substring (`*x*`), case-insensitively. */
const oddNames = separators.filter((separator) => separator !== "-").map((separator) => `*${separator}*`);

/** Quotes patterns with characters that end a token of a Caddyfile, or begin a comment or a quoted text. */
const quoted = (pattern: string) => (/["`#]/.test(pattern) ? `"${pattern}"` : pattern);

/** The header names that Caddy removes. `*` is a wildcard. */
export const caddyPatterns: readonly string[] = [
  ...oddNames,
  ...clearedHeaderFamilies.map(plainName).flatMap((name) => [name, `${name}-*`]),
  ...[...clearedExactHeaderNames, ...methodOverrideHeaderNames].map(plainName),
];

const removals = caddyPatterns.map((pattern) => `\trequest_header ${quoted(`-${pattern}`)}`).join("\n");

const ownCookie = `[ \\t=]*"?__Host-sallyport(?:-[a-z]+)?"?[ \\t]*=[^;,]*`;

const keptHeaders = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Cf-Access-Jwt-Assertion"];
const variableFor = (name: string) => `sallyport_${name.toLowerCase().replaceAll("-", "_")}`;

/** `sallyport-generated.caddy`. */
export const caddySnippets = (): string => `# ${generatedNote}
# Imported by Caddyfile.

# Headers that no client may send to the site. The lines with a part of a name remove every name with another character than letters,
# digits and \`-\`, because many servers read such a character as \`_\`. Four headers are kept: Caddy replaces the \`X-Forwarded-\` ones, or adds to
# those of a balancer that \`trusted_proxies\` names; with FIRST_FACTOR=jwt the Worker verifies the token.
(sallyport_cleared) {
${keptHeaders.map((name) => `\tvars ${variableFor(name)} {header.${name}}`).join("\n")}
${removals}
${keptHeaders.map((name) => `\trequest_header ${name} {vars.${variableFor(name)}}`).join("\n")}
}

# The site does not get what only the Worker needs: the token, and Sallyport's cookies and tokens. \`route\` keeps the order.
(sallyport_hidden) {
	route {
		request_header -Cf-Access-Jwt-Assertion
		request_header Cookie \`(?i)^(?:${ownCookie}(?:[;,] *|$))+|[;,]${ownCookie}\` "$1"
		# Browsers write Sallyport's cookies only as above. Remove every header with another spelling of them.
		@sallyport_odd_cookie header_regexp Cookie \`(?i)${oddOwnCookie}\`
		request_header @sallyport_odd_cookie -Cookie
		@sallyport_own_token header_regexp Authorization \`${sallyportBearerTokenPatternSource}\`
		request_header @sallyport_own_token -Authorization
	}
}

# Caddy compares a path after resolving it, and passes it on unresolved. So it passes on only those paths of Sallyport that all
# servers read in the same way.
(sallyport_normal_path) {
	@sallyport_odd_path {
		path {$SALLYPORT_BASE_PATH:/api/auth} {$SALLYPORT_BASE_PATH:/api/auth}/*
		not vars_regexp {http.request.orig_uri} \`^{$SALLYPORT_BASE_PATH:/api/auth}(${plainSegments}([?]|$)|/?([?]|$))\`
	}
	respond @sallyport_odd_path 404
	@sallyport_dot_segment {
		path {$SALLYPORT_BASE_PATH:/api/auth} {$SALLYPORT_BASE_PATH:/api/auth}/*
		vars_regexp {http.request.orig_uri} \`^[^?]*${dotSegment("[?]|$")}\`
	}
	respond @sallyport_dot_segment 404
}
`;
