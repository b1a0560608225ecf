import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Bundle } from "./bundle.ts";

/** The bytes of all uploaded modules. */
export interface BundleSize {
  readonly raw: number;
  /** All modules concatenated, at the highest gzip level. */
  readonly gzip: number;
}

/** Returns the size of a bundle. */
export function weighBundle({ outDir, modules }: Bundle): BundleSize {
  const bundle = Buffer.concat(modules.map((name) => readFileSync(join(outDir, name))));
  return { raw: bundle.length, gzip: gzipSync(bundle, { level: 9 }).length };
}

/** The limit of the bundle's gzip size: every isolate that starts must fetch and parse the bundle. */
export const budgetKibibytes = 190;

/** `149.7 KiB` */
export const showKibibytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
