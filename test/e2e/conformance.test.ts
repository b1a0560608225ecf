import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { projectRoot } from "../../scripts/start/wrangler.ts";
import { startWorker } from "./support/worker.ts";

// `npm run conformance` against a Worker that has just been started, as an operator runs it.

test("a deployment that has just been started has no failing line", { timeout: 900_000 }, async () => {
  const worker = await startWorker({});
  try {
    const child = spawn(process.execPath, ["scripts/conformance.ts", `${worker.baseUrl}/api/auth`], {
      cwd: projectRoot,
      env: { ...process.env, ADMIN_KEY: worker.adminKey },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    const failing = output.match(/^FAIL.*\n.*$/gm) ?? [];
    assert.deepEqual(failing, []);
    assert.equal(code, 0, output.slice(-2000));
    assert.match(output, /^ok {4}OTP-09 /m);
    assert.match(output, /\n\d+ passed, 0 failed, \d+ in workerd only/);
  } finally {
    await worker.stop();
  }
});
