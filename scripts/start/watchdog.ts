/**
 * Ends the child processes of `npm start` if `npm start` itself is killed. A line `+7` on standard input means that the process
 * group 7 has started, and `-7` that it has ended. The end of the input means that `npm start` has ended.
 */
import { createInterface } from "node:readline";
import { endGroups } from "./process-group.ts";

const groups = new Set<number>();
for await (const line of createInterface({ input: process.stdin })) {
  const group = Number(line.slice(1));
  if (line.startsWith("+")) groups.add(group);
  else groups.delete(group);
}
await endGroups(groups);
