import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App, AppOptions } from "../apps/app.ts";
import { findFreePorts } from "./processes.ts";
import { startWorker, type Worker } from "./worker.ts";

/** An application with its own login, as it comes, and a Worker in front of it that leaves the first factor to it. */
export interface GatedApp {
  readonly app: App;
  readonly worker: Worker;
  /** A folder for what a test writes. */
  readonly scratchDir: string;
  stop(): Promise<void>;
}

/** @param vars what this application needs beside the variables that its harness knows */
export async function startGatedApp(
  startApp: (options: AppOptions) => Promise<App>,
  vars: Record<string, string> = {},
): Promise<GatedApp> {
  const [port = 0, workerPort = 0] = await findFreePorts(2);
  const stateDir = mkdtempSync(join(tmpdir(), "sallyport-app-"));
  const scratchDir = mkdtempSync(join(tmpdir(), "sallyport-scratch-"));
  let app: App | undefined;
  let worker: Worker | undefined;
  const stop = async () => {
    await worker?.stop();
    await app?.stop();
    for (const folder of [stateDir, scratchDir])
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    app = await startApp({ port, stateDir, publicUrl: `http://127.0.0.1:${workerPort}` });
    worker = await startWorker({ ...originVars(app), ...vars }, workerPort);
    return { app, worker, scratchDir, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The variables of `FIRST_FACTOR=origin` for this application. */
export function originVars({ url, whoAmI, sessionCookies }: App): Record<string, string> {
  return {
    ORIGIN_URL: url,
    FIRST_FACTOR: "origin",
    WHOAMI_URL: whoAmI.path,
    WHOAMI_USER: `${whoAmI.kind}:${whoAmI.pointer}`,
    ORIGIN_COOKIES: sessionCookies.join(","),
    ...(whoAmI.nobody === undefined ? {} : { WHOAMI_ANONYMOUS: whoAmI.nobody }),
  };
}
