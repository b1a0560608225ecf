import { describe, expect, it } from "vitest";
import { findPathVariants } from "../../../src/core/policy/path-variants.ts";
import ambiguousPaths from "../../vectors/ambiguous-paths.json";

function variantsOf(path: string): string[] {
  return [...(findPathVariants(path) ?? [])].sort();
}

describe("path variants", () => {
  it.each([
    "/",
    "/a",
    "/a/b.c/d",
    "/.well-known/x",
    "/..a/b",
    "/a b/c",
    "/a/",
    "/@a:b,c=d&e+f!g*(h)~'$-_|[]",
    "/日本",
  ])("reads %j in one way", (path) => {
    expect(variantsOf(path)).toEqual([path]);
  });

  it.each([
    ["/a%2fb", ["/a%2fb", "/a/b"]],
    ["/caf%C3%A9", ["/café"]],
    ["/a%20b", ["/a b"]],
    ["/100%25", ["/100%"]],
    ["/a//b", ["/a//b", "/a/b"]],
    ["/a/../b", ["/a/../b", "/b"]],
    ["/a;x/b", ["/a/b", "/a;x/b"]],
    ["/a./b", ["/a./b", "/a/b"]],
    ["/a%3fb", ["/a", "/a?b"]],
    ["/x%2fy/../b", ["/b", "/x%2fy/../b", "/x/b", "/x/y/../b"]],
  ])("INC-05 reads %j in all its ways", (path, variants) => {
    expect(variantsOf(path)).toEqual(variants.sort());
  });

  it.each([
    ["/%252e%252e/a", "/a"],
    ["/a%25zz%252fb", "/a%zz/b"],
    ["/a%25ff%252fb", "/a%ff/b"],
    ["/x/..%20/a", "/a"],
    ["/x/...%20/../a", "/a"],
    ["/a\\b", "/a/b"],
    ["/x/..;p=q/a", "/a"],
    ["/x/..%3Bp/a", "/a"],
    ["/../../a", "/a"],
    ["/a/b/..", "/a/"],
    ["/a/.", "/a/"],
    ["/x/\uFF0E\uFF0E/a", "/a"],
    ["/x/%E2%80%A5/a", "/a"],
    ["/x/..%EF%BC%8Fa", "/a"],
    ["/x/..\u00A5a", "/a"],
    ["/x/\uFF052e./a", "/a"],
    ["/a%25u002fb", "/a/b"],
    ["/a%25c0%25afb", "/a/b"],
    ["/a%25e0%2580%25afb", "/a/b"],
  ])("INC-05 finds in %j the variant %j", (path, variant) => {
    expect(variantsOf(path)).toContain(variant);
  });

  it.each([
    ["", "nothing"],
    ["a/b", "no slash"],
    ["\\a", "a backslash instead"],
    ["/a?b", "a query"],
    ["/a#b", "a fragment"],
    ["/%", "half an escape"],
    ["/a%2", "half an escape"],
    ["/%u0041", "an escape that is none"],
    ["/%ff", "invalid UTF-8"],
    ["/%c0%af", "overlong UTF-8"],
    ["/%ed%a0%80", "a surrogate"],
    ["/a%00", "NUL"],
    ["/a%0D%0Ab", "line breaks"],
    ["/a%7f", "DEL"],
    ["/a%C2%85", "a C1 control"],
    ["/a%2500", "NUL, encoded twice"],
    ["/a%25250a", "a line break, encoded three times"],
    ["/x%00/../a", "NUL in a segment that goes away"],
    ["/a\u0001", "a raw control character"],
    ["/\uFFFD", "a byte that was no UTF-8"],
    ["/a\uFFFDb/c", "a byte that was no UTF-8, in a plain path"],
    ["/%EF%BF%BD", "what a decoder writes for such a byte"],
    ["/%25EF%25BF%25BD", "the same, encoded twice"],
    ["/%E1dmin", "a byte of Latin-1"],
  ])("INC-01 INC-36 refuses %j: %s", (path) => {
    expect(findPathVariants(path)).toBeNull();
  });

  it("INC-05 refuses endless encoding, and reads ten levels of it", () => {
    expect(findPathVariants(`/%${"25".repeat(600)}41`)).toBeNull();
    expect(variantsOf(`/%${"25".repeat(9)}41dmin`)).toContain("/Admin");
  });

  it("INC-05 needs at most 128 variants for the forms that people try", () => {
    for (const path of ambiguousPaths) {
      expect(findPathVariants(path)?.size ?? 0).toBeLessThanOrEqual(128);
      for (const variant of variantsOf(path)) expect(variant.startsWith("/")).toBe(true);
    }
  });

  it("gives up early on paths made to be slow", () => {
    const hostile = [
      `/${".".repeat(16_000)}a`,
      `/${" .".repeat(8000)}a`,
      `/${";".repeat(16_000)}`,
      `${"/".repeat(16_000)}`,
      `/${"../".repeat(5000)}`,
      `/${"%2e%2e%2f".repeat(1700)}`,
      `/${"%25".repeat(5000)}`,
      `/${"a;b%5c..%2f%2e.//".repeat(900)}`,
      `/${"%2525252e;.%20/".repeat(1000)}`,
    ];
    for (const path of hostile) findPathVariants(path);
  }, 2000);
});
