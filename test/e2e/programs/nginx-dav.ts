import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";
import type { Gate } from "../support/gates.ts";
import type { Cast } from "./cast.ts";
import { basic } from "./radicale.ts";
import { enrolProgram, signInProgram } from "./sign-in.ts";

const run = promisify(execFile);

export function describeNginxDav(cast: () => Cast): void {
  it("stores, copies and moves files for rclone (password)", async () => {
    const { cookie } = await signInProgram(cast().password);
    await useFolder(cast(), cast().password, cookie, "password");
  });

  it("stores, copies and moves files for rclone whose Basic password is the first factor (origin)", async () => {
    const { program, origin: gate } = cast();
    await useFolder(cast(), gate, await enrolProgram(gate, basic(program)), "origin");
  });
}

/** rclone asks the server to copy and to move, and says so. */
async function useFolder({ program, scratchDir }: Cast, { baseUrl }: Gate, cookie: string, folder: string) {
  const env = {
    PATH: process.env.PATH,
    HOME: scratchDir,
    RCLONE_CONFIG: "/dev/null",
    RCLONE_WEBDAV_URL: `${baseUrl}/`,
    RCLONE_WEBDAV_VENDOR: "other",
    RCLONE_WEBDAV_USER: program.username,
    RCLONE_WEBDAV_PASS: (await run("rclone", ["obscure", program.password])).stdout.trim(),
    RCLONE_WEBDAV_HEADERS: `Cookie,${cookie}`,
  };
  const rclone = async (...args: string[]) => {
    const { stdout, stderr } = await run("rclone", ["-v", "--retries=1", ...args], { env });
    return stdout + stderr;
  };
  const remote = `:webdav:${folder}`;
  const sent = join(scratchDir, `${folder}.bin`);
  writeFileSync(sent, randomBytes(3_000_000));

  await rclone("copyto", sent, `${remote}/cellar/a file & ü.bin`);
  assert.match(
    await rclone("copyto", `${remote}/cellar/a file & ü.bin`, `${remote}/attic/copy.bin`),
    /Copied \(server-side copy\)/,
  );
  assert.match(
    await rclone("moveto", `${remote}/attic/copy.bin`, `${remote}/attic/moved 100%.bin`),
    /Moved \(server-side\)/,
  );
  const list = (await rclone("lsf", "-R", remote)).trim().split("\n").toSorted();
  assert.deepEqual(list, ["attic/", "attic/moved 100%.bin", "cellar/", "cellar/a file & ü.bin"]);

  const read = join(scratchDir, `${folder}.read`);
  await rclone("copyto", `${remote}/attic/moved 100%.bin`, read);
  assert.deepEqual(readFileSync(read), readFileSync(sent));
}
