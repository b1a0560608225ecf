/**
 * `npm run size`: bundles the Worker as a deployment would, without one, and fails when it is over its budget.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { projectRoot, quietWrangler, wranglerArgs } from "./start/wrangler.ts";

const budgetKibibytes = 150;

const outDir = mkdtempSync(join(tmpdir(), "sallyport-size-"));
try {
  process.exitCode = isWithinBudget() ? 0 : 1;
} finally {
  rmSync(outDir, { recursive: true });
}

function isWithinBudget(): boolean {
  const bundling = spawnSync(process.execPath, wranglerArgs("deploy", "--dry-run", "--outdir", outDir), {
    cwd: projectRoot,
    env: { ...process.env, ...quietWrangler },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (bundling.status !== 0) {
    console.error(`${bundling.stdout}${bundling.stderr}wrangler could not bundle the Worker.`);
    return false;
  }
  console.log(`wrangler says: ${bundling.stdout.match(/^Total Upload:.*$/m)?.[0] ?? "no figure"}`);

  const bundle = readBundle();
  const gzipKibibytes = gzipSync(bundle, { level: 9 }).length / 1024;
  const [raw, gzip] = [bundle.length / 1024, gzipKibibytes].map((size) => size.toFixed(1));
  console.log(`bundle: ${raw} KiB, gzip: ${gzip} KiB (budget ${budgetKibibytes} KiB)`);
  return gzipKibibytes <= budgetKibibytes;
}

/** Everything that would be uploaded and run: scripts, WebAssembly and text modules, but no source map. */
function readBundle(): Buffer {
  const files = readdirSync(outDir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".map") && entry.name !== "README.md")
    .map((entry) => join(entry.parentPath, entry.name));
  if (!files.some((file) => file.endsWith(".js"))) throw new Error(`wrangler left no script in ${outDir}`);
  return Buffer.concat(files.map((file) => readFileSync(file)));
}
