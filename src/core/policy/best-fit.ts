/**
 * Characters that some servers turn into ASCII before they look for a file or a route (INC-31): by compatibility
 * normalisation (NFKC, Unicode Standard Annex 15), or by the "best fit" of a Windows code page, which `WideCharToMultiByte`
 * applies unless it is told not to. Sources: the WindowsBestFit tables of unicode.org (code pages 437 to 1258, 20127 and
 * 28591 to 28605), and "WorstFit" (Black Hat Europe 2024), which attacked servers with them.
 *
 * U+0301 is left out, although the DOS code pages 860, 861 and 865 write it as a slash: it is part of every name with an
 * accent that macOS writes.
 */

/** Characters that one kind of server turns into ASCII at the same time. Two kinds may stand behind one another. */
interface Fit {
  /** Anywhere in a path. A backslash is written as a slash: only a Windows server makes one, and takes it for that. */
  readonly separators: ReadonlyMap<string, string>;
  /** At the end of a segment. Elsewhere dots and spaces mean nothing, so `col·lecció` stays as it is. */
  readonly endings: ReadonlyMap<string, string>;
}

/** Pairs of a character and its ASCII, one behind the other. */
const pairs = (text: string) => new Map(text.match(/../gsu)?.map(([from = "", to = ""]) => [from, to]));

const spaces = [
  ..."\u00A0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u202F\u205F\u3000",
];
const blank = new Map(spaces.map((space) => [space, " "] as const));

/** NFKC of these ends in a dot: `..` for U+2025, `1.` for U+2488. */
const compatibleDots =
  "\u2024\u2025\u2026\u2488\u2489\u248A\u248B\u248C\u248D\u248E\u248F\u2490\u2491\u2492\u2493\u2494\u2495\u2496\u2497" +
  "\u2498\u2499\u249A\u249B\u33C2\u33C7\u33D8\uFE19\uFE30\uFE52\uFF0E";
/** NFKC of these has a slash among letters, or a character of the syntax. */
const compatibleSeparators =
  "\u037E\u2047\u2048\u2049\u2100\u2101\u2105\u2106\uFE14\uFE16\uFE54\uFE56\uFE5F\uFE68\uFE6A" +
  "\uFF03\uFF05\uFF0F\uFF1B\uFF1F\uFF3C\uFFE5\uFFE6";
const compatible = (characters: string) =>
  new Map([...characters].map((it) => [it, it.normalize("NFKC").replace("\\", "/")] as const));

const none: Fit["endings"] = new Map();

const fits: readonly Fit[] = [
  // NFKC.
  {
    separators: compatible(compatibleSeparators),
    endings: new Map([...compatible(compatibleDots), ...blank]),
  },
  // Wide forms: all code pages but those of East Asia, which have them.
  { separators: pairs("\uFF0F/\uFF3C/\uFF05%\uFF1B;\uFF1F?\uFF03#"), endings: pairs("\uFF0E.\u3000 ") },
  // 1250, 1252, 1254, and the code pages of DOS.
  { separators: pairs("\u2044/\u2215/\u2216/\u066A%\u2030%\u037E;"), endings: blank },
  // 1253, 860, 861, 865.
  { separators: pairs("\u00B4/\u02CA/"), endings: none },
  // 932: Japanese.
  { separators: pairs("\u00A5/"), endings: none },
  // 949: Korean.
  { separators: pairs("\u20A9/"), endings: none },
  // 20127: US-ASCII.
  { separators: none, endings: pairs("\u00B7.\u2022.\u2026.") },
];

const anyOf = (maps: readonly Fit["endings"][]) =>
  `[${[...new Set(maps.flatMap((map) => [...map.keys()]))].join("")}]`;

/** Any character that one of {@link writeOuts} may change. */
export const lookalike = new RegExp(
  anyOf(fits.flatMap(({ separators, endings }) => [separators, endings])),
  "u",
);

const ending = new RegExp(`[. ]|${anyOf(fits.map(({ endings }) => endings))}`, "u");

/** One function for each kind of server: the path with ASCII for what the server turns into the syntax of a path. */
export const writeOuts: readonly ((path: string) => string)[] = fits.map((fit) => (path) => {
  if (!lookalike.test(path)) return path;
  const written = [...path].map((character) => fit.separators.get(character) ?? character).join("");
  return written
    .split("/")
    .map((segment) => writeOutEnding(segment, fit.endings))
    .join("/");
});

function writeOutEnding(segment: string, endings: Fit["endings"]): string {
  // A loop, because a pattern anchored at the end takes quadratic time on long runs in the middle.
  let start = segment.length;
  while (start > 0 && ending.test(segment.charAt(start - 1))) start--;
  const end = [...segment.slice(start)].map((character) => endings.get(character) ?? character);
  return segment.slice(0, start) + end.join("");
}

/** Characters without a decomposition, in lower case, each with the ASCII character of its best fit behind it. */
const bestFitPairs =
  "æa ƀb ©c ¢c đd ðd ɖd ♪d ♫d ℮e ɛe εe ƒf φf ɸf ǥg ɡg γg ħh һh ɨi ĸk łl ƚl £l ŋn ∩n øo ɵo ωo œo ∅o ○o ☺o ☻o ℘p ₧p πp ®r σs ςs ∑s " +
  "ŧt ƫt ʈt τt þt θt √v ↓v ×x ƶz αa δd ∞8 \u00AD- ‐- ‒- –- —- −- ─- ˍ_ ‗_ ׃: ։: ∶: ∼~";

const bestFitLetters = new Map(
  bestFitPairs.split(" ").map((pair) => [pair.charAt(0), pair.charAt(1)] as const),
);

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const ascii = /^[\x00-\x7F]*$/;
const notAscii = /[^\p{ASCII}]/gu;

/** Combining marks of Latin letters, and what HFS+ ignores in a name (CVE-2014-9390). */
const ignored = /[\u0300-\u036F\u200C-\u200F\u202A-\u202E\u206A-\u206F\uFEFF]/g;

/**
 * The text as it is compared without regard to case: also without accents and width, and with best-fit letters, because
 * a server may take `/ádmin`, `/ａdmin` and `/aðmin` for `/admin` (INC-07, INC-31).
 *
 * Upper case first: that maps letters such as the long s and the Kelvin sign to the ones that file systems take them for.
 */
export function foldCase(text: string): string {
  if (ascii.test(text)) return text.toLowerCase();
  const folded = text.normalize("NFKD").replace(ignored, "").toUpperCase().toLowerCase();
  return folded.replace(notAscii, (letter) => bestFitLetters.get(letter) ?? letter);
}
