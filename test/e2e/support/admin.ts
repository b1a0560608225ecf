import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { Worker } from "./worker.ts";

const entry = fileURLToPath(new URL("../../../scripts/admin/sallyport-admin", import.meta.url));
const answerWithinMilliseconds = 60_000;
/** Longer than any run: a test that fails must not leave one. */
const killedAfterMilliseconds = 180_000;

export type Ended = { code: number | null; stdout: string; stderr: string };

/** What the program's environment says. Undefined: the variable is not there. */
export type Environment = Record<string, string | undefined>;

/** The variables that name a Worker and its keys. */
export const environmentOf = ({ baseUrl, adminKey, exportKey }: Worker): Environment => ({
  SALLYPORT_URL: baseUrl,
  SALLYPORT_ADMIN_KEY: adminKey,
  SALLYPORT_EXPORT_KEY: exportKey,
});

function completeEnvironment(env: Environment): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, TERM: "xterm", ...env };
}

/** Runs the program without a terminal, as another program would, until it ends. */
export async function runAdmin(
  args: readonly string[],
  env: Environment,
  { input = "", cwd }: { input?: string; cwd?: string } = {},
): Promise<Ended> {
  const run = startAdmin(args, env, cwd);
  run.process.stdin.end(input);
  return run.ended;
}

/** Starts the program without a terminal. */
export function startAdmin(args: readonly string[], env: Environment, cwd?: string) {
  const child = spawn(entry, args, { cwd, env: completeEnvironment(env), stdio: ["pipe", "pipe", "pipe"] });
  // It may have ended, or want none of it.
  child.stdin.on("error", () => {});
  const killer = setTimeout(() => child.kill("SIGKILL"), killedAfterMilliseconds);
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  void code.then(() => clearTimeout(killer));
  const streams = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended: Promise<Ended> = streams.then(async ([stdout, stderr]) => ({
    code: await code,
    stdout,
    stderr,
  }));
  return { process: child, ended };
}

/** Resolves when the stream has said it. */
export function said(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = "";
    stream.on("data", (chunk: Buffer) => {
      all += chunk.toString("utf8");
      if (pattern.test(all)) resolve();
    });
    stream.once("end", () => reject(new Error(`It ended without ${pattern}:\n${all}`)));
  });
}

/** The program at a terminal of 80 columns, with input. */
export class AdminTerminal {
  readonly exitCode: Promise<number | null>;
  readonly #process;
  #output = "";
  #watchers: Array<() => void> = [];
  #seen = 0;

  constructor(args: readonly string[], env: Environment, cwd?: string) {
    const words = [entry, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    // script(1) makes the terminal, and ends with the exit code of what runs on it.
    this.#process = spawn("script", ["-qefc", `stty cols 80 rows 24; exec ${words}`, "/dev/null"], {
      cwd,
      env: { ...completeEnvironment(env), SHELL: "/bin/sh" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#process.stdout.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString("utf8");
      for (const wake of this.#watchers.splice(0)) wake();
    });
    const killer = setTimeout(() => this.#process.kill("SIGKILL"), killedAfterMilliseconds);
    this.exitCode = new Promise((resolve) => {
      this.#process.once("close", (code) => {
        clearTimeout(killer);
        resolve(code);
        for (const wake of this.#watchers.splice(0)) wake();
      });
    });
  }

  /** Everything that the terminal has got. */
  get output(): string {
    return this.#output;
  }

  /** The same, as it would be read: without colours, and a line for whatever was written over another. */
  get words(): string {
    return stripVTControlCharacters(this.#output.replaceAll("\x1b[1G", "\n")).replaceAll("\r", "");
  }

  /** Resolves when the terminal shows it, behind what was waited for before. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + answerWithinMilliseconds;
    for (;;) {
      const match = pattern.exec(this.#output.slice(this.#seen));
      if (match !== null) {
        this.#seen += match.index + match[0].length;
        return match;
      }
      if (this.#process.exitCode !== null || Date.now() > deadline) {
        this.#process.kill("SIGKILL");
        throw new Error(`The terminal never showed ${pattern}:\n${this.#output}`);
      }
      await new Promise<void>((wake) => {
        this.#watchers.push(wake);
        setTimeout(wake, 1000).unref();
      });
    }
  }

  type(keys: string): void {
    this.#process.stdin.write(keys);
  }
}

export const ctrlC = "\x03";
export const enter = "\r";
