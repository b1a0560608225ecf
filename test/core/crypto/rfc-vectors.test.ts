import { describe, expect, it, vi } from "vitest";
import { createKeyring } from "../../../src/core/crypto/keyring.ts";
import { computeHotp } from "../../../src/core/crypto/totp.ts";
import { bytesOf, expectDocumented, hexOf } from "../../support/vectors.ts";
import rfc2202 from "../../vectors/rfc2202-hmac-sha-1.json";
import rfc4226 from "../../vectors/rfc4226-appendix-d.json";
import rfc4231 from "../../vectors/rfc4231-hmac-sha-256.json";
import rfc4648 from "../../vectors/rfc4648-base32.json";
import rfc5869 from "../../vectors/rfc5869-hkdf-sha-256.json";
import rfc6238 from "../../vectors/rfc6238-appendix-b.json";
import rfc7914 from "../../vectors/rfc7914-scrypt.json";

describe("the runtime", () => {
  it("CR-05 makes the MACs of RFC 2202 with the keys of codes", async () => {
    for (const { keyHex, dataHex, macHex } of rfc2202.rows) {
      const imported = vi.spyOn(crypto.subtle, "importKey");
      await computeHotp(bytesOf(keyHex), 0, 6);
      const key = await imported.mock.results[0]?.value;
      vi.restoreAllMocks();
      expect(hexOf(await crypto.subtle.sign("HMAC", key, bytesOf(dataHex)))).toBe(macHex);
    }
  });

  it("CR-05 makes the MACs of RFC 4231", async () => {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    for (const { keyHex, dataHex, macHex } of rfc4231.rows) {
      const key = await crypto.subtle.importKey("raw", bytesOf(keyHex), algorithm, false, ["sign", "verify"]);
      const mac = hexOf(await crypto.subtle.sign("HMAC", key, bytesOf(dataHex)));
      expect(mac.slice(0, macHex.length)).toBe(macHex);
      // The fifth is cut short. What verifies takes whole ones only.
      const whole = macHex.length === 64;
      expect(await crypto.subtle.verify("HMAC", key, bytesOf(macHex), bytesOf(dataHex))).toBe(whole);
    }
  });

  it("CR-05 derives the keys of RFC 5869 from what the keyring imports", async () => {
    for (const { ikmHex, saltHex, infoHex, length, okmHex } of rfc5869.rows) {
      const derive = vi.spyOn(crypto.subtle, "deriveKey");
      await createKeyring([{ kid: "k1", bytes: bytesOf(ikmHex) }]).sessionTokenKey("k1");
      const [ours, key] = derive.mock.calls[0] ?? [];
      vi.restoreAllMocks();
      if (typeof ours !== "object" || key === undefined) throw new Error("The keyring derived nothing");
      const algorithm = { ...ours, salt: bytesOf(saltHex), info: bytesOf(infoHex) };
      expect(hexOf(await crypto.subtle.deriveBits(algorithm, key, length * 8))).toBe(okmHex);
    }
  });
});

describe("the RFCs' vectors", () => {
  it.each([
    ["RFC 2202 HMAC-SHA-1", rfc2202.rows.length, 7],
    ["RFC 4231 HMAC-SHA-256", rfc4231.rows.length, 7],
    ["RFC 5869 HKDF", rfc5869.rows.length, 7],
    ["RFC 4226 appendix D", rfc4226.codes.length, 10],
    ["RFC 6238 appendix B", rfc6238.rows.length, 18],
    ["RFC 4648 base32", rfc4648.rows.filter(({ text }) => text !== "").length, 7],
    ["RFC 7914 scrypt", rfc7914.rows.length, 4],
  ])("are in the docs with these counts: %s, %d of %d", (set, run, cases) => {
    expectDocumented(set, { cases, valid: cases, invalid: 0, run, notApplicable: cases - run });
  });
});
