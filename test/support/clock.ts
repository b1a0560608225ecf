import { vi } from "vitest";

/** Ten seconds after the start of a time step: a test may advance by a few seconds within the step. */
const start = Date.UTC(2030, 0, 7, 12, 0, 10);

/**
 * Stops the clock of the Worker and the test. Only `Date` is mocked: timers run, and so does the clock by which KV expires its values.
 */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
}

/** Restores the real clock. */
export function startClock(): void {
  vi.useRealTimers();
}

/** Advances the stopped clock. */
export function advance(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
}
