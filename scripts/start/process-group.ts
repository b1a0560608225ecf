import { setTimeout as sleep } from "node:timers/promises";

const pollMilliseconds = 25;
const graceMilliseconds = 5000;
/** A killed process that is not reaped still counts as alive, so the wait for it is limited. */
const killedMilliseconds = 1000;

/** Sends a signal to every process of the group. Returns false when no process is left. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-groupId, signal);
  } catch {
    return false;
  }
}

/** Sends SIGTERM to process groups, SIGKILL after 5 seconds, and resolves when the groups have ended. */
export async function endGroups(groupIds: Iterable<number>): Promise<void> {
  const groups = [...groupIds];
  for (const group of groups) signalGroup(group, "SIGTERM");
  if (await haveEnded(groups, graceMilliseconds)) return;
  for (const group of groups) signalGroup(group, "SIGKILL");
  await haveEnded(groups, killedMilliseconds);
}

async function haveEnded(groups: number[], withinMilliseconds: number): Promise<boolean> {
  const deadline = Date.now() + withinMilliseconds;
  while (groups.some((group) => signalGroup(group, 0))) {
    if (Date.now() >= deadline) return false;
    await sleep(pollMilliseconds);
  }
  return true;
}
