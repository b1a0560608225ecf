import { describe, expect, it } from "vitest";
import { canonicalizeUsername } from "../../../src/core/parsing/username.ts";

describe("user name", () => {
  it.each([
    ["alice", "alice"],
    ["  Alice ", "alice"],
    ["ALICE@Example.ORG", "alice@example.org"],
    ["ａｌｉｃｅ", "alice"],
    ["\u212aim", "kim"],
    ["Ju\u0308rgen", "jürgen"],
    ["ﬁona", "fiona"],
    ["\u00a0alice\u3000", "alice"],
    ["İ", "i\u0307"],
    ["user name", "user name"],
    ["日本語", "日本語"],
    ["🚪", "🚪"],
  ])("INC-07 has one form: %j is %j", (text, canonical) => {
    expect(canonicalizeUsername(text)).toBe(canonical);
  });

  it.each([
    ["", "nothing"],
    ["   ", "only spaces"],
    ["alice\n", "a line break"],
    ["ali\tce", "a tab"],
    ["\u0000alice", "NUL"],
    ["alice\u001b[31m", "a terminal sequence"],
    ["alice\u0085", "a C1 control"],
    ["ali\u200bce", "a zero-width space"],
    ["\u202ealice", "a direction override"],
    ["\ufeffalice", "a byte order mark"],
    ["ali\u00adce", "a soft hyphen"],
    ["ali\u2028ce", "a line separator"],
    ["ali\u2029ce", "a paragraph separator"],
    ["\ud800", "half a surrogate pair"],
    ["\ue000", "a private character"],
    ["\u0378", "an unassigned character"],
    ["m\ufffdller", "a byte that was not UTF-8 (INC-36)"],
  ])("LG-04 refuses %j: %s", (text) => {
    expect(canonicalizeUsername(text)).toBeNull();
  });

  it("has 1 to 256 characters, counted as code points in the canonical form", () => {
    expect(canonicalizeUsername("a".repeat(256))).toHaveLength(256);
    expect(canonicalizeUsername("a".repeat(257))).toBeNull();
    expect(canonicalizeUsername("🚪".repeat(256))).not.toBeNull();
    expect(canonicalizeUsername("\ufdfa".repeat(20))).toBeNull();
    expect(canonicalizeUsername("a".repeat(1_000_000))).toBeNull();
  });

  it("INC-07 changes nothing the second time, for any character", () => {
    for (let point = 0; point <= 0x2ffff; point++) {
      const canonical = canonicalizeUsername(`x${String.fromCodePoint(point)}`);
      if (canonical !== null && canonicalizeUsername(canonical) !== canonical) {
        expect.fail(`U+${point.toString(16)} gives two forms`);
      }
    }
  });
});
