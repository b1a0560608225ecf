import { decodeAsciiEscapesOnce, foldNameToUnderscores, listPossibleFoldedNames } from "./folded-name.ts";
import {
  checkNamedValuesForAmbiguity,
  type NamedValue,
  type NamedValuesWithAmbiguity,
} from "./named-values.ts";

/**
 * Finds every parameter of a query string that some server may read under one of these names (INC-08, INC-26). The result is
 * ambiguous when a server that also splits at semicolons (HTML 4.01 B.2.2), before or after decoding, finds others.
 *
 * @param query without the `?`, as it was sent
 * @param names the names as the site writes them
 */
export function findParametersReadableAs(query: string, names: readonly string[]): NamedValuesWithAmbiguity {
  const { values, atSemicolons } = findPairs(query, names);
  return checkNamedValuesForAmbiguity(values, names, atSemicolons.length === values.length);
}

/**
 * Finds every value that some server may read for this parameter, by the rules of {@link findParametersReadableAs}.
 *
 * @param query without the `?`, as it was sent
 * @returns values as they were sent or decoded once, some possibly twice
 */
export function findParameterValuesReadableAs(query: string, name: string): readonly string[] {
  const { values, atSemicolons } = findPairs(query, [name]);
  return [...values, ...atSemicolons].map(({ value }) => value);
}

function findPairs(query: string, names: readonly string[]) {
  const foldedNames = new Set(names.map(foldNameToUnderscores));
  // In a query a plus sign is a space, and PHP drops spaces before a name.
  const isNamed = ({ name }: NamedValue) =>
    listPossibleFoldedNames(name.replaceAll("+", " ")).some((folded) => foldedNames.has(folded));
  const pairs = query.split("&").map(toPair);
  const pieces = pairs.flatMap(({ name, value }) => decodeAsciiEscapesOnce(`${name}=${value}`).split(";"));
  return { values: pairs.filter(isNamed), atSemicolons: pieces.map(toPair).filter(isNamed) };
}

function toPair(piece: string) {
  const equals = piece.indexOf("=");
  return equals === -1
    ? { name: piece, value: "" }
    : { name: piece.slice(0, equals), value: piece.slice(equals + 1) };
}
