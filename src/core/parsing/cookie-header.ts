import { lazyPerObject } from "../lib/lazy.ts";
import {
  decodeAsciiEscapesThreeTimes,
  foldNameToUnderscores,
  listPossibleFoldedNames,
} from "./folded-name.ts";
import { type ClassifiedNamedValues, checkNamedValuesForAmbiguity, type NamedValue } from "./named-values.ts";

interface Piece extends NamedValue {
  /** The offset of the piece in the header. */
  readonly at: number;
}

/**
 * Finds every cookie that some server may read under one of these names (INC-08, INC-26). The result is ambiguous when a
 * server may find such a name elsewhere than at the beginning of a piece between two semicolons: servers also split at
 * commas (RFC 2109) and at spaces (`http.cookies` of Python), keep quoted strings together, decode, and trim different
 * characters.
 *
 * @param header the `Cookie` header; the runtime joins several header lines with a comma
 * @param names the names as the site writes them
 */
export function findCookiesReadableAs(header: string, names: readonly string[]): ClassifiedNamedValues {
  const foldedNames = new Set(names.map(foldNameToUnderscores));
  // A browser sends a cookie without a name as `=value` or as the bare value, which may look like a name and a value.
  const isNamed = ({ name }: Piece) =>
    listPossibleFoldedNames(name.replace(/^[\s=]+/, "")).some((folded) => foldedNames.has(folded));
  const offsetsOf = (pieces: readonly Piece[]) =>
    pieces
      .filter(isNamed)
      .map(({ at }) => at)
      .join();
  const pieces = splitAtSemicolons(header);
  // The value of a correctly spelled cookie is searched, too: it must not contain another of these cookies.
  const searched = pieces.map(({ text, name, value }) => (names.includes(name) ? `x=${value}` : text));
  const isSplitAlike =
    offsetsOf(splitOutsideQuotes(header)) === offsetsOf(pieces) &&
    !hasAmbiguousSpaces(header) &&
    !containsCookie(searched.join(";"), names);
  const values = pieces.filter(isNamed).map(({ name, value }) => ({ name, value }));
  return checkNamedValuesForAmbiguity(values, names, isSplitAlike);
}

/** Characters that no known server takes for the end of a name. `+` is missing, because PHP reads it as a space. */
const nameCharacters = "\\w!#$%&*.^|~`()<>@:/?{}\\-";

/** Escapes of non-ASCII characters, which servers decode in different ways. */
const foreignEscape = /%[89a-f][0-9a-f]/gi;

/**
 * True when text of a `Cookie` header contains one of these names, in any spelling, decoded or not, followed by an equals
 * sign. Any character that is not part of a name counts as a separator before it. The length of an index (`sid[0]`) is
 * bounded, so that the search takes linear time.
 */
function containsCookie(text: string, names: readonly string[]): boolean {
  const pattern = patternFor(names);
  const decoded = text.includes("%")
    ? decodeAsciiEscapesThreeTimes(text).replace(foreignEscape, "\uFFFD")
    : text;
  return [text, decoded, decoded.replace(/["']/g, "")].some((it) => pattern.test(it));
}

/** Compiled once for each list of names: the lists come from the configuration, and are searched for in every request. */
const patternFor = lazyPerObject((names: readonly string[]) => {
  const spellings = names
    .map((name) => foldNameToUnderscores(name).replaceAll("_", "[^a-z0-9;,=]"))
    .join("|");
  return new RegExp(
    `(?:^|[^${nameCharacters}=])=*(?:${spellings})[^${nameCharacters}=;,[\\]]*(?:\\[[^;,=]{0,64})?=`,
    "i",
  );
});

/** Characters beside space and tab that some language trims, or splits at. U+0085 is one of the control characters. */
const controls = String.raw`\0-\x08\n-\x1f\x7f-\x9f`;
const unicodeSpaces = String.raw`\xa0\u1680\u180e\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff`;
const ambiguousSpaces = new RegExp(
  `[${controls}]|[${unicodeSpaces}][ \\t]*(?:[;,=]|$)|(?:^|[;,])[ \\t]*[${unicodeSpaces}]`,
);

/**
 * True when a `Cookie` header has a control character, or a Unicode space next to a separator. No browser sends them for a
 * cookie that a site has set, and languages trim different sets of them.
 */
const hasAmbiguousSpaces = (header: string): boolean => ambiguousSpaces.test(header);

/**
 * Returns the header without the cookies of these names, in any spelling, also after a comma. All other bytes stay.
 *
 * @returns null when nothing is left
 */
export function removeNamedCookies(header: string, names: readonly string[]): string | null {
  const removedNames = new Set(names.map(foldNameToUnderscores));
  const parts = header.split(/([;,])/);
  const remaining: string[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const piece = parts[index] ?? "";
    if (listPossibleFoldedNames(cookieNameOfPair(piece)).some((folded) => removedNames.has(folded))) continue;
    if (remaining.length > 0) remaining.push(parts[index - 1] ?? "");
    remaining.push(piece);
  }
  // Only ASCII spaces are trimmed: for some servers other white space is part of a name.
  const text = remaining.join("").replace(/^ +| +$/g, "");
  return text === "" ? null : text;
}

/** The prefix of Sallyport's own cookies, and of names that a proxy may confuse with it. Quotes and spaces are removed before. */
const ownNameLookalike = /[^a-z0-9]{2}host[^a-z0-9]sallyport/i;

/** The characters of the values that Sallyport sets: the output of `encodeURIComponent`. */
const ownValuePattern = /^[\w.!~*'()%-]*$/;

/**
 * True when a `Cookie` header has one of Sallyport's own cookies in another form than Sallyport sets it. Such a request must
 * be refused. Removing the cookie ({@link removeNamedCookies}) would not be enough, because a proxy may pass it to the site
 * (INC-23).
 *
 * @param names the names of Sallyport's own cookies
 */
export function hasMalformedOwnCookie(header: string, names: readonly string[]): boolean {
  const isWellFormed = (piece: string) => {
    const { name, value } = toPiece(piece, 0, piece.length);
    return names.includes(name) && ownValuePattern.test(value) && piece.includes("=");
  };
  const others = header.split(/[;,]/).filter((piece) => !isWellFormed(piece));
  return ownNameLookalike.test(decodeAsciiEscapesThreeTimes(others.join(";")).replace(/["'\s]/g, ""));
}

/**
 * Returns the cookie name in a piece of a `Cookie` header, or in a `Set-Cookie` header. A browser sends a cookie without a
 * name as its bare value; then the value up to `=` is returned, because a server would read that as the name.
 */
export const cookieNameOfPair = (piece: string): string =>
  (piece.replace(/^\s*=/, "").split(/[=;]/, 1)[0] ?? "").trim();

function splitAtSemicolons(header: string): (Piece & { readonly text: string })[] {
  let at = 0;
  return header.split(";").map((text) => {
    const piece = { text, ...toPiece(header, at, at + text.length) };
    at += text.length + 1;
    return piece;
  });
}

/** Splits like servers that read `name="a; b"` as one cookie (RFC 2109 4.1). */
function splitOutsideQuotes(header: string): Piece[] {
  const pieces: Piece[] = [];
  const pattern = /[^;="]*(?:=[ \t]*(?:"(?:[^"\\]|\\.)*"[^;]*|[^;]*)|[^;]*)/y;
  for (let from = 0; from <= header.length; ) {
    pattern.lastIndex = from;
    const end = from + (pattern.exec(header)?.[0].length ?? 0);
    pieces.push(toPiece(header, from, end));
    from = end + 1;
  }
  return pieces;
}

function toPiece(header: string, from: number, to: number): Piece {
  const text = header.slice(from, to).replace(/^ +/, "");
  const equals = text.indexOf("=", /^=*/.exec(text)?.[0].length);
  const name = equals === -1 ? text : text.slice(0, equals);
  return { at: from, name, value: equals === -1 ? "" : text.slice(equals + 1) };
}
