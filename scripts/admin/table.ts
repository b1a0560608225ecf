import stringWidth from "string-width";
import { pad, shorten, visible } from "./text.ts";

export interface Column {
  readonly title: string;
  /** The column may be shortened to fit the terminal. Not set for values that are copied, such as ids. */
  readonly flexible?: true;
}

const gap = "  ";
const narrowest = 8;

/**
 * Returns the lines of a table: the titles and the rows, in aligned columns. With `terminalColumns` it shortens flexible columns, the
 * widest first, and wraps the last column at its spaces, to fit the terminal if possible. With null nothing is shortened,
 * because a program reads the output.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  terminalColumns: number | null,
): string[] {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) => row.map(visible));
  const widest = columns.map((_, column) =>
    cells.reduce((most, row) => Math.max(most, stringWidth(row[column] ?? "")), 0),
  );
  const widths = terminalColumns === null ? widest : shrinkToFit(columns, widest, terminalColumns);
  const last = columns.length - 1;
  return cells.flatMap((row) => {
    const [first = "", ...further] = breakAtSpaces(row[last] ?? "", widths[last] ?? 0);
    const before = row.slice(0, last).map((cell, column) => {
      const width = widths[column] ?? 0;
      return pad(shorten(cell, width), width) + gap;
    });
    const indent = " ".repeat(stringWidth(before.join("")));
    return [(before.join("") + first).trimEnd(), ...further.map((line) => indent + line)];
  });
}

/** Shortens the widest flexible column, one character at a time, until the table fits or no column can be shortened. */
function shrinkToFit(columns: readonly Column[], widest: readonly number[], room: number): number[] {
  const widths = [...widest];
  const total = () => widths.reduce((all, width) => all + width, gap.length * (widths.length - 1));
  while (total() > room) {
    const flexible = widths.map((width, column) => (columns[column]?.flexible ? width : 0));
    const most = Math.max(...flexible);
    if (most <= narrowest) break;
    widths[flexible.indexOf(most)] = most - 1;
  }
  return widths;
}

function breakAtSpaces(text: string, width: number): string[] {
  if (stringWidth(text) <= width) return [text];
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1) ?? ""} ${word}`;
    if (lines.length > 0 && stringWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map((line) => shorten(line, width));
}
