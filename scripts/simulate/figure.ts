/** One row of the result table. */
export interface Figure {
  readonly attack: string;
  /** The counted or estimated quantity. */
  readonly what: string;
  readonly measured: string;
  readonly computed: string;
  /** The limit of the figure. Null when there is none. */
  readonly limit: string | null;
  readonly ok: boolean;
}

/** Renders the table in Markdown. */
export function renderTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ attack, what, measured, computed, limit, ok }) => {
    const kept = limit === null ? "" : `${limit}: ${ok ? "kept" : "**broken**"}`;
    return `| ${[attack, what, measured, computed, kept].join(" | ")} |`;
  });
  return ["| attack | figure | measured | closed form | limit |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

/** Formats a probability. */
export const percent = (probability: number, digits = 4): string =>
  `${(probability * 100).toFixed(digits)} %`;

/** Formats a number with separators for thousands. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
