import { setTimeout as sleep } from "node:timers/promises";

/** Waits. Throws the signal's reason when the signal is aborted first. */
export async function waitFor(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal }).catch(() => {
    throw signal.reason;
  });
}

/**
 * Returns the result of the work. Throws the signal's reason when the signal is aborted first: in Node 22, a response whose request is
 * aborted while its body is read may never settle.
 */
export async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
