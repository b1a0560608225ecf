import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { endGroups, signalGroup } from "./process-group.ts";

export type Child = {
  /** Resolves with the cause when the process has ended: "exit code 1", "SIGKILL". */
  ended: Promise<string>;
  /** Shows all further output, and those lines of the earlier output that match `kept`. */
  followOutput: (kept?: RegExp) => void;
  /** Shows the earlier and all further output. */
  replayOutput: () => void;
};

/** Output of a child that is not shown yet. */
type HeldChunk = { to: NodeJS.WriteStream; chunk: Buffer };

/** Finds the lines that match, in each stream. A line may be in several chunks. */
function findLines(held: readonly HeldChunk[], wanted: RegExp): string[] {
  return [process.stdout, process.stderr].flatMap((stream) =>
    Buffer.concat(held.filter(({ to }) => to === stream).map(({ chunk }) => chunk))
      .toString("utf8")
      .split("\n")
      .filter((line) => wanted.test(line)),
  );
}

/**
 * The child processes of `npm start`. Each leads a process group, because wrangler has children of its own (workerd,
 * esbuild) that must end with it. A watchdog ends the groups if this process is killed with SIGKILL.
 */
export class Children {
  readonly #groups = new Set<number>();
  readonly #watchdog: ChildProcess;
  #ending = false;

  constructor() {
    this.#watchdog = spawn(process.execPath, [fileURLToPath(new URL("watchdog.ts", import.meta.url))], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    // Errors of the watchdog are ignored: it is only needed after a SIGKILL.
    this.#watchdog.on("error", () => {});
    this.#watchdog.stdin?.on("error", () => {});
  }

  /**
   * Runs a script with Node in a new process group. Its output is held until it is shown.
   *
   * @param givingUpWords when the output contains them, the process counts as ended although it still runs
   */
  start(args: string[], env: NodeJS.ProcessEnv, { givingUpWords }: { givingUpWords?: string } = {}): Child {
    if (this.#ending) throw new Error("No process can be started while Sallyport is stopping");
    const child = spawn(process.execPath, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    let giveUp: (how: string) => void = () => {};
    const gaveUp = new Promise<string>((resolve) => {
      giveUp = resolve;
    });
    const ended = Promise.race([this.#follow(child), gaveUp]);

    const held: HeldChunk[] = [];
    let shown = false;
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const) {
      from.on("data", (chunk: Buffer) => {
        if (givingUpWords !== undefined && chunk.includes(givingUpWords)) giveUp(givingUpWords);
        if (shown) to.write(chunk);
        else held.push({ to, chunk });
      });
    }
    return {
      ended,
      followOutput: (kept) => {
        shown = true;
        const written = held.splice(0);
        if (kept !== undefined)
          for (const line of findLines(written, kept)) process.stdout.write(`${line}\n`);
      },
      replayOutput: () => {
        shown = true;
        for (const { to, chunk } of held.splice(0)) to.write(chunk);
      },
    };
  }

  /** The group is tracked only while its leader runs, because the system may reuse its id afterwards. */
  async #follow(child: ChildProcess): Promise<string> {
    const group = child.pid;
    if (group !== undefined) {
      this.#groups.add(group);
      this.#watchdog.stdin?.write(`+${group}\n`);
    }
    const how = await new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    if (group !== undefined) {
      signalGroup(group, "SIGKILL");
      this.#groups.delete(group);
      this.#watchdog.stdin?.write(`-${group}\n`);
    }
    // The last of its output may still be in the pipe.
    await Promise.race([once(child, "close"), sleep(250)]);
    return how;
  }

  /** Ends all groups. Resolves after 6 seconds at the latest. */
  async end(): Promise<void> {
    this.#ending = true;
    await endGroups(this.#groups);
    if (this.#watchdog.exitCode === null && this.#watchdog.kill("SIGKILL"))
      await once(this.#watchdog, "exit");
  }
}
