import { describe, expect, it, vi } from "vitest";
import { isEqualInConstantTime } from "../../../src/core/crypto/constant-time.ts";

describe("comparing in constant time", () => {
  it.each(["", "a", "é🔑", "x".repeat(100_000)])("finds a text equal to itself: %.10j", async (text) => {
    expect(await isEqualInConstantTime(text, `${text.slice(0, 1)}${text.slice(1)}`)).toBe(true);
  });

  it.each([
    ["", "a"],
    ["a", ""],
    ["a", "b"],
    ["a", "A"],
    ["a", "a "],
    ["a", "aa"],
    ["a", "a\u0000"],
    ["abcdef", "abcdeg"],
    ["abcdef", "bbcdef"],
    ["é", "e\u0301"],
    ["0", "O"],
    ["x".repeat(1000), "x".repeat(1001)],
  ])("finds %.10j and %.10j different, of whatever lengths", async (left, right) => {
    expect(await isEqualInConstantTime(left, right)).toBe(false);
    expect(await isEqualInConstantTime(right, left)).toBe(false);
  });

  it("OTP-16 hands over to the runtime's comparison, always of as many bytes and not of the texts", async () => {
    const compare = vi.spyOn(crypto.subtle, "timingSafeEqual");
    await isEqualInConstantTime("short", "a much longer text than that");
    await isEqualInConstantTime("same", "same");
    const lengths = compare.mock.calls.map((pair) => pair.map((bytes) => bytes.byteLength));
    expect(lengths).toEqual([
      [32, 32],
      [32, 32],
    ]);
    compare.mockRestore();
  });
});
