import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitStreamIntoByteLines } from "../../../src/core/parsing/lines.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function* inChunks(bytes: Uint8Array, sizes: readonly number[]) {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function split(text: string, longest = 100, sizes = [1]): Promise<(string | null)[]> {
  const lines: (string | null)[] = [];
  for await (const line of splitStreamIntoByteLines(inChunks(bytesOf(text), sizes), longest)) {
    lines.push(line === null ? null : new TextDecoder().decode(line));
  }
  return lines;
}

describe("splitting a stream into lines", () => {
  it.each([
    ["", []],
    ["a", ["a"]],
    ["a\n", ["a"]],
    ["a\nb", ["a", "b"]],
    ["\n", [""]],
    ["\n\na", ["", "", "a"]],
    ["a\r\nb\r\n", ["a\r", "b\r"]],
    ["ü\n日\n", ["ü", "日"]],
  ])("makes of %j the lines %j", async (text, lines) => {
    for (const sizes of [[1], [2, 3], [1000]]) expect(await split(text, 100, sizes)).toEqual(lines);
  });

  it("passes over a line that is too long, and goes on behind it", async () => {
    for (const sizes of [[1], [7], [1000]]) {
      expect(await split(`12345\n${"x".repeat(500)}\n123456\nend`, 5, sizes)).toEqual([
        "12345",
        null,
        null,
        "end",
      ]);
      expect(await split("123456", 5, sizes)).toEqual([null]);
    }
  });

  it("does not depend on where the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme", maxLength: 12 })),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        async (parts, sizes) => {
          const text = parts.join("\n");
          expect(await split(text, 20, sizes)).toEqual(await split(text, 20, [100_000]));
        },
      ),
    );
  });
});
