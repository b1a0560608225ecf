import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const readyWithinMilliseconds = 30_000;
const endsWithinMilliseconds = 5000;

export type ServerCommand = {
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** Says whether it answers. It may throw for as long as it doesn't. */
  isReady: () => Promise<boolean>;
};

export type RunningServer = {
  /** All that it has written. */
  readonly output: () => string;
  /** Resolves when it is gone. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts a server that stays in the foreground, and resolves when it is ready. It does not outlive this process, however
 * that ends: the kernel kills it (prctl(2), PR_SET_PDEATHSIG).
 */
export async function startServer({ command, args, env, isReady }: ServerCommand): Promise<RunningServer> {
  let output = "";
  const child = spawn("setpriv", ["--pdeathsig", "KILL", command, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
  let ended = false;
  const end = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      output += error.message;
      resolve();
    });
    child.once("exit", () => resolve());
  }).then(() => {
    ended = true;
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await Promise.race([end, sleep(endsWithinMilliseconds, undefined, { ref: false })]);
    if (!ended && child.kill("SIGKILL")) await once(child, "exit");
  };

  const deadline = Date.now() + readyWithinMilliseconds;
  while (!ended && Date.now() < deadline) {
    if (await isReady().catch(() => false)) return { output: () => output, stop };
    await sleep(50);
  }
  await stop();
  throw new Error(`${command} does not answer. It has written:\n${output}`);
}
