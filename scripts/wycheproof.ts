import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vitest/config";

/** The module that the tests import. Its types are in `test/support/wycheproof.d.ts`. */
const moduleName = "virtual:wycheproof";
const resolvedName = `\0${moduleName}`;

/**
 * Provides the Wycheproof vectors to the tests, which run in workerd without a file system. The default export of the module is
 * an object of the parsed files by name, or null when the folder does not exist. The folder is `WYCHEPROOF_DIR`,
 * or `../shared/vectors/wycheproof` relative to the project's root.
 */
export function wycheproof(): Plugin {
  return {
    name: "wycheproof",
    resolveId: (id) => (id === moduleName ? resolvedName : null),
    load: (id) => (id === resolvedName ? `export default ${readVectors(wycheproofFolder())};` : null),
  };
}

/** Returns the folder of the vectors. */
export function wycheproofFolder(): string {
  const neighbour = new URL("../../shared/vectors/wycheproof", import.meta.url);
  return process.env.WYCHEPROOF_DIR || fileURLToPath(neighbour);
}

/** Creates the source of the module. JSON is valid JavaScript, so the files are inserted unchanged. */
function readVectors(folder: string): string {
  if (!existsSync(folder)) return "null";
  const names = readdirSync(folder).filter((name) => name.endsWith("_test.json"));
  const members = names.map((name) => {
    const set = name.slice(0, -"_test.json".length);
    return `${JSON.stringify(set)}: ${readFileSync(join(folder, name), "utf8")}`;
  });
  return `{${members.join(",")}}`;
}
