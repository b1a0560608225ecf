import stringWidth from "string-width";

/**
 * Everything that moves a cursor, changes a colour or turns the direction of writing. Two joiners stay, because scripts and
 * emoji need them and they only act on their neighbours.
 */
const unseen = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Makes control characters visible, so that what a stranger has typed as a name can't write on the operator's terminal:
 * `\x1b`, `\u{202e}`. The result has one line, and doing it twice changes nothing more.
 */
export function visible(text: string): string {
  return text.replace(unseen, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** JSON in one line, in which only plain text stands as it is. It says the same as `JSON.stringify`. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The beginning of a text that has at most so many columns, with `…` where something is missing. */
export function shorten(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let short = "";
  for (const { segment } of graphemes.segment(text)) {
    if (stringWidth(short + segment) > columns - 1) break;
    short += segment;
  }
  return `${short}…`;
}

/** A text that takes so many columns, if it is not longer. */
export const pad = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(columns - stringWidth(text), 0));

/** Lines of names and values, the values aligned. */
export function renderFields(fields: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...fields.map(([name]) => stringWidth(visible(name))));
  return fields.map(([name, value]) => `${pad(visible(name), width)}  ${visible(value)}`);
}

/** `2026-11-22 09:30:00Z`: a time of the API to the second, in UTC. What is no time is shown as it is. */
export const readableTime = (time: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(time)
    ? `${time.slice(0, 10)} ${time.slice(11, 19)}Z`
    : time;

/** The day of a time of the API, in UTC. */
export const readableDay = (time: string | null): string => (time === null ? "never" : time.slice(0, 10));

/** `12,345`. */
export const readableCount = (count: number): string => count.toLocaleString("en-US");

/** `1 line`, `2 lines`. */
export const countOf = (count: number, word: string): string =>
  `${readableCount(count)} ${word}${count === 1 ? "" : "s"}`;
