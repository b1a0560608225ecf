/**
 * Ends what `npm start` began if `npm start` itself is killed and can't. A line `+7` on standard input is the id of a
 * process group that has begun, `-7` says that it is over; the end of the input means that the writer is gone.
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
