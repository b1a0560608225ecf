import { vi } from "vitest";

/** Ten seconds into a time step, so that a test that advances by a few seconds stays in it. */
const start = Date.UTC(2030, 0, 7, 12, 0, 10);

/**
 * Stops the clock of Worker and test alike. Only `Date` is moved: timers go on, and so does KV, which lets its
 * values expire by a clock of its own.
 */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
}

/** Lets the clock run again. */
export function startClock(): void {
  vi.useRealTimers();
}

/** Moves the stopped clock. */
export function advance(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
}
