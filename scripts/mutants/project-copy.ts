import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { Mutant } from "../../test/mutants/mutant.ts";
import { wycheproofFolder } from "../wycheproof.ts";
import { readReport, type TestRun } from "./test-run.ts";

const notCopied = new Set(["node_modules", ".git", ".wrangler", "dist", "test-results", "bench"]);

/** A fault can make a test wait for ever. A file takes a minute at most, and several times that on a busy machine. */
const longestSecondsPerFile = 300;

/** A copy of the project in a temporary folder, to be broken. */
export class ProjectCopy {
  readonly #folder = mkdtempSync(join(tmpdir(), "sallyport-mutants-"));
  #runner: number | undefined;

  constructor(root: string) {
    cpSync(root, this.#folder, {
      recursive: true,
      filter: (source) => !notCopied.has(basename(source)),
    });
    symlinkSync(resolve(root, "node_modules"), join(this.#folder, "node_modules"));
  }

  /** Makes the fault, does something, and mends it again. */
  async withFault<T>({ file, find, replace }: Mutant, action: () => Promise<T>): Promise<T> {
    const path = join(this.#folder, file);
    const sound = readFileSync(path, "utf8");
    // A function, because a text in its place may have `$` in it, which would be read as a pattern.
    writeFileSync(
      path,
      sound.replace(find, () => replace),
    );
    try {
      return await action();
    } finally {
      writeFileSync(path, sound);
    }
  }

  /** Runs test files, or what has such a title in them; with `bail` only up to the first failure. */
  async test(
    files: readonly string[],
    { bail, titled }: { bail: boolean; titled?: string | undefined },
  ): Promise<TestRun> {
    const report = join(this.#folder, "report.json");
    rmSync(report, { force: true });
    const runner = join(this.#folder, "node_modules", "vitest", "vitest.mjs");
    const args = [runner, "run", ...files, "--reporter=json", `--outputFile=${report}`];
    if (bail) args.push("--bail=1");
    if (titled !== undefined) args.push("-t", titled);
    const { code, output } = await this.#run(args, files.length * longestSecondsPerFile);
    try {
      return { ...readReport(readFileSync(report, "utf8"), files.length, code), output };
    } catch {
      return { passed: 0, failed: [], crashed: [], complete: false, output };
    }
  }

  #run(args: readonly string[], longestSeconds: number): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, args, {
      cwd: this.#folder,
      // A group of its own, so that what it starts ends with it.
      detached: true,
      env: { ...process.env, CI: "true", NO_COLOR: "1", WYCHEPROOF_DIR: wycheproofFolder() },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#runner = child.pid;
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-4000);
      });
    }
    const clock = setTimeout(() => this.#end(), longestSeconds * 1000);
    return new Promise((resolvePromise, reject) => {
      child.on("error", reject).on("close", (code) => {
        clearTimeout(clock);
        this.#end();
        resolvePromise({ code, output });
      });
    });
  }

  /** Ends what is left of a run. */
  #end(): void {
    if (this.#runner === undefined) return;
    try {
      process.kill(-this.#runner, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    this.#runner = undefined;
  }

  remove(): void {
    this.#end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
