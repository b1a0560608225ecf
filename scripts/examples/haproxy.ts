import {
  clearedExactHeaderNames,
  clearedHeaderFamilies,
  methodOverrideHeaderNames,
} from "../../src/core/policy/cleared-header-names.ts";
import { sallyportBearerTokenPatternSource } from "../../src/core/tokens/own-token.ts";
import { familyPattern, oddCharacter, wholePattern } from "./name-patterns.ts";
import { dotSegment, plainSegments } from "./raw-path.ts";

/**
 * Patterns for the names that HAProxy removes. It converts names to lower case. Method overrides have their own pattern,
 * because an operator removes that pattern with `METHOD_OVERRIDE=pass` (INC-31).
 */
export const haproxyPatterns: readonly string[] = [
  oddCharacter,
  familyPattern(clearedHeaderFamilies),
  wholePattern(clearedExactHeaderNames),
  wholePattern(methodOverrideHeaderNames),
];

/** The rules of `haproxy.cfg` that remove client headers and detect Sallyport's cookies and tokens. */
export const haproxyRules: readonly string[] = [
  ...haproxyPatterns.map((pattern) => `http-request del-header '${pattern}' -m reg`),
  `acl carries_own_token req.fhdr(authorization) -m reg '${sallyportBearerTokenPatternSource}'`,
  `acl has_normal_path path -m reg '^${plainSegments}$'`,
  `acl has_dot_segment path -m reg '${dotSegment()}'`,
];
