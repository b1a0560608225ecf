import stringWidth from "string-width";

/**
 * Characters that move the cursor, change colours or change the direction of text. U+200C and U+200D are allowed, because scripts and
 * emoji need them and they only affect their neighbours.
 */
const unseen = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Escapes control characters as `\x1b` or `\u{202e}`, so that a user name cannot send commands to the operator's
 * terminal. The result is a single line, and escaping it again changes nothing.
 */
export function visible(text: string): string {
  return text.replace(unseen, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** Like `JSON.stringify`, but escapes control and format characters. Both texts parse to the same value. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Shortens a text to a number of terminal columns. `…` replaces the removed end. */
export function shorten(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let short = "";
  for (const { segment } of graphemes.segment(text)) {
    if (stringWidth(short + segment) > columns - 1) break;
    short += segment;
  }
  return `${short}…`;
}

/** Pads a text with spaces to a number of terminal columns. Longer texts are returned unchanged. */
export const pad = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(columns - stringWidth(text), 0));

/** Returns lines of names and values, with the values aligned. */
export function renderFields(fields: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...fields.map(([name]) => stringWidth(visible(name))));
  return fields.map(([name, value]) => `${pad(visible(name), width)}  ${visible(value)}`);
}

/** Formats a time of the API to the second, in UTC: `2026-11-22 09:30:00Z`. Other texts are returned unchanged. */
export const readableTime = (time: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(time)
    ? `${time.slice(0, 10)} ${time.slice(11, 19)}Z`
    : time;

/** Formats the date of a time of the API, in UTC. Null becomes `never`. */
export const readableDay = (time: string | null): string => (time === null ? "never" : time.slice(0, 10));

/** `12,345`. */
export const readableCount = (count: number): string => count.toLocaleString("en-US");

/** `1 line`, `2 lines`, `2 entries`. */
export const countOf = (count: number, word: string): string =>
  `${readableCount(count)} ${count === 1 ? word : `${word}s`.replace(/([^aeiou])ys$/, "$1ies")}`;

const helpColumns = 78;

/** Lists words in lines of the width of the help, indented by two spaces. */
export function wrapWords(words: readonly string[]): string {
  const lines = [""];
  for (const [index, word] of words.entries()) {
    const text = index < words.length - 1 ? `${word}, ` : word;
    if (`${lines.at(-1)}${text}`.length > helpColumns) lines.push("");
    lines[lines.length - 1] += text;
  }
  return lines.map((line) => `  ${line.trimEnd()}`).join("\n");
}
