import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { registerHooks } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { projectRoot, quietWrangler, wranglerArgs } from "../start/wrangler.ts";

/** Stubs of platform features that Node does not have and that the bundle needs at load time. */
const platform = "data:text/javascript,export class WorkerEntrypoint {} export const env = {};";

interface Bundle {
  readonly default: {
    fetch(
      request: Request,
      env: object,
      context: { waitUntil(work: Promise<unknown>): void },
    ): Promise<Response>;
  };
}

/**
 * Gets the OpenAPI document from the deployable bundle, in this process, without a server or database.
 *
 * @returns the document's indented text
 * @throws Error when the Worker cannot be bundled, or does not return the document
 */
export async function readApiDocument(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), "sallyport-openapi-"));
  try {
    const { default: worker } = await loadBundle(outDir);
    const secrets = {
      KEYRING: `k1:${randomBytes(32).toString("base64")}`,
      ADMIN_KEY: randomBytes(32).toString("base64url"),
    };
    const request = new Request("http://localhost/api/auth/openapi.json");
    const response = await worker.fetch(request, secrets, { waitUntil: () => {} });
    if (response.status !== 200)
      throw new Error(`GET /openapi.json: ${response.status} ${await response.text()}`);
    return `${JSON.stringify(await response.json(), null, 2)}\n`;
  } finally {
    rmSync(outDir, { recursive: true });
  }
}

async function loadBundle(outDir: string): Promise<Bundle> {
  const bundling = spawnSync(process.execPath, wranglerArgs("deploy", "--dry-run", "--outdir", outDir), {
    cwd: projectRoot,
    env: { ...process.env, ...quietWrangler },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (bundling.status !== 0) throw new Error(`wrangler could not bundle the Worker: ${bundling.stderr}`);
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier.startsWith("cloudflare:")
        ? { url: platform, format: "module", shortCircuit: true }
        : next(specifier, context),
    load: (url, context, next) =>
      /\.(css|client\.js)$/.test(url)
        ? { format: "module", source: textModule(url), shortCircuit: true }
        : next(url, context),
  });
  return import(pathToFileURL(join(outDir, "index.js")).href);
}

const textModule = (url: string) =>
  `export default ${JSON.stringify(readFileSync(fileURLToPath(url), "utf8"))};`;
