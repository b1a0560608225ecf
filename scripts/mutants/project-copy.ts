import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { Mutant } from "../../test/mutants/mutant.ts";
import { wycheproofFolder } from "../wycheproof.ts";
import { readReport, type TestRun } from "./test-run.ts";

const notCopied = new Set(["node_modules", ".git", ".wrangler", "dist", "test-results", "bench"]);

/** The time limit, because a fault can make a test wait forever. A file takes a minute at most, and longer on a busy machine. */
const maxSecondsPerFile = 300;

/** A copy of the project in a temporary folder, to which faults are applied. */
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

  /** Applies the fault, runs the action, and restores the file. */
  async withFault<T>({ file, find, replace }: Mutant, action: () => Promise<T>): Promise<T> {
    const path = join(this.#folder, file);
    const sound = readFileSync(path, "utf8");
    // A function, because `replace` interprets `$` in a replacement text.
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

  /** Runs test files, or only their tests whose title contains `titled`. `bail` stops at the first failure. */
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
    const { code, output } = await this.#run(args, files.length * maxSecondsPerFile);
    try {
      return { ...readReport(readFileSync(report, "utf8"), files.length, code), output };
    } catch {
      return { passed: 0, failed: [], crashed: [], complete: false, output };
    }
  }

  #run(args: readonly string[], maxSeconds: number): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, args, {
      cwd: this.#folder,
      // A process group, so that the runner's children are killed with it.
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
    const clock = setTimeout(() => this.#end(), maxSeconds * 1000);
    return new Promise((resolvePromise, reject) => {
      child.on("error", reject).on("close", (code) => {
        clearTimeout(clock);
        this.#end();
        resolvePromise({ code, output });
      });
    });
  }

  /** Kills the remaining processes of a run. */
  #end(): void {
    if (this.#runner === undefined) return;
    try {
      process.kill(-this.#runner, "SIGKILL");
    } catch {
      // The group has already ended.
    }
    this.#runner = undefined;
  }

  remove(): void {
    this.#end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
