export type Yaml = string | Yaml[] | { [key: string]: Yaml };

type Line = { indent: number; text: string };

/**
 * Reads the YAML that `examples/` use: maps, lists, and scalars in single quotes or of letters, each on its own line.
 * Throws at anything else. Every scalar is a string.
 */
export function parseYamlSubset(source: string): Yaml {
  const lines = source
    .split("\n")
    .filter((line) => !/^\s*(#.*)?$/.test(line))
    .map((line): Line => ({ indent: line.search(/\S/), text: line.trim() }));
  const value = readBlock(lines, 0);
  if (lines.length > 0) throw new Error(`Not read: ${lines[0]?.text}`);
  return value;
}

/** Takes the lines of one map or list off the front. */
function readBlock(lines: Line[], atLeast: number): Yaml {
  const [first] = lines;
  if (first === undefined || first.indent < atLeast) throw new Error("A value is missing");
  const { indent } = first;
  return first.text.startsWith("- ") ? readList(lines, indent) : readMap(lines, indent);
}

function readList(lines: Line[], indent: number): Yaml[] {
  const items: Yaml[] = [];
  while (lines[0]?.indent === indent && lines[0].text.startsWith("- ")) {
    const text = lines[0].text.slice(2);
    const isMap = /^[\w-]+:( |$)/.test(text);
    if (isMap) lines[0] = { indent: indent + 2, text };
    else lines.shift();
    items.push(isMap ? readMap(lines, indent + 2) : readScalar(text));
  }
  return items;
}

function readMap(lines: Line[], indent: number): { [key: string]: Yaml } {
  const map: { [key: string]: Yaml } = {};
  while (lines[0]?.indent === indent && !lines[0].text.startsWith("- ")) {
    const { text } = lines.shift() as Line;
    const [, key, rest = ""] = /^([\w-]+):(?: +(.*))?$/.exec(text) ?? [];
    if (key === undefined || key in map) throw new Error(`Not a key of its own: ${text}`);
    map[key] = rest === "" ? readBlock(lines, indent + 1) : readScalar(rest);
  }
  return map;
}

function readScalar(text: string): string {
  const [, quoted, plain] = /^(?:'((?:[^']|'')*)'|([\w-]+))$/.exec(text) ?? [];
  const value = quoted?.replaceAll("''", "'") ?? plain;
  if (value === undefined) throw new Error(`Not a scalar that is read here: ${text}`);
  return value;
}
