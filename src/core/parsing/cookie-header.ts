import { lazyPerObject } from "../lib/lazy.ts";
import {
  decodeAsciiEscapesThreeTimes,
  foldNameToUnderscores,
  listPossibleFoldedNames,
} from "./folded-name.ts";
import {
  checkNamedValuesForAmbiguity,
  type NamedValue,
  type NamedValuesWithAmbiguity,
} from "./named-values.ts";

/** A part of a `Cookie` header. */
interface PieceText extends NamedValue {
  /** The offset of the piece in the header. */
  readonly at: number;
  /** The piece as the client sent it. */
  readonly text: string;
}

/** A part of a `Cookie` header between two separators. */
interface Piece extends PieceText {
  /** The separator before the piece. Empty: the piece is the first one. */
  readonly separator: string;
}

/**
 * Splits a `Cookie` header. All functions that read or remove cookies use it, so they agree on the parts and their names.
 * ({@link splitOutsideQuotes} only detects headers that other servers split in another way.)
 *
 * Browsers separate cookies with `;` (RFC 6265 4.2.1). The runtime joins several `Cookie` lines of HTTP/1.1 with a comma, and some
 * servers split at commas (RFC 2109), but a comma can also be part of a value. So Sallyport removes its cookies after a comma
 * ({@link removeNamedCookies}) and never reads one there ({@link findOwnCookie}).
 */
function splitCookies(header: string, separators: ";" | ";,"): readonly Piece[] {
  let at = 0;
  return header.split(separators === ";" ? ";" : /[;,]/).map((text) => {
    const piece = { ...toPiece(header, at, at + text.length), separator: header[at - 1] ?? "" };
    at += text.length + 1;
    return piece;
  });
}

/**
 * Returns the decoded value of one of Sallyport's own cookies, or undefined. The cookie must have its exact name, and be at the beginning
 * of the header or after a semicolon: a page of a subdomain can set a cookie with another name whose value contains
 * `, __Host-sallyport=…`, which the prefix `__Host-` does not prevent. The value ends at a comma: Sallyport's values have none.
 *
 * @param name the name with its prefix
 */
export function findOwnCookie(header: string, name: string): string | undefined {
  if (!header.includes(name)) return undefined;
  const own = splitCookies(header, ";,").find(({ separator, text, ...piece }) => {
    if (separator === "," || !text.includes("=")) return false;
    return trimBlanks(piece.name) === name && ownValuePattern.test(trimBlanks(piece.value));
  });
  return own === undefined ? undefined : tryDecode(trimBlanks(own.value));
}

/** Returns the percent-decoded value, or undefined when the decoded bytes are not UTF-8: Sallyport sets no such value. */
function tryDecode(value: string): string | undefined {
  try {
    return value.includes("%") ? decodeURIComponent(value) : value;
  } catch {
    return undefined;
  }
}

const trimBlanks = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, "");

/**
 * Finds every cookie that some server may read under one of these names (INC-08, INC-26). The result is ambiguous when a
 * server may find such a name elsewhere than at the beginning of a piece between two semicolons: servers also split at
 * commas (RFC 2109) and at spaces (`http.cookies` of Python), keep quoted strings together, decode, and trim different
 * characters.
 *
 * @param header the `Cookie` header; the runtime joins several header lines with a comma
 * @param names the names as the site writes them
 */
export function findCookiesReadableAs(header: string, names: readonly string[]): NamedValuesWithAmbiguity {
  const foldedNames = foldedNamesOf(names);
  const isNamed = (piece: NamedValue) => isNamedIn(piece, foldedNames);
  const offsetsOf = (pieces: readonly PieceText[]) =>
    pieces
      .filter(isNamed)
      .map(({ at }) => at)
      .join();
  const pieces = splitCookies(header, ";");
  // The value of a correctly spelled cookie is searched, too: it must not contain another of these cookies.
  const searched = pieces.map(({ text, name, value }) => (names.includes(name) ? `x=${value}` : text));
  const isSplitAlike =
    offsetsOf(splitOutsideQuotes(header)) === offsetsOf(pieces) &&
    !hasAmbiguousSpaces(header) &&
    !containsCookie(searched.join(";"), names);
  const values = pieces.filter(isNamed).map(({ name, value }) => ({ name, value }));
  return checkNamedValuesForAmbiguity(values, names, isSplitAlike);
}

/** Folded once for each list of names: the lists come from the configuration and from the code, and are needed for every request. */
const foldedNamesOf = lazyPerObject(
  (names: readonly string[]): ReadonlySet<string> => new Set(names.map(foldNameToUnderscores)),
);

/**
 * True when some server may read the piece under one of these folded names. A browser sends a cookie without a name as `=value` or as
 * the bare value, which may look like a name and a value.
 */
const isNamedIn = ({ name }: NamedValue, foldedNames: ReadonlySet<string>): boolean =>
  listPossibleFoldedNames(name.replace(/^[\s=]+/, "")).some((folded) => foldedNames.has(folded));

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
 * Returns the header without the cookies of these names, in any spelling, also after a comma. A header without such a cookie is returned
 * unchanged; otherwise spaces at both ends are trimmed.
 *
 * @returns null when nothing is left
 */
export function removeNamedCookies(header: string, names: readonly string[]): string | null {
  const removedNames = foldedNamesOf(names);
  const pieces = splitCookies(header, ";,");
  const remaining = pieces.filter((piece) => !isNamedIn(piece, removedNames));
  if (remaining.length === pieces.length) return header === "" ? null : header;
  const text = remaining.map(({ separator, text }, i) => (i === 0 ? text : separator + text)).join("");
  // Only ASCII spaces are trimmed: for some servers other white space is part of a name.
  return text.replace(/^ +| +$/g, "") || null;
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
  const isWellFormed = ({ name, value, text }: Piece) =>
    names.includes(name) && ownValuePattern.test(value) && text.includes("=");
  const others = splitCookies(header, ";,").filter((piece) => !isWellFormed(piece));
  const text = decodeAsciiEscapesThreeTimes(others.map((piece) => piece.text).join(";"));
  return ownNameLookalike.test(text.replace(/["'\s]/g, ""));
}

/** True when a browser or a server may read a `Set-Cookie` header as a cookie of one of these names, in any spelling. */
export const setsNamedCookie = (setCookie: string, names: readonly string[]): boolean => {
  const [pair = ""] = setCookie.split(";", 1);
  return isNamedIn(toPiece(pair, 0, pair.length), foldedNamesOf(names));
};

/** Splits like servers that read `name="a; b"` as one cookie (RFC 2109 4.1). */
function splitOutsideQuotes(header: string): PieceText[] {
  const pieces: PieceText[] = [];
  const pattern = /[^;="]*(?:=[ \t]*(?:"(?:[^"\\]|\\.)*"[^;]*|[^;]*)|[^;]*)/y;
  for (let from = 0; from <= header.length; ) {
    pattern.lastIndex = from;
    const end = from + (pattern.exec(header)?.[0].length ?? 0);
    pieces.push(toPiece(header, from, end));
    from = end + 1;
  }
  return pieces;
}

function toPiece(header: string, from: number, to: number): PieceText {
  const text = header.slice(from, to);
  const trimmed = text.replace(/^ +/, "");
  const equals = trimmed.indexOf("=", /^=*/.exec(trimmed)?.[0].length);
  const name = equals === -1 ? trimmed : trimmed.slice(0, equals);
  return { at: from, text, name, value: equals === -1 ? "" : trimmed.slice(equals + 1) };
}
