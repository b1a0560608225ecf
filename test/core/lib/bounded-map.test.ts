import { describe, expect, it } from "vitest";
import { BoundedMap } from "../../../src/core/lib/bounded-map.ts";

describe("a bounded map", () => {
  it("keeps what it was given, and the newest value of a key", () => {
    const map = new BoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    map.set("a", 3);
    expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([3, 2, undefined]);
  });

  it("forgets what was set longest ago, one for one", () => {
    const map = new BoundedMap<number, number>(3);
    for (let key = 0; key < 10; key++) map.set(key, key);
    expect([6, 7, 8, 9].map((key) => map.get(key))).toEqual([undefined, 7, 8, 9]);
    map.set(7, 7);
    map.set(10, 10);
    expect([7, 8, 9, 10].map((key) => map.get(key))).toEqual([7, undefined, 9, 10]);
  });

  it("deletes the entries whose value meets a condition, and no other", () => {
    const map = new BoundedMap<string, number>(3);
    for (const [key, value] of [
      ["a", 1],
      ["b", 2],
      ["c", 1],
    ] as const)
      map.set(key, value);
    map.deleteWhere((value) => value === 1);
    expect(["a", "b", "c"].map((key) => map.get(key))).toEqual([undefined, 2, undefined]);
  });
});
