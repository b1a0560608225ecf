import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Bundle } from "./bundle.ts";

/** Bytes of everything that is uploaded and run. */
export interface BundleSize {
  readonly raw: number;
  /** Of all modules together, at gzip's best. */
  readonly gzip: number;
}

/** Weighs a bundle. */
export function weighBundle({ outDir, modules }: Bundle): BundleSize {
  const bundle = Buffer.concat(modules.map((name) => readFileSync(join(outDir, name))));
  return { raw: bundle.length, gzip: gzipSync(bundle, { level: 9 }).length };
}

/** What a bundle may weigh in gzip: every isolate that starts has to fetch and read it. */
export const budgetKibibytes = 190;

/** `149.7 KiB` */
export const showKibibytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
