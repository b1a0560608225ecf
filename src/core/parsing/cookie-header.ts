import { lazyPer } from "../lib/lazy.ts";
import { decodeAscii, foldName, foldParameterName } from "./folded-name.ts";
import { type NamedValue, type NamedValues, summarizeNamedValues } from "./named-values.ts";

interface Piece extends NamedValue {
  /** Where the piece begins in the header. */
  readonly at: number;
}

/**
 * Finds every cookie that some server may read under one of these names (INC-08, INC-26). A request is ambiguous when a
 * server may read such a name anywhere but at the beginning of a piece between two semicolons: servers also split at
 * commas (RFC 2109) and at blanks (`http.cookies` of Python), heed quoted strings, decode, and trim different characters.
 *
 * @param header the `Cookie` header; the runtime joins several lines with a comma
 * @param names the names as the site writes them
 */
export function readNamedCookies(header: string, names: readonly string[]): NamedValues {
  const wanted = new Set(names.map(foldName));
  // A cookie without a name is sent as `=value` or as the bare value, which may look like a name and a value.
  const isWanted = ({ name }: Piece) =>
    foldParameterName(name.replace(/^[\s=]+/, "")).some((folded) => wanted.has(folded));
  const placesOf = (pieces: readonly Piece[]) =>
    pieces
      .filter(isWanted)
      .map(({ at }) => at)
      .join();
  const pieces = splitAtSemicolons(header);
  // What is left of a cookie in the right spelling is its value, and it must not name another cookie.
  const others = pieces.map(({ text, name, value }) => (names.includes(name) ? `x=${value}` : text));
  const isReadAlike =
    placesOf(splitOutsideQuotes(header)) === placesOf(pieces) &&
    !hasUnclearBlanks(header) &&
    !namesCookie(others.join(";"), names);
  const values = pieces.filter(isWanted).map(({ name, value }) => ({ name, value }));
  return summarizeNamedValues(values, names, isReadAlike);
}

/** Characters that are part of a longer name, or of a value, for every known server. `+` is a blank for PHP. */
const joining = "\\w!#$%&*.^|~`()<>@:/?{}\\-";

/** Escapes of characters beyond ASCII: what a server makes of them is not known. */
const foreignEscape = /%[89a-f][0-9a-f]/gi;

/**
 * True when text of a `Cookie` header has one of these names, in any spelling and decoded or not, and an equals sign
 * behind it. Any character that does not continue a name may end the cookie before it. An index is searched for a bounded
 * number of characters, so that the search takes linear time.
 */
function namesCookie(text: string, names: readonly string[]): boolean {
  const pattern = patternFor(names);
  const decoded = text.includes("%") ? decodeAscii(text).replace(foreignEscape, "\uFFFD") : text;
  return [text, decoded, decoded.replace(/["']/g, "")].some((reading) => pattern.test(reading));
}

/** The names stand in the configuration, and every request of a site is searched for them. */
const patternFor = lazyPer((names: readonly string[]) => {
  const spellings = names.map((name) => foldName(name).replaceAll("_", "[^a-z0-9;,=]")).join("|");
  return new RegExp(`(?:^|[^${joining}=])=*(?:${spellings})[^${joining}=;,[\\]]*(?:\\[[^;,=]{0,64})?=`, "i");
});

/** What some language trims, or splits at, beside the space and the tab. U+0085 is among the control characters. */
const controls = String.raw`\0-\x08\n-\x1f\x7f-\x9f`;
const foreignBlanks = String.raw`\xa0\u1680\u180e\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff`;
const unclearBlanks = new RegExp(
  `[${controls}]|[${foreignBlanks}][ \\t]*(?:[;,=]|$)|(?:^|[;,])[ \\t]*[${foreignBlanks}]`,
);

/**
 * True when a `Cookie` header has a control character, or a blank that is not ASCII beside a separator. No browser sends
 * them for a cookie that a site has set, and languages do not agree on which of them to trim.
 */
const hasUnclearBlanks = (header: string): boolean => unclearBlanks.test(header);

/**
 * The header without the cookies of these names, in any spelling and behind a comma, too. Every other byte stays as it came.
 *
 * @returns null when nothing is left
 */
export function withoutCookies(header: string, names: readonly string[]): string | null {
  const unwanted = new Set(names.map(foldName));
  const parts = header.split(/([;,])/);
  const kept: string[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const piece = parts[index] ?? "";
    if (foldParameterName(cookieName(piece)).some((folded) => unwanted.has(folded))) continue;
    if (kept.length > 0) kept.push(parts[index - 1] ?? "");
    kept.push(piece);
  }
  // Other blanks may be part of a name for some servers.
  const text = kept.join("").replace(/^ +| +$/g, "");
  return text === "" ? null : text;
}

/** Names of the Worker's own cookies, and of those that a proxy may take for one, without quotes and blanks. */
const likeOwn = /[^a-z0-9]{2}host[^a-z0-9]sallyport/i;

/** What the Worker writes into its cookies: the output of `encodeURIComponent`. */
const ownValue = /^[\w.!~*'()%-]*$/;

/**
 * True when a `Cookie` header has a cookie of the Worker's own in another form than the Worker writes it. Such a header
 * must be refused, not taken apart: the site may get from a proxy what {@link withoutCookies} removes (INC-23).
 *
 * @param names the names of the Worker's own cookies
 */
export function hasMalformedOwnCookie(header: string, names: readonly string[]): boolean {
  const isAsWritten = (piece: string) => {
    const { name, value } = toPiece(piece, 0, piece.length);
    return names.includes(name) && ownValue.test(value) && piece.includes("=");
  };
  const others = header.split(/[;,]/).filter((piece) => !isAsWritten(piece));
  return likeOwn.test(decodeAscii(others.join(";")).replace(/["'\s]/g, ""));
}

/**
 * The name in a piece of a `Cookie` header, or at the beginning of a `Set-Cookie` header. A browser sends a cookie without
 * a name as its bare value, which may look like a name and a value.
 */
export const cookieName = (piece: string): string =>
  (piece.replace(/^\s*=/, "").split(/[=;]/, 1)[0] ?? "").trim();

function splitAtSemicolons(header: string): (Piece & { readonly text: string })[] {
  let at = 0;
  return header.split(";").map((text) => {
    const piece = { text, ...toPiece(header, at, at + text.length) };
    at += text.length + 1;
    return piece;
  });
}

/** As servers split that take `name="a; b"` for one cookie (RFC 2109 4.1). */
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
