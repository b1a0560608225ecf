import { findPathVariants } from "../policy/path-variants.ts";
import { hasReplacementCharacter } from "./undecodable.ts";

/**
 * The longest return path. A form carries it percent-encoded, with up to three bytes for each character, and a form body may have
 * 16 KiB.
 */
export const maxReturnPathCharacters = 4096;

/** A placeholder base URL. A parsed input that has another origin leads to another host. */
const dummyOrigin = "https://return-path.invalid";

const controlCharacter = /\p{Cc}/u;

/**
 * Matches a path that a browser or a visitor could read as `//host`: its second character is a slash, a backslash, or a
 * character that looks like one or that normalisation (NFKC) turns into one.
 */
const slashLookalike =
  /^\/[/\\\u2044\u2215\u2216\u2571\u2572\u27CB\u27CD\u29F5\u29F8\u29F9\u3033\uFE68\uFF0F\uFF3C]/;

/**
 * Returns the path to redirect to after sign-in, from the request's `rd` parameter (INC-09, WB-04): a path on the same host
 * with its query and fragment, in the URL parser's normal form. Returns `/` for any other input.
 *
 * All variants of the path are checked (`core/policy/path-variants.ts`), because a proxy between here and the browser may
 * decode it or resolve its dot segments: no variant may be `//host` or contain a backslash or a control character. The query
 * and the fragment may contain anything, also URLs, except raw bytes that are not UTF-8 (INC-36).
 *
 * @returns text that starts with exactly one `/` and is safe in a `Location` header
 */
export function parseReturnPathOrRoot(input: string | null | undefined): string {
  // The URL parser silently removes raw tabs and line breaks.
  if (
    !input ||
    input.length > maxReturnPathCharacters ||
    controlCharacter.test(input) ||
    hasReplacementCharacter(input)
  )
    return "/";
  const variants = findPathVariants(input.split(/[?#]/, 1)[0] ?? "");
  if (variants === null || ![...variants].every(isHarmless)) return "/";
  const url = new URL(input, dummyOrigin);
  if (url.origin !== dummyOrigin) return "/";
  const normalised = url.pathname + url.search + url.hash;
  return normalised.length <= maxReturnPathCharacters && isHarmless(url.pathname) ? normalised : "/";
}

function isHarmless(path: string): boolean {
  return !slashLookalike.test(path) && !path.includes("\\");
}
