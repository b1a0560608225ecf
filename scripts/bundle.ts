import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, parse, relative } from "node:path";
import { projectRoot, quietWrangler, wranglerArgs } from "./start/wrangler.ts";

/** A Worker as it would be uploaded. */
export interface Bundle {
  readonly outDir: string;
  /** All modules that are uploaded and run, without source maps: the script first, then the imported texts. */
  readonly modules: readonly string[];
  /** The size line that wrangler prints. */
  readonly words: string;
}

/**
 * Bundles a Worker as `wrangler deploy` does, without deploying it.
 *
 * @param outDir an empty folder
 * @param main the entry and `wrangler.toml` of a Worker other than this project's
 * @param minify false for a profiler, which shows function names
 * @throws Error with wrangler's output when it cannot be bundled
 */
export function bundleWorker(
  outDir: string,
  main?: { entry: string; configPath: string },
  minify = true,
): Bundle {
  const args = main === undefined ? [] : [main.entry, "--config", main.configPath];
  const bundling = spawnSync(
    process.execPath,
    wranglerArgs("deploy", ...args, ...(minify ? [] : ["--minify=false"]), "--dry-run", "--outdir", outDir),
    {
      cwd: projectRoot,
      env: { ...process.env, ...quietWrangler },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  if (bundling.status !== 0)
    throw new Error(`${bundling.stdout}${bundling.stderr}wrangler could not bundle the Worker.`);
  const modules = readdirSync(outDir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".map") && entry.name !== "README.md")
    .map((entry) => relative(outDir, join(entry.parentPath, entry.name)));
  // The browser's script also ends in .js, but is imported as a text.
  const entry = `${parse(main?.entry ?? "index.ts").name}.js`;
  if (!modules.includes(entry)) throw new Error(`wrangler left no ${entry} in ${outDir}`);
  return {
    outDir,
    modules: [entry, ...modules.filter((name) => name !== entry)],
    words: bundling.stdout.match(/^Total Upload:.*$/m)?.[0] ?? "no figure",
  };
}
