import { decodeAsciiOnce, foldName, foldParameterName } from "./folded-name.ts";
import { type ShownValues, summarizeShown } from "./shown-values.ts";

/**
 * Finds every parameter of a query string that some server may read under one of these names (INC-08, INC-26). A query is
 * ambiguous when a server that also splits at semicolons (HTML 4.01 B.2.2), before or after it decodes, finds others.
 *
 * @param query without the `?`, as it was sent
 * @param names the names as the site writes them
 */
export function findShownParameters(query: string, names: readonly string[]): ShownValues {
  const wanted = new Set(names.map(foldName));
  const isWanted = (key: string) => foldParameterName(key).some((folded) => wanted.has(folded));
  const pairs = query.split("&").map(toPair);
  const values = pairs.filter(({ name }) => isWanted(name));
  const atSemicolons = pairs.flatMap(({ name, value }) => decodeAsciiOnce(`${name}=${value}`).split(";"));
  const found = atSemicolons.filter((piece) => isWanted(toPair(piece).name));
  return summarizeShown(values, names, found.length === values.length);
}

function toPair(piece: string) {
  const equals = piece.indexOf("=");
  return equals === -1
    ? { name: piece, value: "" }
    : { name: piece.slice(0, equals), value: piece.slice(equals + 1) };
}
