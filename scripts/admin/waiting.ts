import { setTimeout as sleep } from "node:timers/promises";

/** Waits. Throws the signal's reason when it comes before. */
export async function waitFor(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal }).catch(() => {
    throw signal.reason;
  });
}
