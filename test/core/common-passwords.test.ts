import { describe, expect, it } from "vitest";
import { isCommonPassword } from "../../src/core/common-passwords.ts";
import source from "../../src/core/common-passwords.ts?raw";

describe("common passwords", () => {
  it("CR-07 holds at least 3,000 that the length rule lets through, all different (ASVS 6.2.4)", () => {
    const words = [...source.matchAll(/^ {2}"(.*)",$/gm)].flatMap(([, line = ""]) => line.split(" "));
    expect(words.length).toBeGreaterThanOrEqual(3000);
    expect(new Set(words).size).toBe(words.length);
    for (const word of words) {
      expect(word.length).toBeGreaterThanOrEqual(8);
      expect(word).toBe(word.normalize("NFKC").toLowerCase());
      expect(isCommonPassword(word)).toBe(true);
    }
  });

  it("holds nothing else", () => {
    for (const word of ["", " ", "password baseball", "correct horse", "PASSWORD"]) {
      expect(isCommonPassword(word)).toBe(false);
    }
  });
});
