import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { quietWrangler, wranglerArgs } from "../../scripts/start/wrangler.ts";
import type { BenchWorker } from "../workers.ts";
import { addUp, type StartupCost } from "./cpu-profile.ts";

const run = promisify(execFile);
/** The same date as in `wrangler.toml`. */
const compatibilityDate = "2026-10-20";

/**
 * Measures the start-up of a Worker with `wrangler check startup` on the bytes of its bundle. wrangler starts workerd, which loads the
 * Worker's script under V8's profiler, and writes a profile. It makes no network requests.
 *
 * @throws Error with wrangler's output
 */
export async function checkStartup(worker: BenchWorker): Promise<StartupCost> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-startup-"));
  try {
    const [upload, profile] = [join(folder, "worker.bundle"), join(folder, "startup.cpuprofile")];
    writeFileSync(upload, await packUpload(worker));
    // Runs in an empty folder, so that wrangler finds no configuration.
    await run(process.execPath, wranglerArgs("check", "startup", "--worker", upload, "--outfile", profile), {
      cwd: folder,
      env: { ...process.env, ...quietWrangler },
    });
    return addUp(JSON.parse(readFileSync(profile, "utf8")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Packs a bundle in wrangler's upload format: `multipart/form-data` with metadata and a part for each module. */
async function packUpload({ bundle, variables, databases, namespaces }: BenchWorker): Promise<Uint8Array> {
  const form = new FormData();
  const bindings = [
    ...Object.entries(variables ?? {}).map(([name, text]) => ({ type: "plain_text", name, text })),
    ...Object.entries(databases ?? {}).map(([name, id]) => ({ type: "d1", name, id })),
    ...Object.entries(namespaces ?? {}).map(([name, id]) => ({
      type: "kv_namespace",
      name,
      namespace_id: id,
    })),
  ];
  const metadata = { main_module: bundle.modules[0], compatibility_date: compatibilityDate, bindings };
  form.set("metadata", JSON.stringify(metadata));
  for (const [index, name] of bundle.modules.entries()) {
    const type = index === 0 ? "application/javascript+module" : "text/plain";
    form.set(name, new File([readFileSync(join(bundle.outDir, name))], name, { type }));
  }
  return new Uint8Array(await new Response(form).arrayBuffer());
}
