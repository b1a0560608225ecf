import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A running third-party application with its own login, unchanged. */
export interface App {
  readonly name: string;
  /** Where it listens. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** Another account, which may not see what `protectedPath` shows. */
  readonly other: { readonly username: string; readonly password: string };
  readonly whoAmI: {
    readonly path: string;
    readonly kind: "json" | "header";
    /** A JSON pointer (RFC 6901), or the name of the header. */
    readonly pointer: string;
    /** What the field says of a visitor who is not signed in. None: it is not there. */
    readonly nobody?: string;
  };
  /** The cookies that carry its session. */
  readonly sessionCookies: readonly string[];
  readonly login: {
    readonly path: string;
    /** Selectors of Playwright. */
    readonly username: string;
    readonly password: string;
    readonly submit: string;
    /** How the form is sent: as a page load, or by the page's script, which stays where it is. */
    readonly sentBy: "navigation" | "script";
  };
  /** A page that only signed-in users see, and its content. */
  readonly protectedPath: string;
  readonly protectedSelector: string;
  readonly logout: {
    /** The page to click on, and what to click, one after another. */
    readonly path: string;
    readonly clicks: readonly string[];
    /** What shows that it is done. */
    readonly signedOutSelector: string;
  };
  /** Addresses of other hosts that its pages need, and the files of a package that have the same content. */
  readonly publicFiles?: Readonly<Record<string, string>>;
  /** Where the protected page opens a WebSocket. */
  readonly webSocketPath?: string;
  stop(): Promise<void>;
}

export interface AppOptions {
  readonly port: number;
  /** An empty directory for all that the application writes. */
  readonly stateDir: string;
  /** The address that its visitors know it under. Default: where it listens. */
  readonly publicUrl?: string;
}

const readyWithinMilliseconds = 60_000;
const stoppedWithinMilliseconds = 5_000;

interface Run {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Answers with `readyStatus` as soon as the application does. */
  readonly readyUrl: string;
  /** Default: 200. */
  readonly readyStatus?: number;
  /** Already listening, for an application that takes its socket as systemd hands it over (`LISTEN_FDS`). */
  readonly socket?: Server;
}

/** Runs a server until it is stopped, with its output in `app.log`. What it needs of the environment is listed. */
export async function runServer({
  command,
  args,
  cwd,
  env = {},
  readyUrl,
  readyStatus = 200,
  socket,
}: Run): Promise<() => Promise<void>> {
  const logPath = join(cwd, "app.log");
  const log = openSync(logPath, "a");
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: cwd, TMPDIR: cwd, LANG: "C.UTF-8", ...env },
    stdio: ["ignore", log, log, ...(socket === undefined ? [] : [socketDescriptor(socket)])],
  });
  closeSync(log);
  socket?.close();
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("close", () => process.off("exit", kill));
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  try {
    await waitUntilReady(readyUrl, readyStatus, () => failure ?? endOf(child));
  } catch (error) {
    await stop(child);
    throw new Error(`${command} ${args.join(" ")}:\n${readFileSync(logPath, "utf8")}`, { cause: error });
  }
  return () => stop(child);
}

function endOf({ exitCode, signalCode }: ChildProcess): Error | undefined {
  return exitCode === null && signalCode === null ? undefined : new Error(`ended: ${signalCode ?? exitCode}`);
}

async function waitUntilReady(
  url: string,
  readyStatus: number,
  hasFailed: () => Error | undefined,
): Promise<void> {
  const deadline = Date.now() + readyWithinMilliseconds;
  for (;;) {
    const failure = hasFailed();
    if (failure !== undefined) throw failure;
    const response = await fetch(url, { redirect: "manual" }).catch(() => null);
    await response?.body?.cancel();
    if (response?.status === readyStatus) return;
    if (Date.now() >= deadline) throw new Error(`${url} answers ${response?.status ?? "nothing"}`);
    await sleep(100);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || endOf(child) !== undefined) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const kill = setTimeout(() => child.kill("SIGKILL"), stoppedWithinMilliseconds);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(kill);
}

/** Node has no public name for it. */
function socketDescriptor(server: Server): number {
  const { _handle: handle } = server as Server & { _handle?: { fd: number } };
  if (handle === undefined) throw new Error("The socket does not listen");
  return handle.fd;
}
