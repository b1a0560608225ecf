import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchAccess } from "../../src/gate/access-watch.ts";
import { holdTime } from "../support/sockets.ts";

const times = { firstSeconds: 20, intervalSeconds: 60 };
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);
const secondsSince = (start: number, at: Date | undefined) =>
  at === undefined ? null : (at.getTime() - start) / 1000;

beforeEach(() => holdTime());
afterEach(() => void vi.useRealTimers());

describe("the watch of an open connection", () => {
  it("INC-38 checks first when the token is due, and then once in every interval", async () => {
    const check = vi.fn(async () => true);
    const watch = watchAccess(check, times);
    const counts: number[] = [];
    for (const seconds of [19, 1, 59, 1, 59, 1]) {
      await pass(seconds);
      counts.push(check.mock.calls.length);
    }
    expect(counts).toEqual([0, 1, 1, 2, 2, 3]);
    expect(watch.signal.aborted).toBe(false);
  });

  it.each([
    ["says no", async () => false],
    ["fails", () => Promise.reject(new Error("D1 does not respond"))],
  ])("INC-20 ends the access when the check %s, and does not check again", async (_what, end) => {
    const check = vi.fn(end);
    const watch = watchAccess(check, times);
    await pass(20);
    expect([watch.signal.aborted, watch.signal.reason]).toEqual([true, new Error("The session has ended")]);
    await pass(600);
    expect(check).toHaveBeenCalledTimes(1);
  });

  it("SE-07 reports the first and the last use since the last check, and the opening as a use", async () => {
    const start = Date.now();
    const uses: unknown[] = [];
    const watch = watchAccess(async (use) => {
      uses.push([secondsSince(start, use?.first), secondsSince(start, use?.last)]);
      return true;
    }, times);
    await pass(20);
    for (const seconds of [10, 5, 5]) {
      await pass(seconds);
      watch.noteUse();
    }
    await pass(40);
    await pass(60);
    expect(uses).toEqual([
      [0, 0],
      [30, 40],
      [null, null],
    ]);
  });

  it("counts what passes during a check as use before the next one", async () => {
    const uses: unknown[] = [];
    const slow = Promise.withResolvers<boolean>();
    const watch = watchAccess(async (use) => {
      uses.push(use);
      return uses.length === 1 ? slow.promise : true;
    }, times);
    await pass(20);
    watch.noteUse();
    const at = new Date();
    slow.resolve(true);
    await pass(60);
    expect(uses[1]).toEqual({ first: at, last: at });
  });

  it("starts no check while one is running", async () => {
    const slow = Promise.withResolvers<boolean>();
    const check = vi.fn(() => slow.promise);
    watchAccess(check, times);
    await pass(600);
    expect(check).toHaveBeenCalledTimes(1);
  });

  it("checks no more after it was stopped, also when that happens during a check", async () => {
    const slow = Promise.withResolvers<boolean>();
    const check = vi.fn(() => slow.promise);
    const watch = watchAccess(check, times);
    await pass(20);
    watch.stop();
    slow.resolve(false);
    await pass(600);
    expect([check.mock.calls.length, watch.signal.aborted, vi.getTimerCount()]).toEqual([1, false, 0]);
  });
});
