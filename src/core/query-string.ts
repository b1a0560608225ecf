import { foldName, foldParameterName } from "./folded-name.ts";
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
  const atSemicolons = pairs.flatMap(({ name, value }) => decodeAscii(`${name}=${value}`).split(";"));
  const found = atSemicolons.filter((piece) => isWanted(toPair(piece).name));
  return summarizeShown(values, names, found.length === values.length);
}

function toPair(piece: string) {
  const equals = piece.indexOf("=");
  return equals === -1
    ? { name: piece, value: "" }
    : { name: piece.slice(0, equals), value: piece.slice(equals + 1) };
}

/** A separator is ASCII, so other escapes do not matter here. */
const decodeAscii = (text: string): string =>
  text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
