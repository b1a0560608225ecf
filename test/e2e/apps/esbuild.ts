import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runServer } from "./app.ts";
import { credentials, type ProgramOptions } from "./program.ts";

const program = fileURLToPath(new URL("../../../node_modules/esbuild/bin/esbuild", import.meta.url));

/**
 * esbuild's development server (npm, installed with wrangler) with a page that reloads itself, as in esbuild's manual: it
 * sends an event of `text/event-stream` when a source file has changed.
 */
export async function startEsbuild({ port, stateDir }: ProgramOptions) {
  const url = `http://127.0.0.1:${port}`;
  const site = join(stateDir, "www");
  mkdirSync(site);
  const source = join(stateDir, "app.js");
  /** Rewrites the source, so that every open page shows this text. */
  const write = (text: string) =>
    writeFileSync(
      source,
      `new EventSource("/esbuild").addEventListener("change", () => location.reload());
       document.body.textContent = ${JSON.stringify(text)};`,
    );
  write("first");
  writeFileSync(join(site, "index.html"), `<!doctype html><body><script src="/app.js"></script>`);
  const stop = await runServer({
    command: program,
    args: [
      source,
      "--bundle",
      `--outdir=${site}`,
      `--servedir=${site}`,
      `--serve=127.0.0.1:${port}`,
      "--watch=forever",
    ],
    cwd: stateDir,
    readyUrl: `${url}/app.js`,
  });
  return { ...credentials, url, write, stop };
}
