import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readApiDocument } from "./openapi/document.ts";
import { projectRoot } from "./start/wrangler.ts";

/** The Redocly CLI. The rules of `redocly.yaml` treat its warnings as errors. */
const linter = fileURLToPath(new URL("../node_modules/@redocly/cli/bin/cli.js", import.meta.url));
const quietLinter = { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };

const directory = mkdtempSync(join(tmpdir(), "sallyport-lint-openapi-"));
try {
  const file = join(directory, "openapi.json");
  writeFileSync(file, await readApiDocument());
  const linting = spawnSync(process.execPath, [linter, "lint", file, "--config", "redocly.yaml"], {
    cwd: projectRoot,
    env: { ...process.env, ...quietLinter },
    stdio: "inherit",
  });
  process.exitCode = linting.status ?? 1;
} finally {
  rmSync(directory, { recursive: true });
}
