import type { Spread } from "./rounds.ts";

/** The results of one part of the benchmark. */
export interface Section {
  readonly title: string;
  readonly tables: readonly Table[];
  /** Explanations of the tables: Markdown, one paragraph each. */
  readonly notes: readonly string[];
  readonly verdicts: readonly Verdict[];
}

/** Rows of cells, as displayed. */
export interface Table {
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A target and the measured value. */
export interface Verdict {
  readonly target: string;
  readonly measured: string;
  readonly met: boolean;
}

/** Formats a ratio with its quartiles: `1.07 (1.05 to 1.11)`. */
export const showRatio = ({ median, low, high }: Spread): string =>
  `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;

/** Formats a section as Markdown. */
export function showSection({ title, tables, notes, verdicts }: Section): string {
  const parts = [`## ${title}`, ...tables.map(showTable), ...notes];
  if (verdicts.length > 0) parts.push(showVerdicts(verdicts));
  return `${parts.join("\n\n")}\n`;
}

export const showVerdicts = (verdicts: readonly Verdict[]): string =>
  showTable({
    heading: ["target", "measured", "met"],
    rows: verdicts.map(({ target, measured, met }) => [target, measured, met ? "yes" : "**no**"]),
  });

function showTable({ heading, rows }: Table): string {
  return [heading, heading.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
