import { afterAll, afterEach, beforeAll, beforeEach, vi } from "vitest";
import { startClock, stopClock } from "./clock.ts";
import { resetStores } from "./worker.ts";

/** Empties D1 and KV, applies the schema and stops the clock at the time that every test begins with. */
export async function startFreshWorker(): Promise<void> {
  stopClock();
  await resetStores();
}

/**
 * Registers hooks: each test of the file or `describe` block begins with empty stores and a stopped clock. After the test, all mocks
 * are restored and the clock runs again.
 *
 * @param options.per `"suite"` does both once for all tests of the block, which share their stores and mocks
 */
export function useFreshWorker({ per = "test" }: { readonly per?: "test" | "suite" } = {}): void {
  const [before, after] = per === "test" ? [beforeEach, afterEach] : [beforeAll, afterAll];
  before(startFreshWorker);
  after(() => {
    vi.restoreAllMocks();
    startClock();
  });
}
