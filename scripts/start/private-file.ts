import { chmodSync, statSync } from "node:fs";
import { StartError } from "./settings.ts";

const othersBits = 0o077;

/**
 * Sets the mode of a file with secrets to 600, unless no other user can read it.
 *
 * @returns a warning when other users could read the file until now, else null
 * @throws StartError when the mode can't be changed
 */
export function keepPrivate(path: string): string | null {
  // Windows has no such mode bits.
  if (process.platform === "win32") return null;
  const mode = statSync(path).mode & 0o777;
  if ((mode & othersBits) === 0) return null;
  const was = `${path} holds secrets, and other users of this machine could read it (mode ${mode.toString(8)}).`;
  try {
    chmodSync(path, 0o600);
  } catch (error) {
    throw new StartError(`${was} Its mode could not be changed (${(error as NodeJS.ErrnoException).code}).`);
  }
  return `${was} The mode is now 600.`;
}
