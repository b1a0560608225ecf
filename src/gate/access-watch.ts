import type { ConnectionUse } from "../domain/access/long-lived-access.ts";

/** How often the access of an open connection is checked. */
export interface CheckTimes {
  /** Seconds until the first check. */
  readonly firstSeconds: number;
  /** Seconds between two checks. */
  readonly intervalSeconds: number;
}

/** Checks the access of an open connection periodically, and aborts its signal when the access has ended. */
export interface AccessWatch {
  /** Aborts when the access has ended. */
  readonly signal: AbortSignal;
  /** Records that data has passed in either direction, which counts as use of the session. */
  noteUse(): void;
  /** Stops the checks, because the connection is closed. */
  stop(): void;
}

/** The message of the abort reason of {@link AccessWatch.signal}, of the error that cuts a body, and of a WebSocket's `Close`. */
export const accessEndedMessage = "The session has ended";

/**
 * Starts the checks of a connection. They end with {@link AccessWatch.stop}, and by themselves when the access ends.
 *
 * @param isStillGranted called with the use since the last check, or null when no data has passed. The access ends when it
 *   returns false or rejects (INC-20)
 */
export function watchAccess(
  isStillGranted: (use: ConnectionUse | null) => Promise<boolean>,
  { firstSeconds, intervalSeconds }: CheckTimes,
): AccessWatch {
  const controller = new AbortController();
  const opened = new Date();
  // The request that opened the connection is a use, too. With a session token younger than `SESSION_RECHECK`, D1 has not recorded it.
  let use: ConnectionUse | null = { first: opened, last: opened };
  // The timer is set again after each check, so that a slow check never overlaps with the next one.
  let timer = setInterval(check, firstSeconds * 1000);
  let isStopped = false;

  async function check(): Promise<void> {
    clearInterval(timer);
    const checked = use;
    use = null;
    const granted = await isStillGranted(checked).catch(() => false);
    if (isStopped) return;
    if (granted) timer = setInterval(check, intervalSeconds * 1000);
    else controller.abort(new Error(accessEndedMessage));
  }

  return {
    signal: controller.signal,
    noteUse() {
      const last = new Date();
      use = { first: use?.first ?? last, last };
    },
    stop() {
      isStopped = true;
      clearInterval(timer);
    },
  };
}
