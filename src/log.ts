import type { Log } from "./domain/deps.ts";

/** Writes one JSON line, which the platform collects. JSON keeps a hostile name in its string (LG-04). */
export const log: Log = (level, event, fields) => {
  // biome-ignore lint/suspicious/noConsole: this is where log lines leave the Worker
  console[level](JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }));
};

/**
 * Says what an error was without saying what it was about: a database error's own message has the statement's
 * parameters in it, the one at its root has not.
 */
export function describeError(error: unknown): { error: string; stack: string | null } {
  let root = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  if (!(root instanceof Error)) return { error: typeof root, stack: null };
  // The first line of a stack is the message again.
  const stack = root.stack?.split("\n").slice(1, 6).join("\n") ?? null;
  return { error: `${root.name}: ${root.message}`, stack };
}
