import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartError } from "./settings.ts";
import { projectRoot } from "./wrangler.ts";

const required = /^required = \[.*\]$/m;

/** The configuration of `npm start`. It is in the root, because wrangler resolves paths relative to it. Git ignores it. */
export const localConfig = "wrangler.local.toml";

/**
 * Writes the configuration of `npm start`. Wrangler reads from `.dev.vars` only the secrets that a configuration
 * requires, and `wrangler.toml` cannot require secrets that are optional in a deployment.
 *
 * @param secretNames the names of all secrets in `.dev.vars`
 */
export function writeLocalConfig(secretNames: readonly string[]): void {
  const text = readFileSync(join(projectRoot, "wrangler.toml"), "utf8");
  if (!required.test(text)) throw new StartError("wrangler.toml has no line that begins with: required = [");
  const local = text.replace(required, () => `required = ${JSON.stringify(secretNames)}`);
  const path = join(projectRoot, localConfig);
  // Another running copy reloads the file whenever it is written.
  if (readIfThere(path) === local) return;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, local);
  renameSync(draft, path);
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
