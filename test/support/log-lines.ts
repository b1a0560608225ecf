import { vi } from "vitest";

const levels = ["debug", "info", "log", "warn", "error"] as const;

/** Collects what the Worker logs from now on, instead of printing it, until mocks are restored. */
export function collectLogLines(): string[] {
  const lines: string[] = [];
  for (const level of levels) {
    vi.spyOn(console, level).mockImplementation((...args: unknown[]) => {
      lines.push(args.map(String).join(" "));
    });
  }
  return lines;
}

/** The same lines, read: every one is a JSON document. */
export const parseLines = (lines: readonly string[]): Record<string, unknown>[] =>
  lines.map((line) => JSON.parse(line));
