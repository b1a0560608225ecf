import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { type Bundle, bundleWorker } from "../scripts/bundle.ts";

const configPath = fileURLToPath(new URL("./wrangler.toml", import.meta.url));
const sallyportConfigPath = fileURLToPath(new URL("../wrangler.toml", import.meta.url));
/** The same date as in `wrangler.toml`, here and in the root. */
const compatibilityDate = "2026-10-20";

/** A Worker of the benchmark. */
export interface BenchWorker {
  readonly name: string;
  readonly bundle: Bundle;
  /** Variables and secrets. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Binding to the id of a database, which several Workers may share. */
  readonly databases?: Readonly<Record<string, string>>;
  readonly namespaces?: Readonly<Record<string, string>>;
  /** Binding to another Worker, or to an entrypoint of it. */
  readonly services?: Readonly<
    Record<string, { name: string; entrypoint?: string; props?: Record<string, unknown> }>
  >;
}

/** Running Workers, each with its own loopback address. */
export interface RunningWorkers {
  url(name: string): Promise<URL>;
  /** A binding of a Worker, for fixtures. Its calls are not measured. */
  database(worker: string, binding: string): Promise<D1Database>;
  /** The address of a Worker's inspector (Chrome DevTools Protocol). Only with `inspect`. */
  inspectorUrl(worker: string): Promise<string>;
  stop(): Promise<void>;
}

/** Bundles a Worker of this folder as a deployment would. */
export const bundleBenchWorker = (entry: string): Bundle => bundle({ entry: inFolder(entry), configPath });

/**
 * Bundles Sallyport as a deployment would.
 *
 * @param options `entry`: a Worker of this folder that wraps Sallyport and needs its configuration; `minify`: false for a profiler,
 *   which shows function names
 */
export const bundleSallyport = ({
  entry,
  minify = true,
}: {
  entry?: string;
  minify?: boolean;
} = {}): Bundle =>
  bundle(
    entry === undefined ? undefined : { entry: inFolder(entry), configPath: sallyportConfigPath },
    minify,
  );

const inFolder = (entry: string) => fileURLToPath(new URL(entry, import.meta.url));

const outDirs: string[] = [];
process.once("exit", () => {
  for (const outDir of outDirs) rmSync(outDir, { recursive: true, force: true });
});

function bundle(main: Parameters<typeof bundleWorker>[1], minify = true): Bundle {
  const outDir = mkdtempSync(join(tmpdir(), "sallyport-bench-"));
  outDirs.push(outDir);
  return bundleWorker(outDir, main, minify);
}

/**
 * Starts Workers in one workerd, each with its own socket. wrangler's development server would add a proxy, whose cost exceeds most
 * of the measured costs.
 *
 * @param options `persistTo`: a folder that keeps the databases; `inspect`: enables the inspector, which slows the Workers down
 */
export async function startWorkers(
  workers: readonly BenchWorker[],
  { persistTo, inspect = false }: { persistTo?: string; inspect?: boolean } = {},
): Promise<RunningWorkers> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...(persistTo === undefined ? {} : { resourcePersistencePath: persistTo }),
      ...(inspect ? { inspectorPort: 0 } : {}),
      log: new Log(LogLevel.ERROR),
      // This process would print the Workers' log, which would disturb the measurement.
      handleStructuredLogs: () => {},
      workers: workers.map((worker) => ({
        name: worker.name,
        compatibilityDate,
        modules: worker.bundle.modules.map((name, index) => ({
          type: index === 0 ? ("ESModule" as const) : ("Text" as const),
          path: join(worker.bundle.outDir, name),
          contents: readFileSync(join(worker.bundle.outDir, name), "utf8"),
        })),
        modulesRoot: worker.bundle.outDir,
        bindings: { ...worker.variables },
        d1Databases: { ...worker.databases },
        kvNamespaces: { ...worker.namespaces },
        serviceBindings: { ...worker.services },
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      })),
    }),
  );
  await miniflare.ready;
  return {
    url: (name) => miniflare.unsafeGetDirectURL(name),
    database: async (worker, binding) => (await miniflare.getD1Database(binding, worker)) as D1Database,
    inspectorUrl: async (name) => {
      const url = await miniflare.getInspectorURL();
      return new URL(`/core:user:${name}`, url).href;
    },
    stop: () => miniflare.dispose(),
  };
}
