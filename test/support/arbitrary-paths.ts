import fc from "fast-check";

/** Pieces that have fooled somebody. */
const pieces = [
  "/",
  "//",
  "\\",
  "%2f",
  "%2F",
  "%5c",
  "%5C",
  "%252f",
  "%255c",
  ".",
  "..",
  "%2e",
  "%2E%2e",
  "%252e",
  "/./",
  "/../",
  "/..;/",
  "/..;x=y/",
  "/%2e%2e/",
  "/.%2e/",
  "/%252e%252e/",
  "/..%2f",
  "/..%5c",
  ";",
  ";a=b",
  "%3b",
  "?",
  "#",
  "%3f",
  "%23",
  " ",
  "%20",
  ". ",
  "@",
  ":",
  "%",
  "%%",
  "%zz",
  "%00",
  "%0a",
  "%25",
  "%c0%af",
  "%e2%81%84",
  "\u2044",
  "\uff0f",
  "\u0131",
  "\t",
  "~",
  "*",
  "a",
  "x",
] as const;

/** Text of such pieces, of the words given, and of anything. */
export const hostileText = (...words: string[]): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...pieces) },
        { weight: 4, arbitrary: fc.constantFrom("/", ...words) },
        { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
        { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 2 }) },
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join(""));

const escaped = (character: string) =>
  [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");

const replaceAt = (text: string, index: number, change: (character: string) => string) => {
  const characters = [...text];
  const at = index % characters.length;
  return [...characters.slice(0, at), change(characters[at] ?? ""), ...characters.slice(at + 1)].join("");
};

/** The `index`th slash of a path, replaced. There is always one: the first, which stays a slash. */
function atSlash(path: string, index: number, replacement: string): string {
  const places = [...path.matchAll(/\//g)].map((match) => match.index);
  const at = places[index % places.length] ?? 0;
  return `${path.slice(0, at)}${at === 0 ? replacement.replace(/^[^/]*/, "") || "/" : replacement}${path.slice(at + 1)}`;
}

/** The `index`th name of a path that is more than dots, with something behind it. */
function behindName(path: string, index: number, more: string): string {
  const places = [...path.matchAll(/(?<!%[0-9A-Fa-f])[A-Za-z](?=\/|$)/g)].map((match) => match.index + 1);
  const at = places[index % Math.max(places.length, 1)];
  return at === undefined ? path : path.slice(0, at) + more + path.slice(at);
}

/** Ways to write a path that some server takes for the same one. */
const disguises: Readonly<Record<string, (path: string, index: number) => string>> = {
  "escape a character": (path, index) =>
    replaceAt(path, index, (character) =>
      character === "/" || character === "%" ? character : escaped(character),
    ),
  "escape every escape": (path) => path.replaceAll("%", "%25"),
  "another case": (path, index) =>
    replaceAt(path, index, (character) =>
      /[a-z]/.test(character) && !/%[0-9a-f]?$/i.test(path.slice(0, index % path.length))
        ? character.toUpperCase()
        : character,
    ),
  "two slashes": (path, index) => atSlash(path, index, "//"),
  "a dot segment": (path, index) => atSlash(path, index, "/./"),
  "an escaped dot segment": (path, index) => atSlash(path, index, "/%2e/"),
  "there and back": (path, index) => atSlash(path, index, "/public/../"),
  "there and back, escaped": (path, index) => atSlash(path, index, "/x/%2e%2e/"),
  "there and back, with a parameter": (path, index) => atSlash(path, index, "/x/..;y/"),
  "a parameter": (path, index) => behindName(path, index, ";v=1"),
  "an escaped parameter": (path, index) => behindName(path, index, "%3bv"),
  "a dot behind a name": (path, index) => behindName(path, index, "."),
  "a blank behind a name": (path, index) => behindName(path, index, "%20"),
  "an escaped slash": (path, index) => atSlash(path, index, "%2f"),
  "a backslash": (path, index) => atSlash(path, index, "\\"),
  "an escaped backslash": (path, index) => atSlash(path, index, "%5C"),
  "an escaped question mark": (path) => `${path}%3fx`,
  "a letter that looks like one": (path) => path.replace("i", "\u0131"),
  "a wide letter": (path) => path.replace("a", "\uff41"),
};

/** The path in a disguise of several layers, and which they are. */
export const disguised = (path: string, mostLayers = 5): fc.Arbitrary<{ text: string; layers: string[] }> =>
  fc
    .array(fc.tuple(fc.constantFrom(...Object.keys(disguises)), fc.nat({ max: 60 })), {
      minLength: 1,
      maxLength: mostLayers,
    })
    .map((layers) => ({
      text: layers.reduce((text, [name, index]) => disguises[name]?.(text, index) ?? text, path),
      layers: layers.map(([name]) => name),
    }));
