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
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      handleStructuredLogs: () => {},
      workers: [
        {
          name: "sallyport",
          compatibilityDate: "2026-10-20",
          modules: bundle.modules.map((name, index) => ({
            type: index === 0 ? ("ESModule" as const) : ("Text" as const),
            path: join(bundle.outDir, name),
            contents: readFileSync(join(bundle.outDir, name), "utf8"),
          })),
          modulesRoot: bundle.outDir,
          bindings: { ADMIN_KEY: randomBytes(32).toString("base64url"), ...bindings },
          d1Databases: { DB: "direct" },
          kvNamespaces: { BLOCKS: "direct" },
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        },
      ],
    }),
  );
  await miniflare.ready;
  if (tables) await migrate(miniflare);
  const { port } = await miniflare.unsafeGetDirectURL("sallyport");
  return { port: Number(port), stop: () => miniflare.dispose() };
}

async function migrate(miniflare: Miniflare): Promise<void> {
  const database = await miniflare.getD1Database("DB", "sallyport");
  const folder = join(projectRoot, "migrations");
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  for (const name of files.toSorted()) {
    const statements = readFileSync(join(folder, name), "utf8").split("--> statement-breakpoint");
    for (const statement of statements) await database.prepare(statement).run();
  }
}
