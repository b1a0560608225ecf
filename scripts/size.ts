/**
 * `npm run size`: bundles the Worker without deploying it, and fails when the bundle exceeds its size limit.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleWorker } from "./bundle.ts";
import { budgetKibibytes, showKibibytes, weighBundle } from "./bundle-size.ts";

const outDir = mkdtempSync(join(tmpdir(), "sallyport-size-"));
try {
  process.exitCode = isWithinBudget() ? 0 : 1;
} finally {
  rmSync(outDir, { recursive: true });
}

function isWithinBudget(): boolean {
  const bundle = bundleWorker(outDir);
  console.log(`wrangler says: ${bundle.words}`);

  const { raw, gzip } = weighBundle(bundle);
  console.log(`bundle: ${showKibibytes(raw)}, gzip: ${showKibibytes(gzip)} (budget ${budgetKibibytes} KiB)`);
  return gzip <= budgetKibibytes * 1024;
}
