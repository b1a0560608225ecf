import fc from "fast-check";

/** Path pieces that have misled some server. */
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
  "\uff3c",
  "\u00a5",
  "%c2%a5",
  "\u2025",
  "\uff0e\uff0e",
  "%ef%bc%8e",
  "%ef%bc%8f",
  "\u00b7\u00b7",
  "\uff05",
  "\uff1b",
  "\u00a0",
  "%u002f",
  "%25u002e",
  "%25c0%25af",
  "%e1",
  "\ufffd",
  ".json",
  ".php",
  "index.php",
  "/index.php/",
  "/index.html",
  "::$DATA",
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

/** The same behind a name that is no escape, however often it was encoded. */
function behindLongName(path: string, index: number, more: string): string {
  const places = [...path.matchAll(/[A-Za-z]{4}(?=\/|$)/g)].map((match) => match.index + 4);
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
  "a wide letter": (path) => path.replace("admin", "\uff41dmin"),
  "an accent": (path) => path.replace("admin", "\u0105dmin"),
  "a wide slash": (path, index) => atSlash(path, index, "\uff0f"),
  "a yen sign for a backslash": (path, index) => atSlash(path, index, "%c2%a5"),
  "there and back in wide dots": (path, index) => atSlash(path, index, "/x/\uff0e\uff0e/"),
  "there and back in one character": (path, index) => atSlash(path, index, "/x/%e2%80%a5/"),
  "a wide dot behind a name": (path, index) => behindName(path, index, "\uff0e"),
  "a wide semicolon": (path, index) => behindName(path, index, "\uff1bv"),
};

/** Ways to write a path that some framework serves as the same one, where the site is made with it. */
const variants: typeof disguises = {
  "a format": (path, index) => behindLongName(path, index, ".json"),
  "a format of the last name": (path) => `${path}.xml`,
  "a stream": (path, index) => behindLongName(path, index, "::$DATA"),
  "a front controller": (path) => `/index.php${path}`,
  "a front controller in a directory": (path) => `/public/app.php${path}`,
  "an index file": (path) => `${path}/index.html`,
  "a slash at the end": (path) => `${path}/`,
};

/** The path in a disguise of several layers, and which they are. */
export const disguised = (path: string, mostLayers = 5): fc.Arbitrary<Disguised> =>
  inLayers(disguises, path, mostLayers);

/** The same, with variants that only some frameworks know among the layers. */
export const varied = (path: string, mostLayers = 5): fc.Arbitrary<Disguised> =>
  inLayers({ ...disguises, ...variants }, path, mostLayers);

interface Disguised {
  readonly text: string;
  readonly layers: readonly (string | undefined)[];
}

const inLayers = (ways: typeof disguises, path: string, mostLayers: number): fc.Arbitrary<Disguised> =>
  fc
    .array(fc.tuple(fc.constantFrom(...Object.keys(ways)), fc.nat({ max: 60 })), {
      minLength: 1,
      maxLength: mostLayers,
    })
    .map((layers) => ({
      text: layers.reduce((text, [name, index]) => ways[name]?.(text, index) ?? text, path),
      layers: layers.map(([name]) => name),
    }));
