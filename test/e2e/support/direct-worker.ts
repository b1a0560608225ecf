import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { type Bundle, bundleWorker } from "../../../scripts/bundle.ts";
import { projectRoot } from "../../../scripts/start/wrangler.ts";

export type DirectWorker = {
  readonly port: number;
  readonly stop: () => Promise<void>;
};

export interface WorkerInput {
  readonly name: string;
  /** 0: a free port. */
  readonly port: number;
  readonly bindings: Readonly<Record<string, string>>;
}

/** Sallyport as it would be uploaded. The caller removes `outDir`. */
export const bundleSallyport = (): Bundle => bundleWorker(mkdtempSync(join(tmpdir(), "sallyport-direct-")));

export const removeBundle = ({ outDir }: Bundle) =>
  rmSync(outDir, { recursive: true, force: true, maxRetries: 5 });

export const generateKeyring = () => `k1:${randomBytes(32).toString("base64")}`;

/**
 * Starts Sallyport in workerd with a socket of its own. wrangler's development server stands in front of the Worker and
 * resolves paths before it passes them on; here the Worker gets the bytes that a client sends. The stores are empty.
 *
 * @param options `tables`: the database has its tables
 */
export async function startDirectWorker(
  bundle: Bundle,
  bindings: Record<string, string>,
  { tables = false }: { tables?: boolean } = {},
): Promise<DirectWorker> {
  const miniflare = startMiniflare([workerOptions(bundle, { name: "sallyport", port: 0, bindings })]);
  await miniflare.ready;
  if (tables) await migrate(miniflare, "sallyport");
  const { port } = await miniflare.unsafeGetDirectURL("sallyport");
  return { port: Number(port), stop: () => miniflare.dispose() };
}

/**
 * Starts several deployments of Sallyport, each with stores and tables of its own, in one process of workerd.
 *
 * @param workers at least one, with names that differ
 */
export async function startDirectWorkers(
  bundle: Bundle,
  workers: readonly WorkerInput[],
): Promise<{ stop: () => Promise<void> }> {
  const miniflare = startMiniflare(workers.map((worker) => workerOptions(bundle, worker)));
  await miniflare.ready;
  for (const { name } of workers) await migrate(miniflare, name);
  return { stop: () => miniflare.dispose() };
}

const startMiniflare = (workers: Array<ReturnType<typeof workerOptions>>) =>
  new Miniflare(
    convertV4MiniflareOptions({ log: new Log(LogLevel.ERROR), handleStructuredLogs: () => {}, workers }),
  );

function workerOptions(bundle: Bundle, { name, port, bindings }: WorkerInput) {
  return {
    name,
    compatibilityDate: "2026-10-20",
    modules: bundle.modules.map((module, index) => ({
      type: index === 0 ? ("ESModule" as const) : ("Text" as const),
      path: join(bundle.outDir, module),
      contents: readFileSync(join(bundle.outDir, module), "utf8"),
    })),
    modulesRoot: bundle.outDir,
    bindings: { ADMIN_KEY: randomBytes(32).toString("base64url"), ...bindings },
    d1Databases: { DB: `${name}-direct` },
    kvNamespaces: { BLOCKS: `${name}-direct` },
    unsafeDirectSockets: [{ host: "127.0.0.1", port }],
  };
}

async function migrate(miniflare: Miniflare, name: string): Promise<void> {
  const database = await miniflare.getD1Database("DB", name);
  const folder = join(projectRoot, "migrations");
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  for (const name of files.toSorted()) {
    const statements = readFileSync(join(folder, name), "utf8").split("--> statement-breakpoint");
    for (const statement of statements) await database.prepare(statement).run();
  }
}
