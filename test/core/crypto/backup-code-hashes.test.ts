import { describe, expect, it } from "vitest";
import {
  countUnspentBackupCodes,
  decodeBackupCodeHashes,
  encodeBackupCodeHashes,
  findBackupCodeStateByHash,
  generateBackupCodes,
  markBackupCodeSpent,
  sha256BackupCode,
} from "../../../src/core/crypto/backup-code-hashes.ts";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

function hashAll(codes: readonly string[]): Promise<string[]> {
  return Promise.all(codes.map((code) => sha256BackupCode(code.replace("-", ""))));
}

describe("generation", () => {
  it("BC-02 makes ten different codes of 40 bits", () => {
    const codes = generateBackupCodes();
    expect(codes).toHaveLength(10);
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(alphabet.length ** 8).toBe(2 ** 40);
  });

  it("BC-05 draws every character of the alphabet equally often, and no code twice in 1,000 sets", () => {
    const codes = Array.from({ length: 1000 }, generateBackupCodes).flat();
    expect(new Set(codes).size).toBe(codes.length);
    const counts = new Map<string, number>();
    for (const character of codes.join("").replaceAll("-", "")) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect([...counts.keys()].sort().join("")).toBe(alphabet);
    // Chi-square with 31 degrees of freedom is above 90 by chance in fewer than one of a million runs.
    const expected = (codes.length * 8) / alphabet.length;
    const chiSquare = [...counts.values()].reduce(
      (sum, count) => sum + (count - expected) ** 2 / expected,
      0,
    );
    expect(chiSquare).toBeLessThan(90);
  });
});

describe("hashing", () => {
  it("is SHA-256 in base64url without padding", async () => {
    // printf 0123ABCD | openssl dgst -sha256 -binary | basenc --base64url
    expect(await sha256BackupCode("0123ABCD")).toBe("XAG6X8LAF2M7GR2kGw17j_ZAaIhDoDHHqRJUHoOOGt8");
  });

  it.each(["0123-ABCD", "0123abcd", "0123ABC", "0123ABCDE", "0123ABCO", "", "0123ABCD\n"])(
    "refuses %j, which is not canonical",
    async (code) => {
      await expect(sha256BackupCode(code)).rejects.toThrow(RangeError);
    },
  );
});

describe("the stored list", () => {
  it("comes back as it was stored", async () => {
    const hashes = markBackupCodeSpent(await hashAll(generateBackupCodes()), 3);
    expect(decodeBackupCodeHashes(encodeBackupCodeHashes(hashes))).toEqual(hashes);
    expect(decodeBackupCodeHashes("[]")).toEqual([]);
  });

  it.each([
    "",
    "null",
    "{}",
    "[1]",
    "[null]",
    '["x"]',
    `["${"A".repeat(42)}"]`,
    `["${"A".repeat(44)}"]`,
    `["used:${"A".repeat(43)}"]`,
    `["spent:spent:${"A".repeat(43)}"]`,
    `[["${"A".repeat(43)}"]]`,
  ])("refuses %j", (json) => {
    expect(() => decodeBackupCodeHashes(json)).toThrow("The stored backup codes are not");
  });

  it("finds every code at its place, and no other code", async () => {
    const codes = generateBackupCodes();
    const hashes = await hashAll(codes);
    for (const [index, hash] of hashes.entries()) {
      expect(findBackupCodeStateByHash(hashes, hash)).toEqual({ state: "unspent", index });
    }
    const [stranger = ""] = await hashAll(generateBackupCodes());
    expect(findBackupCodeStateByHash(hashes, stranger)).toBeNull();
    expect(findBackupCodeStateByHash(hashes, "")).toBeNull();
    expect(findBackupCodeStateByHash([], stranger)).toBeNull();
  });

  it("INC-21 tells a spent code from a wrong one", async () => {
    const hashes = await hashAll(generateBackupCodes());
    const spent = markBackupCodeSpent(hashes, 9);
    expect(findBackupCodeStateByHash(spent, hashes[9] ?? "")).toEqual({ state: "spent", index: 9 });
    expect(findBackupCodeStateByHash(spent, hashes[0] ?? "")).toEqual({ state: "unspent", index: 0 });
    expect(findBackupCodeStateByHash(spent, spent[9] ?? "")).toBeNull();
  });

  it("BC-01 spends a code once, in a copy", async () => {
    const hashes = await hashAll(generateBackupCodes());
    const spent = markBackupCodeSpent(hashes, 0);
    expect(hashes[0]).not.toContain("spent");
    expect(spent.slice(1)).toEqual(hashes.slice(1));
    expect(() => markBackupCodeSpent(spent, 0)).toThrow(RangeError);
    expect(() => markBackupCodeSpent(spent, 10)).toThrow(RangeError);
    expect(() => markBackupCodeSpent(spent, -1)).toThrow(RangeError);
  });

  it("BC-08 counts what is left", async () => {
    let hashes = await hashAll(generateBackupCodes());
    for (let left = 10; left > 0; left--) {
      expect(countUnspentBackupCodes(hashes)).toBe(left);
      hashes = markBackupCodeSpent(hashes, left - 1);
    }
    expect(countUnspentBackupCodes(hashes)).toBe(0);
  });
});
