import {
  clearedExactHeaderNames,
  clearedHeaderFamilies,
  methodOverrideHeaderNames,
} from "../../src/core/policy/cleared-header-names.ts";
import { sallyportBearerTokenPatternSource } from "../../src/core/tokens/own-token.ts";
import { knownHeaders } from "./known-headers.ts";
import { familyPattern, oddCharacter, plainName, wholePattern } from "./name-patterns.ts";

/** The family that contains headers which Traefik itself sets. */
const ownFamily = "x_forwarded";
const ownHeaders = ["For", "Host", "Port", "Proto", "Server"];

/** The headers of the family that Traefik does not set. */
function forwardedPattern(): string {
  const others = knownHeaders
    .filter((name) => name.startsWith("X-Forwarded-"))
    .map((name) => name.slice("X-Forwarded-".length))
    .filter((name) => !ownHeaders.includes(name));
  return `^${plainName(ownFamily)}(-(${others.join("|").toLowerCase()}))?$`;
}

const foreignFamilies = clearedHeaderFamilies.filter((family) => family !== ownFamily);

/** The last part of {@link traefikPattern}. An operator removes it with `METHOD_OVERRIDE=pass` (INC-31). */
export const traefikOverridePattern = wholePattern(methodOverrideHeaderNames);

/** Matches the names that Traefik removes. It must ignore case. */
export const traefikPattern = [
  oddCharacter,
  familyPattern(foreignFamilies),
  wholePattern(clearedExactHeaderNames),
  forwardedPattern(),
  traefikOverridePattern,
].join("|");

/** The option of `forwardAuth` that removes client headers and then sets those of the Worker's response. */
export const traefikClearing: readonly string[] = [`authResponseHeadersRegex: '(?i)${traefikPattern}'`];

/** The router rule for requests with a Sallyport token. */
export const traefikTokenRule: readonly string[] = [
  `rule: 'Host(\`{{ env "SITE_NAME" }}\`) && HeaderRegexp(\`Authorization\`, \`${sallyportBearerTokenPatternSource}\`)'`,
];
