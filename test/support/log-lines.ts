import { vi } from "vitest";

const levels = ["debug", "info", "log", "warn", "error"] as const;

/** Collects the Worker's log lines instead of printing them, until mocks are restored. */
export function collectLogLines(): string[] {
  const lines: string[] = [];
  for (const level of levels) {
    vi.spyOn(console, level).mockImplementation((...args: unknown[]) => {
      lines.push(args.map(String).join(" "));
    });
  }
  return lines;
}

/** Parses the lines, each of which is a JSON document. */
export const parseLines = (lines: readonly string[]): Record<string, unknown>[] =>
  lines.map((line) => JSON.parse(line));
