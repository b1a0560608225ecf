import { vi } from "vitest";

/** True for a time limit of the Worker. Shorter and longer timers belong to the platform or to the test. */
const isLimit = (milliseconds: number) => milliseconds >= 1000 && milliseconds < 30_000;

/** Timers that expire on demand, so that tests need not wait. */
export interface HeldTimers {
  /** The milliseconds of every running timer. */
  readonly running: readonly number[];
  /**
   * Expires all running timers in order.
   *
   * @returns their milliseconds
   */
  runOut(): number[];
}

/** Holds every time limit of the Worker until `vi.restoreAllMocks()`. */
export function holdTimers(): HeldTimers {
  const { setTimeout: start, clearTimeout: stop } = globalThis;
  const held = new Map<object, { milliseconds: number; ring: () => void }>();
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((ring: () => void, milliseconds = 0) => {
    if (!isLimit(milliseconds)) return start(ring, milliseconds);
    const timer = {};
    held.set(timer, { milliseconds, ring });
    return timer;
  }) as typeof setTimeout);
  vi.spyOn(globalThis, "clearTimeout").mockImplementation(((timer: unknown) => {
    if (!held.delete(timer as object)) stop(timer as Parameters<typeof stop>[0]);
  }) as typeof clearTimeout);
  return {
    get running() {
      return [...held.values()].map(({ milliseconds }) => milliseconds);
    },
    runOut() {
      const over = [...held];
      for (const [timer] of over) held.delete(timer);
      for (const [, { ring }] of over) ring();
      return over.map(([, { milliseconds }]) => milliseconds);
    },
  };
}
