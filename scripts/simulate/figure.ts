/** One line of the table that a simulation ends with. */
export interface Figure {
  readonly attack: string;
  /** What is counted or estimated. */
  readonly what: string;
  readonly measured: string;
  readonly computed: string;
  /** What it must not be worse than. Null: it is told, and nothing is promised. */
  readonly limit: string | null;
  readonly ok: boolean;
}

/** The table, in Markdown. */
export function renderTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ attack, what, measured, computed, limit, ok }) => {
    const kept = limit === null ? "" : `${limit}: ${ok ? "kept" : "**broken**"}`;
    return `| ${[attack, what, measured, computed, kept].join(" | ")} |`;
  });
  return ["| attack | figure | measured | closed form | limit |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

/** A probability as people read it. */
export const percent = (probability: number, digits = 4): string =>
  `${(probability * 100).toFixed(digits)} %`;

/** A number with thousands set apart. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
