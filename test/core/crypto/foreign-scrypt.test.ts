import { describe, expect, it } from "vitest";
import { parseForeignScrypt } from "../../../src/core/crypto/foreign-scrypt.ts";
import { comparePassword, isVerifiablePasswordHash } from "../../../src/core/crypto/password-hash.ts";
import { foreignPassword, scryptHashes } from "../../support/foreign-hashes.ts";

describe("a scrypt hash of another system", () => {
  it.each(Object.entries(scryptHashes))(
    "CR-06 verifies the same password in PHC format: %s",
    async (system, hash) => {
      const password = system === "spring" ? "password" : foreignPassword;
      const parsed = parseForeignScrypt(hash);
      expect(parsed?.support).toEqual({ kind: "usable" });
      const phc = parsed?.phc ?? "";
      expect(isVerifiablePasswordHash(phc)).toBe(true);
      expect(await comparePassword(password, phc)).toEqual({ kind: "match" });
      expect(await comparePassword(`${password}.`, phc)).toEqual({ kind: "no_match" });
    },
  );

  it("takes Spring's form with a version in the prefix, and without a prefix", () => {
    const hash = scryptHashes.spring.slice("{scrypt}".length);
    const { phc } = parseForeignScrypt(hash) ?? {};
    expect(phc).toMatch(/^\$scrypt\$ln=14,r=8,p=1\$/);
    expect(parseForeignScrypt(`{scrypt@SpringSecurity_v5_8}${hash}`)?.phc).toBe(phc);
    expect(parseForeignScrypt(hash.replace("$e0801$", "$100801$"))?.phc).toMatch(
      /^\$scrypt\$ln=16,r=8,p=1\$/,
    );
  });

  it.each([
    ["a work factor that is no power of two", scryptHashes.django.replace("16384", "16383"), "logN must be"],
    ["a work factor of nought", scryptHashes.werkzeug.replace("32768", "0"), "logN must be"],
    ["a block size that is not used", scryptHashes.werkzeug.replace(":8:1", ":524288:1"), "r must be"],
    ["a salt without end", scryptHashes.django.replace("Cum3uI7Eq0", "x".repeat(65)), "saltBytes must be"],
    ["a short hash", scryptHashes.werkzeug.slice(0, 40), "hashBytes must be"],
  ])("INC-30 has the bounds of every scrypt hash: %s", (_what, hash, bound) => {
    expect(parseForeignScrypt(hash)?.support).toEqual({
      kind: "unsupported",
      detail: expect.stringContaining(bound),
    });
  });

  it("INC-30 is too costly where N, r and p are", () => {
    const support = parseForeignScrypt(scryptHashes.werkzeug.replace("32768:8:1", "131072:8:1"))?.support;
    expect(support?.kind).toBe("too_costly");
  });

  it.each([
    "",
    "scrypt",
    "scrypt:32768:8:1$salt$",
    "scrypt:32768:8:1$salt$abc",
    "scrypt$16384$salt$8$5$A",
    "$e0801$A$A",
    "{scrypt}$zzzzz$AAAA$AAAA",
  ])("is not read from %j", (text) => {
    expect(parseForeignScrypt(text)).toBeNull();
  });
});
