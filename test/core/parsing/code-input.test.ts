import { describe, expect, it } from "vitest";
import { generateBackupCodes } from "../../../src/core/crypto/backup-code-hashes.ts";
import { parseSubmittedCode } from "../../../src/core/parsing/code-input.ts";

describe("TOTP codes", () => {
  it.each([
    "012345",
    "012 345",
    " 012345\n",
    "012-345",
    "0 1 2 3 4 5",
    "012\u00a0345",
    "012\u2011345",
    "01-23-45",
  ])("OTP-15 reads %j", (text) => {
    expect(parseSubmittedCode(text)).toEqual({ kind: "totp", code: "012345" });
  });

  it.each([
    "",
    " ",
    "-",
    "12345",
    "1234567",
    "123456789",
    "12345x",
    "+12345",
    "12345.",
    "1e5000",
    "0x1234",
    "١٢٣٤٥٦",
    "１２３４５６",
    "१२३४५६",
    "𝟏𝟐𝟑𝟒𝟓𝟔",
    "12345٦",
    "123456\u0000",
    "\u200b123456",
    "123,456",
    "123_456",
    "<script>",
    "' OR 1=1",
  ])("OTP-15 refuses %j", (text) => {
    expect(parseSubmittedCode(text)).toBeNull();
  });

  it("OTP-15 refuses long text before it looks at it", () => {
    expect(parseSubmittedCode("1".repeat(10_000))).toBeNull();
    expect(parseSubmittedCode(`123456${" ".repeat(58)}`)).toEqual({ kind: "totp", code: "123456" });
    expect(parseSubmittedCode(`123456${" ".repeat(59)}`)).toBeNull();
    expect(parseSubmittedCode(" ".repeat(10_000_000))).toBeNull();
  });
});

describe("backup codes", () => {
  it("BC-10 reads back every generated code, in any case, with and without its hyphen", () => {
    for (const code of Array.from({ length: 100 }, generateBackupCodes).flat()) {
      const canonical = code.replace("-", "");
      for (const text of [
        code,
        canonical,
        code.toLowerCase(),
        ` ${canonical.toLowerCase()} `,
        code.replace("-", " - "),
      ]) {
        expect(parseSubmittedCode(text)).toEqual({ kind: "backup_code", code: canonical });
      }
    }
  });

  it("BC-10 takes ambiguous letters for the digits that they look like", () => {
    expect(parseSubmittedCode("oOiI-lL0Z")).toEqual({ kind: "backup_code", code: "0011110Z" });
  });

  it("takes eight digits for a backup code", () => {
    expect(parseSubmittedCode("1234-5678")).toEqual({ kind: "backup_code", code: "12345678" });
  });

  it.each([
    "ABCD-EFGU",
    "abcdefgu",
    "ABCD-EFG",
    "ABCD-EFGHJ",
    "ABCD_EFGH",
    "ABCDEFGı",
    "ABCDEFGſ",
    "ABCDEFGＨ",
    "ABCDEFß",
    "АBCDEFGH",
  ])("BC-10 refuses %j", (text) => {
    expect(parseSubmittedCode(text)).toBeNull();
  });
});
