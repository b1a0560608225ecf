import { describe, expect, it } from "vitest";
import {
  foldCaseAndAccents,
  lookalikeCharacterPattern,
  lookalikeCharacterReplacers,
} from "../../../src/core/policy/best-fit.ts";

/** Every character that a string can hold in one unit. */
const characters = Array.from({ length: 0x1_0000 - 0x80 }, (_, at) => String.fromCharCode(at + 0x80)).filter(
  (character) => !/[\uD800-\uDFFF]/.test(character),
);

/** Every text that some server, or several behind one another, may make of a path. */
function writtenOut(path: string): ReadonlySet<string> {
  const found = new Set([path]);
  for (const known of found)
    for (const substitute of lookalikeCharacterReplacers) found.add(substitute(known));
  return found;
}

describe("characters that some servers turn into ASCII", () => {
  it.each([
    ["/\uFF0Fadmin", "//admin"],
    ["/a\u2215b\u2044c", "/a/b/c"],
    ["/a\uFF3Cb\u2216c", "/a/b/c"],
    // A backslash in the code pages 932 (Japanese) and 949 (Korean).
    ["/a\u00A5b", "/a/b"],
    ["/a\u20A9b", "/a/b"],
    ["/a\uFFE5b\uFFE6c", "/a/b/c"],
    // A slash in the code page 1253 (Greek).
    ["/a\u00B4b", "/a/b"],
    ["/\uFF05\u066A2e", "/%%2e"],
    ["/a\uFF1Bb\u037E", "/a;b;"],
    ["/a\uFF1Fb\uFF03", "/a?b#"],
    ["/\u2100", "/a/c"],
  ])("INC-31 separators are written out: %j is %j", (path, written) => {
    expect([...writtenOut(path)]).toContain(written);
  });

  it.each([
    ["/\uFF0E\uFF0E/x", "/../x"],
    ["/\uFE52\u2024/x", "/../x"],
    ["/\u2025/x", "/../x"],
    ["/\uFE30/x", "/../x"],
    ["/.\uFF0E/x", "/../x"],
    ["/\u2026/x", "/.../x"],
    ["/\u2026/x", "/./x"],
    ["/\u2026\u2026/x", "/../x"],
    ["/\u00B7\u2022/x", "/../x"],
    ["/admin\u00A0/x", "/admin /x"],
    ["/admin\u3000\uFF0E/x", "/admin ./x"],
  ])("INC-31 dots and spaces are written out at the end of a segment: %j is %j", (path, written) => {
    expect([...writtenOut(path)]).toContain(written);
  });

  it("INC-31 each kind of server is a variant of its own: one leaves alone what another changes", () => {
    expect([...writtenOut("/a\u00A5b\uFF0Fc")].toSorted()).toEqual(
      ["/a\u00A5b\uFF0Fc", "/a/b\uFF0Fc", "/a\u00A5b/c", "/a/b/c"].toSorted(),
    );
  });

  it("INC-31 no character that NFKC turns into the syntax of a path is missing", () => {
    const missing = characters.filter((character) => {
      const text = character.normalize("NFKC").replace("\\", "/");
      if (/[/%;?#]/.test(text)) return !writtenOut(`/x${character}y`).has(`/x${text}y`);
      return (/\.$/.test(text) || text === " ") && !writtenOut(`/x${character}`).has(`/x${text}`);
    });
    expect(missing.map((character) => character.charCodeAt(0).toString(16))).toEqual([]);
  });

  it("leaves every other character alone, and dots and spaces within a name", () => {
    for (const path of ["/col\u00B7lecci\u00F3/a\u2026b", "/\u65E5\u672C/\u00FC", "/a\u00A0b"])
      expect([...writtenOut(path)]).toEqual([path]);
    const changed = characters.filter((character) => writtenOut(`/x${character}`).size > 1);
    expect(changed).toEqual(characters.filter((character) => lookalikeCharacterPattern.test(character)));
    expect(changed.length).toBeLessThan(90);
  });
});

describe("the form for the comparison without regard to case", () => {
  it.each([
    ["ADMIN", "admin"],
    ["adm\u0131n", "admin"],
    ["adm\u0130n", "admin"],
    ["\u00E1dmin", "admin"],
    ["a\u0301dmin", "admin"],
    ["\uFF41dmin", "admin"],
    ["a\u0111min", "admin"],
    ["\u0141ogin", "login"],
    ["log\u0268n", "login"],
    ["\u03B1dmin", "admin"],
    ["ad\u217Fin", "admin"],
    ["adm\u200Cin", "admin"],
    ["\uFEFFadmin", "admin"],
    ["two\u2010factor", "two-factor"],
    ["two\u2013factor", "two-factor"],
  ])("INC-31 INC-07 of %j is %j", (text, folded) => {
    expect(foldCaseAndAccents(text)).toBe(folded);
  });

  it("keeps names in other scripts apart", () => {
    for (const [one, other] of [
      ["\u0915\u093F", "\u0915\u093E"],
      ["\u30AB", "\u30AC"],
      ["\u0438", "\u0439\u0439"],
      ["\u65E5\u672C", "\u65E5\u6728"],
    ] as const)
      expect(foldCaseAndAccents(one)).not.toBe(foldCaseAndAccents(other));
  });
});
