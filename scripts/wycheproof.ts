import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vitest/config";

/** What the tests import. The types are in `test/support/wycheproof.d.ts`. */
const moduleName = "virtual:wycheproof";
const resolvedName = `\0${moduleName}`;

/**
 * Hands the Wycheproof vectors over to the tests, which run in workerd and have no file system: a module whose default
 * export is an object of the parsed files by name, or null where the folder is not there. The folder is the one in
 * `WYCHEPROOF_DIR`, or `../shared/vectors/wycheproof` from the project's root.
 */
export function wycheproof(): Plugin {
  return {
    name: "wycheproof",
    resolveId: (id) => (id === moduleName ? resolvedName : null),
    load: (id) => (id === resolvedName ? `export default ${readVectors(wycheproofFolder())};` : null),
  };
}

/** Where the vectors are looked for. */
export function wycheproofFolder(): string {
  const neighbour = new URL("../../shared/vectors/wycheproof", import.meta.url);
  return process.env.WYCHEPROOF_DIR || fileURLToPath(neighbour);
}

/** JSON is JavaScript, so the files are pasted together as they are. */
function readVectors(folder: string): string {
  if (!existsSync(folder)) return "null";
  const names = readdirSync(folder).filter((name) => name.endsWith("_test.json"));
  const members = names.map((name) => {
    const set = name.slice(0, -"_test.json".length);
    return `${JSON.stringify(set)}: ${readFileSync(join(folder, name), "utf8")}`;
  });
  return `{${members.join(",")}}`;
}
