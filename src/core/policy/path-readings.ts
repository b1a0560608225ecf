import { isUndecodable } from "../parsing/undecodable.ts";
import { lookalike, writeOuts } from "./best-fit.ts";

/** A path with more readings than this is not a link of any site; it is refused rather than judged at length. */
const mostReadings = 512;

/** Readings times length: bounds the work that one long path can cause. */
const mostCharacters = 262_144;

const controlCharacter = /\p{Cc}/u;

/** Anything that one of the rewrites below would change. Most paths have none of it and are read in one way only. */
const ambiguous = new RegExp(String.raw`[%\\;?#]|//|[. ](?:/|$)|${lookalike.source}`, "u");

/** What servers, frameworks and file systems are known to do with a path, one text to one text each. */
const rewrites: readonly ((path: string) => string)[] = [
  (path) => path.replaceAll("\\", "/"),
  // The URL standard takes an escaped dot for a dot before it decodes anything else: `/x%2fy/%2e./admin`.
  (path) => path.replace(/%2e/gi, "."),
  resolveDotSegments,
  (path) => path.replace(/\/{2,}/g, "/"),
  // Parameters of a segment, which Java servers drop: `/public/..;x/admin`.
  (path) => path.replace(/;[^/]*/g, ""),
  // Windows file systems drop dots and spaces at the end of a name. What is left of `.. ` depends on who drops.
  (path) => mapSegments(path, (segment) => trimDotsAndSpaces(segment)),
  (path) => mapSegments(path, (segment) => trimDotsAndSpaces(segment) || segment.slice(0, 2).trimEnd()),
  ...writeOuts,
  // A server that parses the decoded path a second time ends it at a mark that was encoded: `/admin%3f`.
  (path) => path.split(/[?#]/, 1)[0] ?? path,
];

/**
 * All the ways in which servers may read a path, so that a rule cannot be dodged by writing a path differently
 * (INC-05).
 *
 * The closure of: decoding one level of percent-encoding, backslash to slash, resolving dot segments, collapsing
 * slashes, dropping `;parameters`, dropping dots and spaces at the end of a segment, ending at an encoded `?` or `#`,
 * writing ASCII for characters that normalisation or a Windows code page turns into such syntax (`core/policy/best-fit.ts`);
 * in any order and as often as it changes something. Also the path as an origin sees it that never decodes; there
 * only the escapes that no client can avoid (space, umlauts) are written out, since a rule can only name them
 * decoded.
 *
 * Below the first level a malformed escape is literal text, but for the two forms that old servers decode there: overlong
 * UTF-8 (`%c0%af`) and `%u002f`.
 *
 * @param rawPath the path as received, without the query
 * @returns at least one reading, each starting with `/`; null when the path does not parse and the answer is 400: no
 * leading slash, a raw `?` or `#`, malformed escapes, bytes that are not UTF-8 (INC-36) or control characters at any
 * level, or too many readings
 */
export function findPathReadings(rawPath: string): ReadonlySet<string> | null {
  if (!rawPath.startsWith("/") || /[?#]/.test(rawPath) || isUnreadable(rawPath)) return null;
  if (!ambiguous.test(rawPath)) return new Set([rawPath]);
  if (!isWellEncoded(rawPath)) return null;
  // Some resolve before they decode and some after: `/x%2fy/../admin` is `/admin` for the first.
  const undecoded = closeUnder(rewrites, [rawPath]);
  if (undecoded === null) return null;
  const decoded = closeUnder(
    [...rewrites, decodeOnce, decodeObsoleteEscapes],
    [...undecoded].map(decodeOnce),
  );
  if (decoded === null) return null;
  for (const reading of undecoded) decoded.add(writeOutUnavoidableEscapes(reading));
  return decoded;
}

const isUnreadable = (reading: string) => controlCharacter.test(reading) || isUndecodable(reading);

function closeUnder(
  steps: readonly ((path: string) => string)[],
  start: readonly string[],
): Set<string> | null {
  const readings = new Set<string>();
  let characters = 0;
  const queue = [...start];
  for (let reading = queue.pop(); reading !== undefined; reading = queue.pop()) {
    if (readings.has(reading)) continue;
    if (isUnreadable(reading)) return null;
    readings.add(reading);
    characters += reading.length;
    if (readings.size > mostReadings || (readings.size > 16 && characters > mostCharacters)) return null;
    for (const step of steps) queue.push(step(reading));
  }
  return readings;
}

/** RFC 3986 5.2.4; at the root `..` stays at the root, and a last dot segment leaves its slash. */
function resolveDotSegments(path: string): string {
  const segments = path.slice(1).split("/");
  const last = segments.at(-1);
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  if (last === "." || last === "..") kept.push("");
  return `/${kept.join("/")}`;
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

/** Decodes ASCII escapes and every run of other escapes that is UTF-8; what is neither stays as it is. */
function decodeOnce(path: string): string {
  return path.replace(/(?:%[89a-f][0-9a-f])+|%[0-7][0-9a-f]/gi, decodeRun);
}

/** `%u002f` (Microsoft, 1999), and ASCII in more bytes than it needs, which RFC 3629 3 forbids and old decoders take. */
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

/** Those of the URL standard's path percent-encode set, and the percent sign itself. */
function writeOutUnavoidableEscapes(path: string): string {
  return path.replace(/(?:%[89a-f][0-9a-f])+|%(?:20|22|23|25|3c|3e|3f|5e|60|7b|7d)/gi, decodeRun);
}
