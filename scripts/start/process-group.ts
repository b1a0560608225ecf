import { setTimeout as sleep } from "node:timers/promises";

const pollMilliseconds = 25;
const graceMilliseconds = 5000;
/** A killed process that nobody reaps still counts as alive: do not wait for it for ever. */
const killedMilliseconds = 1000;

/** Signals every process of the group. Returns false when there is none left. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-groupId, signal);
  } catch {
    return false;
  }
}

/** Asks whole process groups to end, kills what is left of them after 5 seconds, and resolves when they are gone. */
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
