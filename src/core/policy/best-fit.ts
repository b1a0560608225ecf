/**
 * Some servers turn characters into ASCII before they look for a file or a route (INC-31): by compatibility normalisation
 * (NFKC, Unicode Standard Annex 15), or by the "best fit" mapping of a Windows code page, which `WideCharToMultiByte`
 * applies by default. Sources of the tables here: the WindowsBestFit tables of unicode.org (code pages 437 to 1258, 20127
 * and 28591 to 28605), and "WorstFit" (Black Hat Europe 2024), which describes attacks with them.
 *
 * U+0301 is left out, although the DOS code pages 860, 861 and 865 map it to a slash: macOS writes it in every file name
 * with an acute accent.
 */

/** The characters that one kind of server turns into ASCII. Servers of two kinds may process a request one after the other. */
interface AsciiMapping {
  /** Applied anywhere in a path. Maps to a slash where the server gets a backslash: on Windows both separate segments. */
  readonly separators: ReadonlyMap<string, string>;
  /** Applied at the end of a segment only. Elsewhere dots and spaces have no effect, so `col·lecció` does not change. */
  readonly endings: ReadonlyMap<string, string>;
}

/** Parses a text that alternates between a character and its ASCII replacement. */
const pairs = (text: string) => new Map(text.match(/../gsu)?.map(([from = "", to = ""]) => [from, to]));

const spaces = [
  ..."\u00A0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u202F\u205F\u3000",
];
const spacesToAscii = new Map(spaces.map((space) => [space, " "] as const));

/** Characters whose NFKC form ends in a dot: `..` for U+2025, `1.` for U+2488. */
const compatibleDots =
  "\u2024\u2025\u2026\u2488\u2489\u248A\u248B\u248C\u248D\u248E\u248F\u2490\u2491\u2492\u2493\u2494\u2495\u2496\u2497" +
  "\u2498\u2499\u249A\u249B\u33C2\u33C7\u33D8\uFE19\uFE30\uFE52\uFF0E";
/** Characters whose NFKC form contains a slash or another delimiter of a path. */
const compatibleSeparators =
  "\u037E\u2047\u2048\u2049\u2100\u2101\u2105\u2106\uFE14\uFE16\uFE54\uFE56\uFE5F\uFE68\uFE6A" +
  "\uFF03\uFF05\uFF0F\uFF1B\uFF1F\uFF3C\uFFE5\uFFE6";
const compatible = (characters: string) =>
  new Map([...characters].map((it) => [it, it.normalize("NFKC").replace("\\", "/")] as const));

const none: AsciiMapping["endings"] = new Map();

const mappings: readonly AsciiMapping[] = [
  // Servers that normalise to NFKC.
  {
    separators: compatible(compatibleSeparators),
    endings: new Map([...compatible(compatibleDots), ...spacesToAscii]),
  },
  // Fullwidth forms, by all Windows code pages except the East Asian ones, which contain these characters.
  { separators: pairs("\uFF0F/\uFF3C/\uFF05%\uFF1B;\uFF1F?\uFF03#"), endings: pairs("\uFF0E.\u3000 ") },
  // The best-fit mappings of the Windows code pages 1250, 1252 and 1254, and of the code pages of DOS.
  { separators: pairs("\u2044/\u2215/\u2216/\u066A%\u2030%\u037E;"), endings: spacesToAscii },
  // The best-fit mappings of the Windows code page 1253 and of the DOS code pages 860, 861 and 865.
  { separators: pairs("\u00B4/\u02CA/"), endings: none },
  // Code page 932 (Japanese) maps the yen sign to a backslash, which separates segments as a slash does.
  { separators: pairs("\u00A5/"), endings: none },
  // Code page 949 (Korean) maps the won sign to a backslash. The table has a slash for it, as for the yen sign.
  { separators: pairs("\u20A9/"), endings: none },
  // Code page 20127 (US-ASCII) maps these characters to dots. Windows drops dots at the end of a name.
  { separators: none, endings: pairs("\u00B7.\u2022.\u2026.") },
];

const anyOf = (maps: readonly AsciiMapping["endings"][]) =>
  `[${[...new Set(maps.flatMap((map) => [...map.keys()]))].join("")}]`;

/** Matches any character that one of {@link lookalikeCharacterReplacers} may change. */
export const lookalikeCharacterPattern = new RegExp(
  anyOf(mappings.flatMap(({ separators, endings }) => [separators, endings])),
  "u",
);

const ending = new RegExp(`[. ]|${anyOf(mappings.map(({ endings }) => endings))}`, "u");

/** One function for each kind of server. It returns the path as such a server sees it after its conversion to ASCII. */
export const lookalikeCharacterReplacers: readonly ((path: string) => string)[] = mappings.map(
  (mapping) => (path) => {
    if (!lookalikeCharacterPattern.test(path)) return path;
    const separated = [...path].map((character) => mapping.separators.get(character) ?? character).join("");
    return separated
      .split("/")
      .map((segment) => substituteEnding(segment, mapping.endings))
      .join("/");
  },
);

function substituteEnding(segment: string, endings: AsciiMapping["endings"]): string {
  // A loop, because a pattern anchored at the end takes quadratic time on long runs in the middle.
  let start = segment.length;
  while (start > 0 && ending.test(segment.charAt(start - 1))) start--;
  const end = [...segment.slice(start)].map((character) => endings.get(character) ?? character);
  return segment.slice(0, start) + end.join("");
}

/** Lower-case characters that NFKD does not decompose, each followed by the ASCII character of its best-fit mapping. */
const bestFitPairs =
  "æa ƀb ©c ¢c đd ðd ɖd ♪d ♫d ℮e ɛe εe ƒf φf ɸf ǥg ɡg γg ħh һh ɨi ĸk łl ƚl £l ŋn ∩n øo ɵo ωo œo ∅o ○o ☺o ☻o ℘p ₧p πp ®r σs ςs ∑s " +
  "ŧt ƫt ʈt τt þt θt √v ↓v ×x ƶz αa δd ∞8 \u00AD- ‐- ‒- –- —- −- ─- ˍ_ ‗_ ׃: ։: ∶: ∼~";

const bestFitLetters = new Map(
  bestFitPairs.split(" ").map((pair) => [pair.charAt(0), pair.charAt(1)] as const),
);

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const asciiText = /^[\x00-\x7F]*$/;
const nonAsciiCharacters = /[^\p{ASCII}]/gu;

/** Combining marks of Latin letters, and the characters that HFS+ ignores in a name (CVE-2014-9390). */
const ignoredCharacters = /[\u0300-\u036F\u200C-\u200F\u202A-\u202E\u206A-\u206F\uFEFF]/g;

/**
 * Returns the text in lower case, without accents, with fullwidth letters as ASCII, and with best-fit letters replaced,
 * because a server may serve `/ádmin`, `/ａdmin` and `/aðmin` as `/admin` (INC-07, INC-31).
 *
 * The text is upper-cased first: that maps letters such as the long s and the Kelvin sign as file systems do.
 */
export function foldCaseAndAccents(text: string): string {
  if (asciiText.test(text)) return text.toLowerCase();
  const folded = text.normalize("NFKD").replace(ignoredCharacters, "").toUpperCase().toLowerCase();
  return folded.replace(nonAsciiCharacters, (letter) => bestFitLetters.get(letter) ?? letter);
}
