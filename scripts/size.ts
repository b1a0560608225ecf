/**
 * `npm run size`: bundles the Worker as a deployment would, without one, and fails when it is over its budget.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bundleWorker } from "./bundle.ts";

const budgetKibibytes = 150;

const outDir = mkdtempSync(join(tmpdir(), "sallyport-size-"));
try {
  process.exitCode = isWithinBudget() ? 0 : 1;
} finally {
  rmSync(outDir, { recursive: true });
}

function isWithinBudget(): boolean {
  const { modules, words } = bundleWorker(outDir);
  console.log(`wrangler says: ${words}`);

  const bundle = Buffer.concat(modules.map((name) => readFileSync(join(outDir, name))));
  const gzipKibibytes = gzipSync(bundle, { level: 9 }).length / 1024;
  const [raw, gzip] = [bundle.length / 1024, gzipKibibytes].map((size) => size.toFixed(1));
  console.log(`bundle: ${raw} KiB, gzip: ${gzip} KiB (budget ${budgetKibibytes} KiB)`);
  return gzipKibibytes <= budgetKibibytes;
}
