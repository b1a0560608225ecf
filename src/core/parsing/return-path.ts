import { findPathReadings } from "../policy/path-readings.ts";
import { isUndecodable } from "./undecodable.ts";

const longestPath = 2048;

/** Any host will do: what counts is that the parser does not leave it. */
const dummyOrigin = "https://return-path.invalid";

const controlCharacter = /\p{Cc}/u;

/**
 * A second character that makes a browser, or a person who reads the address, take the path for `//host`: slashes,
 * backslashes, and characters that look like one or that normalisation (NFKC) turns into one.
 */
const slashLookalike =
  /^\/[/\\\u2044\u2215\u2216\u2571\u2572\u27CB\u27CD\u29F5\u29F8\u29F9\u3033\uFE68\uFF0F\uFF3C]/;

/**
 * The path to go back to after sign-in, from the `rd` that came with the request (INC-09, WB-04): a path on the same
 * host with its query and fragment, in the URL parser's normal form. Anything else is `/`.
 *
 * Stricter than a browser needs: every way to read the path counts, as it does for the policy. Whoever decodes it or
 * resolves its dot segments between here and the browser does not get `//host`, a backslash or a control character.
 * The query and the fragment may hold anything, URLs included, but for bytes that are not UTF-8 and not escaped (INC-36).
 *
 * @returns text that starts with exactly one `/` and that is safe in `Location`
 */
export function safeReturnPath(input: string | null | undefined): string {
  // The URL parser drops raw tabs and line breaks without a word, wherever they are.
  if (!input || input.length > longestPath || controlCharacter.test(input) || isUndecodable(input))
    return "/";
  const readings = findPathReadings(input.split(/[?#]/, 1)[0] ?? "");
  if (readings === null || ![...readings].every(isHarmless)) return "/";
  const url = new URL(input, dummyOrigin);
  if (url.origin !== dummyOrigin) return "/";
  const normalised = url.pathname + url.search + url.hash;
  return normalised.length <= longestPath && isHarmless(url.pathname) ? normalised : "/";
}

function isHarmless(path: string): boolean {
  return !slashLookalike.test(path) && !path.includes("\\");
}
