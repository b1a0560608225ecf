import { describe, expect, it } from "vitest";
import {
  canonicalizeSubjectIfPossible,
  parseExternalSubject,
} from "../../../src/core/parsing/external-subject.ts";

const exact = (value: unknown) => parseExternalSubject(value, "exact");
const canonical = (value: unknown) => parseExternalSubject(value, "canonical");

describe("the subject of an external source", () => {
  it.each([
    "ada",
    "Ada",
    "ADA@Example.ORG",
    "ａｄａ",
    "\u212aim",
    "Ju\u0308rgen",
    "J\u00fcrgen",
    "ﬁona",
    "İ",
    "two  blanks",
    "no\u00a0break",
    "CN=ada,OU=people",
    "日本語",
    "🚪",
    "a".repeat(256),
    "🚪".repeat(256),
  ])("INC-27 stays as it is: %j", (text) => {
    expect(exact(text)).toBe(text);
  });

  it.each([
    ["", "nothing"],
    [" ", "a blank"],
    [" ada", "a blank in front, which a header loses"],
    ["ada ", "a blank at the end, which a header loses"],
    ["\u00a0ada", "a no-break space in front"],
    ["ada\u3000", "an ideographic space at the end"],
    ["\ufeffada", "a byte order mark"],
    ["ada\n", "a line break"],
    ["a\tda", "a tab"],
    ["a\u0000da", "NUL"],
    ["ada\u0085", "a C1 control"],
    ["a\u200bda", "a zero-width space"],
    ["\u202eada", "a direction override"],
    ["a\u2028da", "a line separator"],
    ["a\u2029da", "a paragraph separator"],
    ["\ud800", "half a surrogate pair"],
    ["\ue000", "a private character"],
    ["\u0378", "an unassigned character"],
    ["a".repeat(257), "257 characters"],
    ["🚪".repeat(257), "257 characters of four bytes"],
    ["a".repeat(1_000_000), "a million characters"],
  ])("INC-27 is no subject: %j is %s", (text) => {
    expect(exact(text)).toBeNull();
  });

  it.each(["m\ufffdller", "\ufffd", "ada\ufffd"])(
    "INC-36 has no U+FFFD, which stands for bytes that are not UTF-8: %j",
    (text) => {
      expect([exact(text), canonical(text)]).toEqual([null, null]);
    },
  );

  it.each([
    [0, "0"],
    [17, "17"],
    [-5, "-5"],
    [Number.MAX_SAFE_INTEGER, "9007199254740991"],
  ])("INC-27 may be a number that JSON.parse does not round: %d", (number, text) => {
    expect(exact(number)).toBe(text);
  });

  it("INC-27 is no number that JSON.parse may have rounded", () => {
    const [one, other] = JSON.parse("[9007199254740992, 9007199254740993]");
    expect(one).toBe(other);
    for (const number of [one, -one, 1.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY])
      expect([number, exact(number), canonical(number)]).toEqual([number, null, null]);
  });

  it.each([null, undefined, true, ["ada"], { name: "ada" }, 17n])("is no other value: %s", (value) => {
    expect([exact(value), canonical(value)]).toEqual([null, null]);
  });

  it("INC-27 begins and ends with no character that JavaScript, and so a server, may trim", () => {
    for (let point = 0; point <= 0xffff; point++) {
      const character = String.fromCharCode(point);
      if (character.trim() !== "") continue;
      expect([point, exact(`${character}ada`), exact(`ada${character}`)]).toEqual([point, null, null]);
    }
  });

  it("has its canonical form where the operator says that the site does not tell spellings apart", () => {
    for (const text of ["ada", "Ada", " ADA ", "ａｄａ"]) expect(canonical(text)).toBe("ada");
    expect(canonical("  ")).toBeNull();
  });
});

describe("the canonical form of a subject", () => {
  it("is what its spellings have in common, and the subject itself where that is too long", () => {
    expect(["ada", "Ada", "ａｄａ"].map(canonicalizeSubjectIfPossible)).toEqual(["ada", "ada", "ada"]);
    const expanding = "\ufdfa".repeat(20);
    expect(exact(expanding)).toBe(expanding);
    expect(canonicalizeSubjectIfPossible(expanding)).toBe(expanding);
  });
});
