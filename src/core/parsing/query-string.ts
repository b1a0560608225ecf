import { decodeAsciiOnce, foldName, foldParameterName } from "./folded-name.ts";
import { type NamedValue, type NamedValues, summarizeNamedValues } from "./named-values.ts";

/**
 * Finds every parameter of a query string that some server may read under one of these names (INC-08, INC-26). A query is
 * ambiguous when a server that also splits at semicolons (HTML 4.01 B.2.2), before or after it decodes, finds others.
 *
 * @param query without the `?`, as it was sent
 * @param names the names as the site writes them
 */
export function readNamedParameters(query: string, names: readonly string[]): NamedValues {
  const { values, atSemicolons } = findPairs(query, names);
  return summarizeNamedValues(values, names, atSemicolons.length === values.length);
}

/**
 * Finds every value that some server may read for a parameter, by the rules of {@link readNamedParameters}.
 *
 * @param query without the `?`, as it was sent
 * @returns values as they were sent, or decoded once; some may be there twice
 */
export function findParameterValues(query: string, name: string): readonly string[] {
  const { values, atSemicolons } = findPairs(query, [name]);
  return [...values, ...atSemicolons].map(({ value }) => value);
}

function findPairs(query: string, names: readonly string[]) {
  const wanted = new Set(names.map(foldName));
  // A plus sign is a space in a query, and PHP drops spaces in front of a name.
  const isWanted = ({ name }: NamedValue) =>
    foldParameterName(name.replaceAll("+", " ")).some((folded) => wanted.has(folded));
  const pairs = query.split("&").map(toPair);
  const pieces = pairs.flatMap(({ name, value }) => decodeAsciiOnce(`${name}=${value}`).split(";"));
  return { values: pairs.filter(isWanted), atSemicolons: pieces.map(toPair).filter(isWanted) };
}

function toPair(piece: string) {
  const equals = piece.indexOf("=");
  return equals === -1
    ? { name: piece, value: "" }
    : { name: piece.slice(0, equals), value: piece.slice(equals + 1) };
}
