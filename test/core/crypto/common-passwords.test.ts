import list from "@zxcvbn-ts/language-common/src/passwords.json";
import { describe, expect, it } from "vitest";
import { isCommonPassword } from "../../../src/core/crypto/common-passwords.ts";

/** The list that the hashes are made from, the most common ones first, as `scripts/common-passwords.ts` reads it. */
const words = (list as string[])
  .map((word) => word.normalize("NFKC").toLowerCase())
  .filter((word) => word.length >= 8 && /^[!#-[\]-~]+$/.test(word));

describe("common passwords", () => {
  it("CR-07 knows the 3,000 most common ones that the length rule lets through (ASVS 6.2.4)", async () => {
    const most = [...new Set(words)].slice(0, 3000);
    expect(most).toHaveLength(3000);
    const known = await Promise.all(most.map(isCommonPassword));
    expect(most.filter((_, i) => !known[i])).toEqual([]);
  });

  it("takes about one in 43,000 others for one of them, as 27 bits of a hash do", async () => {
    const others = Array.from({ length: 50_000 }, (_, i) => isCommonPassword(`not among them ${i}`));
    const taken = (await Promise.all(others)).filter(Boolean).length;
    // One is to be expected.
    expect(taken).toBeLessThan(10);
  });

  it("does not contain passwords that are rarely tried", async () => {
    for (const word of ["", " ", "password baseball", "correct horse", "PASSWORD"]) {
      expect(await isCommonPassword(word)).toBe(false);
    }
  });
});
