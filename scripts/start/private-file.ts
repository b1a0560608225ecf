import { chmodSync, statSync } from "node:fs";
import { StartError } from "./settings.ts";

const othersBits = 0o077;

/**
 * Makes sure that only its owner can read a file that holds secrets.
 *
 * @returns a sentence for the person at the keyboard when the file was open to others until now; else null
 * @throws StartError when it is open to others and can't be closed to them
 */
export function keepPrivate(path: string): string | null {
  // Windows has no such bits: Node makes some up.
  if (process.platform === "win32") return null;
  const mode = statSync(path).mode & 0o777;
  if ((mode & othersBits) === 0) return null;
  const was = `${path} holds secrets, and other users of this machine could read it (mode ${mode.toString(8)}).`;
  try {
    chmodSync(path, 0o600);
  } catch (error) {
    throw new StartError(`${was} It could not be closed to them (${(error as NodeJS.ErrnoException).code}).`);
  }
  return `${was} Now only you can (600).`;
}
