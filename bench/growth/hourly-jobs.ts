import type { PreparedRequest } from "../load/exchange.ts";
import { type CountedAnswer, sendCounted } from "./costs.ts";

/** What a run of the hourly job finds. */
export interface HourlyJob {
  readonly name: string;
  /** When it runs: so many days from now. */
  readonly inDays: number;
  /** There is an older key in `KEYRING`, and nothing that it has sealed. */
  readonly rotated: boolean;
}

export const emptyRun: HourlyJob = { name: "nothing has expired", inDays: 0, rotated: false };
export const rotatedRun: HourlyJob = { name: "an older key, nothing to re-seal", inDays: 0, rotated: true };
/** Later than any session lives, and than any event of today's is kept. It takes away what others need: it comes last. */
export const backlogRun: HourlyJob = { name: "everything has expired", inDays: 500, rotated: false };

/**
 * Runs the hourly job in the Worker that counts. Its time is that of a run in which nothing is counted, and what it costs
 * that of the next, which finds the same; but where it removes something, there is one run.
 */
export async function runHourlyJob(
  origin: string,
  { inDays, rotated }: HourlyJob,
  now: Date,
): Promise<CountedAnswer> {
  const at = now.getTime() + inDays * 24 * 3600 * 1000;
  const run = (more: Record<string, string>): PreparedRequest => ({
    method: "POST",
    path: `/hourly?${new URLSearchParams({ at: String(at), ...(rotated ? { rotated: "" } : {}), ...more })}`,
    headers: {},
    status: 200,
  });
  if (inDays > 0) return sendCounted(origin, run({}));
  const { milliseconds } = await sendCounted(origin, run({ uncounted: "" }));
  return { ...(await sendCounted(origin, run({}))), milliseconds };
}
