import { foldName, foldParameterName } from "./folded-name.ts";
import { type ShownValue, type ShownValues, summarizeShown } from "./shown-values.ts";

interface Piece extends ShownValue {
  /** Where the piece begins in the header. */
  readonly at: number;
}

/**
 * Finds every cookie that some server may read under one of these names (INC-08, INC-26). A request is ambiguous when the
 * servers that split at commas (RFC 2109) or heed quoted strings find others than the servers that do not.
 *
 * @param header the `Cookie` header; the runtime joins several lines with a comma
 * @param names the names as the site writes them
 */
export function findShownCookies(header: string, names: readonly string[]): ShownValues {
  const wanted = new Set(names.map(foldName));
  // A cookie without a name is sent as `=value` or as the bare value, which may look like a name and a value.
  const isWanted = ({ name }: Piece) =>
    foldParameterName(name.replace(/^[\s=]+/, "")).some((folded) => wanted.has(folded));
  const placesOf = (pieces: readonly Piece[]) =>
    pieces
      .filter(isWanted)
      .map(({ at }) => at)
      .join();
  const pieces = splitAt(header, /;/g);
  const otherReadings = [splitAt(header, /[;,]/g), splitOutsideQuotes(header)];
  const isReadAlike = otherReadings.every((reading) => placesOf(reading) === placesOf(pieces));
  const values = pieces.filter(isWanted).map(({ name, value }) => ({ name, value }));
  return summarizeShown(values, names, isReadAlike);
}

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
  const text = kept.join("").trim();
  return text === "" ? null : text;
}

/**
 * The name in a piece of a `Cookie` header, or at the beginning of a `Set-Cookie` header. A browser sends a cookie without
 * a name as its bare value, which may look like a name and a value.
 */
export const cookieName = (piece: string): string =>
  (piece.replace(/^\s*=/, "").split(/[=;]/, 1)[0] ?? "").trim();

function splitAt(header: string, separator: RegExp): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const { index } of header.matchAll(separator)) {
    pieces.push(toPiece(header, from, index));
    from = index + 1;
  }
  pieces.push(toPiece(header, from, header.length));
  return pieces;
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
