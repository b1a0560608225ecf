import { hasReplacementCharacter } from "../parsing/undecodable.ts";
import { lookalikeCharacterPattern, lookalikeCharacterReplacers } from "./best-fit.ts";

/** A path with more variants than this is an attack on the CPU time, not a link of a site, and is rejected. */
const maxVariants = 512;

/** Bounds the total length of all variants, and so the work that one long path can cause. */
const maxCharacters = 262_144;

const controlCharacter = /\p{Cc}/u;

/** Matches a path that one of the rewrites below would change. Most paths do not match, and have one variant only. */
const ambiguousSpelling = new RegExp(
  String.raw`[%\\;?#]|//|[. ](?:/|$)|${lookalikeCharacterPattern.source}`,
  "u",
);

/** Each function does one thing that servers, frameworks or file systems are known to do with a path. */
const rewrites: readonly ((path: string) => string)[] = [
  (path) => path.replaceAll("\\", "/"),
  // The URL standard treats `%2e` as a dot before anything is decoded: `/x%2fy/%2e./admin`.
  (path) => path.replace(/%2e/gi, "."),
  resolveDotSegments,
  (path) => path.replace(/\/{2,}/g, "/"),
  // Java servers drop the parameters of a segment: `/public/..;x/admin`.
  (path) => path.replace(/;[^/]*/g, ""),
  // Windows file systems drop dots and spaces at the end of a name. Implementations differ for `.. `.
  (path) => mapSegments(path, (segment) => trimDotsAndSpaces(segment)),
  (path) => mapSegments(path, (segment) => trimDotsAndSpaces(segment) || segment.slice(0, 2).trimEnd()),
  ...lookalikeCharacterReplacers,
  // A server that parses the decoded path again ends it at an encoded `?` or `#`: `/admin%3f`.
  (path) => path.split(/[?#]/, 1)[0] ?? path,
];

/**
 * Finds the variants of a path: every path that some server may derive from the raw one by decoding and normalising, so
 * that a rule cannot be avoided by writing a path differently (INC-05).
 *
 * The variants are the closure of these steps: decoding one level of percent-encoding, backslash to slash, resolving dot segments, collapsing
 * slashes, dropping `;parameters`, dropping dots and spaces at the end of a segment, ending at an encoded `?` or `#`,
 * replacing characters that normalisation or a Windows code page turns into such syntax (`core/policy/best-fit.ts`);
 * in any order, repeated until nothing changes. One more variant is the path for an origin that does not decode. In it,
 * only the escapes that no client can avoid (space, umlauts) are decoded, because a rule can only name them decoded.
 *
 * After the first decoding a malformed escape is literal text, except for two forms that old servers decode: overlong UTF-8
 * (`%c0%af`) and `%u002f`.
 *
 * @param rawPath the path as received, without the query
 * @returns at least one variant, each starting with `/`. Null when the path does not parse and the response must be 400: no
 * leading slash, a raw `?` or `#`, malformed escapes, bytes that are not UTF-8 (INC-36) or control characters after any
 * number of decodings, or too many variants
 */
export function findPathVariants(rawPath: string): ReadonlySet<string> | null {
  if (!rawPath.startsWith("/") || /[?#]/.test(rawPath) || isUnreadable(rawPath)) return null;
  if (!ambiguousSpelling.test(rawPath)) return new Set([rawPath]);
  if (!isWellEncoded(rawPath)) return null;
  // Some servers resolve dot segments before decoding and some after: before, `/x%2fy/../admin` is `/admin`.
  const undecoded = closeUnder(rewrites, [rawPath]);
  if (undecoded === null) return null;
  const decoded = closeUnder(
    [...rewrites, decodeOnce, decodeObsoleteEscapes],
    [...undecoded].map(decodeOnce),
  );
  if (decoded === null) return null;
  for (const variant of undecoded) decoded.add(decodeUnavoidableEscapes(variant));
  return decoded;
}

const isUnreadable = (path: string) => controlCharacter.test(path) || hasReplacementCharacter(path);

/** Applies the steps to the paths and to their results until no new path appears. Null: too many, or one is unreadable. */
function closeUnder(
  steps: readonly ((path: string) => string)[],
  start: readonly string[],
): Set<string> | null {
  const variants = new Set<string>();
  let characters = 0;
  const queue = [...start];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (variants.has(path)) continue;
    if (isUnreadable(path)) return null;
    variants.add(path);
    characters += path.length;
    if (variants.size > maxVariants || (variants.size > 16 && characters > maxCharacters)) return null;
    for (const step of steps) queue.push(step(path));
  }
  return variants;
}

/** RFC 3986 5.2.4; at the root `..` stays at the root, and a last dot segment leaves its slash. */
function resolveDotSegments(path: string): string {
  const segments = path.slice(1).split("/");
  const last = segments.at(-1);
  const resolved: string[] = [];
  for (const segment of segments) {
    if (segment === "..") resolved.pop();
    else if (segment !== ".") resolved.push(segment);
  }
  if (last === "." || last === "..") resolved.push("");
  return `/${resolved.join("/")}`;
}

function mapSegments(path: string, change: (segment: string) => string): string {
  return path
    .split("/")
    .map((segment) => (segment === "." || segment === ".." ? segment : change(segment)))
    .join("/");
}

/** A loop, because a pattern anchored at the end takes quadratic time on long runs in the middle. */
function trimDotsAndSpaces(segment: string): string {
  let end = segment.length;
  while (end > 0 && (segment[end - 1] === "." || segment[end - 1] === " ")) end--;
  return segment.slice(0, end);
}

function isWellEncoded(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Decodes ASCII escapes and every run of other escapes that is UTF-8. Other escapes stay. */
function decodeOnce(path: string): string {
  return path.replace(/(?:%[89a-f][0-9a-f])+|%[0-7][0-9a-f]/gi, decodeRun);
}

/** Decodes `%u002f` (Microsoft, 1999) and overlong UTF-8 of ASCII, which RFC 3629 3 forbids and old decoders accept. */
function decodeObsoleteEscapes(path: string): string {
  return path
    .replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(
      /%(?:(c[01])|e0%(8[01])|f0%80%(8[01]))%([89ab][0-9a-f])/gi,
      (_, two, three, four, last: string) => {
        const upperBits = Number.parseInt(two ?? three ?? four, 16) & 1;
        return String.fromCharCode(upperBits * 64 + (Number.parseInt(last, 16) & 63));
      },
    );
}

function decodeRun(run: string): string {
  try {
    return decodeURIComponent(run);
  } catch {
    return run;
  }
}

/** Decodes the escapes of the URL standard's path percent-encode set, and of the percent sign. */
function decodeUnavoidableEscapes(path: string): string {
  return path.replace(/(?:%[89a-f][0-9a-f])+|%(?:20|22|23|25|3c|3e|3f|5e|60|7b|7d)/gi, decodeRun);
}
