import { vi } from "vitest";

/** The Worker's time limits are of seconds. What is shorter or longer is the platform's or the test's own. */
const isLimit = (milliseconds: number) => milliseconds >= 1000 && milliseconds < 30_000;

/** Timers that wait to be told, so that no test has to. */
export interface HeldTimers {
  /** The milliseconds of every timer that runs now. */
  readonly running: readonly number[];
  /**
   * Lets the time of all of them be over, one after the other.
   *
   * @returns their milliseconds
   */
  runOut(): number[];
}

/** Holds every time limit of the Worker, until `vi.restoreAllMocks()`. */
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
