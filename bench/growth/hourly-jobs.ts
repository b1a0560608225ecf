import type { PreparedRequest } from "../load/exchange.ts";
import { type CountedAnswer, sendCounted } from "./costs.ts";

/** A run of the hourly job. */
export interface HourlyJob {
  readonly name: string;
  /** The time of the run, in days from now. */
  readonly inDays: number;
  /** True when `KEYRING` also has an older key, which has sealed nothing. */
  readonly rotated: boolean;
}

export const emptyRun: HourlyJob = { name: "nothing has expired", inDays: 0, rotated: false };
export const rotatedRun: HourlyJob = { name: "an older key, nothing to re-seal", inDays: 0, rotated: true };
/** Runs after all sessions and today's events have expired. It must be the last run, because it removes rows that the others need. */
export const backlogRun: HourlyJob = { name: "everything has expired", inDays: 500, rotated: false };

/**
 * Runs the hourly job in the counting Worker. The time is from a run without counting, and the cost from a second run
 * with the same rows. A job that removes rows runs only once.
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
