import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A process that cannot be taken for a later one with the same id. */
export type ProcessIdentity = { pid: number; startedAt: string; command: string };

type ProcessEntry = ProcessIdentity & { parentPid: number; state: string };

/** Everything that a process has begun, and what that has begun, and so on (Linux). */
export function listDescendants(pid: number): ProcessIdentity[] {
  const all = listProcesses();
  const found: ProcessIdentity[] = [];
  const ids = new Set([pid]);
  for (let grown = true; grown; ) {
    const more = all.filter((entry) => ids.has(entry.parentPid) && !ids.has(entry.pid));
    for (const entry of more) ids.add(entry.pid);
    found.push(...more);
    grown = more.length > 0;
  }
  return found;
}

/** Those of the processes that still run. One that has ended and waits to be reaped does not. */
export function stillRunning(processes: ProcessIdentity[]): ProcessIdentity[] {
  const running = new Set(
    listProcesses()
      .filter(({ state }) => state !== "Z" && state !== "X")
      .map(({ pid, startedAt }) => `${pid} ${startedAt}`),
  );
  return processes.filter(({ pid, startedAt }) => running.has(`${pid} ${startedAt}`));
}

/** Waits until none of the processes runs, and returns those that do when the time is up. */
export async function waitUntilGone(
  processes: ProcessIdentity[],
  withinMilliseconds: number,
): Promise<ProcessIdentity[]> {
  const deadline = Date.now() + withinMilliseconds;
  let left = stillRunning(processes);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(50);
    left = stillRunning(left);
  }
  return left;
}

/** Two or more different free ports. */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            if (address === null || typeof address === "string") reject(new Error("no port"));
            else resolve(address.port);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function listProcesses(): ProcessEntry[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        return [{ command, ...parseStat(readFileSync(`/proc/${name}/stat`, "utf8")) }];
      } catch {
        return []; // It ended between the two calls.
      }
    });
}

/** proc_pid_stat(5): `pid (name) state ppid … starttime`, where the name may hold anything. */
function parseStat(stat: string): Omit<ProcessEntry, "command"> {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    pid: Number.parseInt(stat, 10),
    state: fields[0] ?? "",
    parentPid: Number(fields[1]),
    startedAt: fields[19] ?? "",
  };
}
