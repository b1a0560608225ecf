import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { endGroups, signalGroup } from "./process-group.ts";

export type Child = {
  /** Resolves with words for how it ended: "exit code 1", "SIGKILL". */
  ended: Promise<string>;
  /** Shows what it writes from now on. Of what it wrote while it started, only the lines that match `kept` are shown. */
  followOutput: (kept?: RegExp) => void;
  /** Shows all that it has written, and what follows. */
  replayOutput: () => void;
};

/** What a child wrote while its output was held back. */
type HeldChunk = { to: NodeJS.WriteStream; chunk: Buffer };

/** The lines of each stream that match. A line may be in several chunks. */
function findLines(held: readonly HeldChunk[], wanted: RegExp): string[] {
  return [process.stdout, process.stderr].flatMap((stream) =>
    Buffer.concat(held.filter(({ to }) => to === stream).map(({ chunk }) => chunk))
      .toString("utf8")
      .split("\n")
      .filter((line) => wanted.test(line)),
  );
}

/**
 * The processes of one `npm start`. Each leads a process group, because wrangler has children of its own (workerd,
 * esbuild) that must end with it; a watchdog ends them should this process be killed outright.
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
    // Without a watchdog everything still works, and a clean end is still clean.
    this.#watchdog.on("error", () => {});
    this.#watchdog.stdin?.on("error", () => {});
  }

  /**
   * Runs Node on a script, in a process group of its own and with its output held back until it is asked for.
   * `givingUpWords` is what it writes when it is of no more use although it still runs.
   */
  start(args: string[], env: NodeJS.ProcessEnv, { givingUpWords }: { givingUpWords?: string } = {}): Child {
    if (this.#ending) throw new Error("Nothing more is started: all of it is ending");
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

  /** A group is known for as long as its leader lives and no longer: the system gives the id to others later. */
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

  /** Resolves when no process of any group is left, 6 seconds at the latest. */
  async end(): Promise<void> {
    this.#ending = true;
    await endGroups(this.#groups);
    if (this.#watchdog.exitCode === null && this.#watchdog.kill("SIGKILL"))
      await once(this.#watchdog, "exit");
  }
}
