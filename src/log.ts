import type { LogFunction } from "./domain/deps.ts";

/** Writes one log line as JSON, which escapes line breaks and quotes in values of a client (LG-04). */
export const log: LogFunction = (level, event, fields) => {
  // biome-ignore lint/suspicious/noConsole: this is where log lines leave the Worker
  console[level](JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }));
};

/**
 * Returns the name, message and stack of an error's root cause. Not of the error itself: drizzle's message contains the
 * statement's parameters, which are personal data.
 */
export function formatRootCauseForLog(error: unknown): { error: string; stack: string | null } {
  let root = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  if (!(root instanceof Error)) return { error: typeof root, stack: null };
  // The first line of a stack repeats the message.
  const stack = root.stack?.split("\n").slice(1, 6).join("\n") ?? null;
  return { error: `${root.name}: ${root.message}`, stack };
}
