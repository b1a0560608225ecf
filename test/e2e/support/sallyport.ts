import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { findFreePorts } from "./processes.ts";

const projectRoot = fileURLToPath(new URL("../../..", import.meta.url));
const readyWithinMilliseconds = 120_000;
const stoppedWithinMilliseconds = 15_000;

/** A run of the script of `npm start`, ready or not. */
export class StartRun {
  readonly process: ChildProcess;
  readonly exitCode: Promise<number | null>;
  #output = "";
  #watchers: Array<() => void> = [];

  constructor(
    env: { PORT: number; ORIGIN_PORT: number; STATE_DIR: string } & Readonly<Record<string, string | number>>,
  ) {
    const given = Object.entries(env).map(([name, value]) => [name, String(value)]);
    this.process = spawn(process.execPath, ["scripts/start.ts"], {
      cwd: projectRoot,
      env: { ...process.env, ...Object.fromEntries(given) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    // A test that ends without stopping it leaves nothing: the watchdog of the script ends its children.
    const killIt = () => this.process.kill("SIGKILL");
    process.once("exit", killIt);
    this.exitCode = new Promise((resolve) => {
      this.process.once("close", (code) => {
        process.off("exit", killIt);
        resolve(code);
        this.#wakeUp();
      });
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString("utf8");
        this.#wakeUp();
      });
    }
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error("scripts/start.ts could not be run");
    return this.process.pid;
  }

  /** Resolves with the first match; throws, with the output, when it has ended or the time is up. */
  async waitForOutput(pattern: RegExp): Promise<RegExpMatchArray> {
    const deadline = Date.now() + readyWithinMilliseconds;
    for (;;) {
      const match = this.#output.match(pattern);
      if (match) return match;
      if (this.#hasEnded() || Date.now() >= deadline) {
        throw new Error(`npm start did not write ${pattern}:\n${this.#output}`);
      }
      await Promise.race([new Promise<void>((wake) => this.#watchers.push(wake)), sleep(1000)]);
    }
  }

  /** Ends it as Ctrl-C does, and resolves with its exit code. What does not end in time is killed. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    const kill = setTimeout(() => this.process.kill("SIGKILL"), stoppedWithinMilliseconds);
    if (!this.#hasEnded()) this.process.kill(signal);
    try {
      return await this.exitCode;
    } finally {
      clearTimeout(kill);
    }
  }

  #hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  #wakeUp(): void {
    for (const wake of this.#watchers.splice(0)) wake();
  }
}

export type Sallyport = {
  /** `http://localhost:8787`, without a slash at its end. */
  baseUrl: string;
  port: number;
  originPort: number;
  username: string;
  password: string;
  adminKey: string;
  stateDir: string;
  run: StartRun;
  /** Ends all of it as Ctrl-C does, removes its state unless that was given, and resolves with the exit code. */
  stop: (signal?: NodeJS.Signals) => Promise<number | null>;
};

/** Runs the script of `npm start` on free ports, with state of its own, and resolves when it is ready. */
export async function startSallyport({ stateDir }: { stateDir?: string } = {}): Promise<Sallyport> {
  const [port = 0, originPort = 0] = await findFreePorts(2);
  const ownStateDir = stateDir ?? createStateDir();
  const run = new StartRun({ PORT: port, ORIGIN_PORT: originPort, STATE_DIR: ownStateDir });
  const stop = async (signal?: NodeJS.Signals) => {
    const code = await run.stop(signal);
    if (stateDir === undefined) rmSync(ownStateDir, { recursive: true, force: true, maxRetries: 5 });
    return code;
  };
  try {
    const [, address = ""] = await run.waitForOutput(/^Sallyport is ready: (http:\/\/localhost:\d+)\/$/m);
    const [, username = ""] = await run.waitForOutput(/^ {2}user name {2}(\S+)$/m);
    const [, password = ""] = await run.waitForOutput(/^ {2}password {3}(\S+)$/m);
    const adminKey = parseEnv(readFileSync(join(projectRoot, ".dev.vars"), "utf8")).ADMIN_KEY ?? "";
    return {
      baseUrl: address,
      port,
      originPort,
      username,
      password,
      adminKey,
      stateDir: ownStateDir,
      run,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A new folder for `STATE_DIR`. Whoever makes it removes it. */
export function createStateDir(): string {
  return mkdtempSync(join(tmpdir(), "sallyport-state-"));
}
