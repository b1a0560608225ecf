import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { computeEditDistance } from "../../../src/core/lib/edit-distance.ts";

describe("the edit distance", () => {
  it.each([
    ["", "", 0],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["password", "pasword", 1],
    ["username", "usernmae", 1],
    ["ab", "ba", 1],
    // The optimal string alignment distance: an exchanged pair is not edited again.
    ["ca", "abc", 3],
  ])("of %j and %j is %i", (a, b, distance) => {
    expect(computeEditDistance(a, b)).toBe(distance);
  });

  it("is 0 for equal texts only, is the same in both directions, and is at most the longer length", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = computeEditDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(computeEditDistance(b, a)).toBe(distance);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
