import type { Config } from "../config/config.ts";
import { foldNameToUnderscores } from "../core/parsing/folded-name.ts";
import {
  clearedHeaders,
  hasHeaderName,
  methodOverrideHeaderNames,
} from "../core/policy/cleared-header-names.ts";

/**
 * True for a name of letters, digits and `-` only. Servers that turn header names into variables (RFC 3875 4.1.18) never turn
 * two such names into the same variable. Any other name may be read as another header: `Content_Length` as the length of the
 * body, `SCRIPT_NAME` as a variable of CGI.
 */
export const isPlainHeaderName = (name: string): boolean => /^[a-z0-9-]+$/i.test(name);

/** True for a name in `methodOverrideHeaderNames`, in any spelling. */
export const isMethodOverrideHeader = (name: string): boolean =>
  methodOverrideHeaderNames.includes(foldNameToUnderscores(name));

/** The headers that the operator adds to the list, and those that the operator exempts from it. */
export type ClearedHeadersConfig = Pick<Config, "dropHeaders" | "keepHeaders">;

/**
 * Creates the test for headers that the gate removes, in any spelling (INC-08, INC-26): those of the list and of `DROP_HEADERS`,
 * without those of `KEEP_HEADERS`. Method overrides are among them.
 */
export function createClearedHeaderTest(config: ClearedHeadersConfig): (name: string) => boolean {
  const { dropHeaders, keepHeaders } = config;
  return (name) => {
    const folded = foldNameToUnderscores(name);
    return (
      !keepHeaders.has(folded) &&
      (hasHeaderName(clearedHeaders, folded) || hasHeaderName(dropHeaders, folded))
    );
  };
}
