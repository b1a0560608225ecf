import { describe, expect, it, vi } from "vitest";
import {
  computeHotp,
  computeTimeStep,
  decodeTotpSecret,
  findTimeStepOfCode,
  generateTotpSecret,
  totpDigits,
  totpPeriodSeconds,
  totpSecretBytes,
} from "../../../src/core/crypto/totp.ts";
import hotpVectors from "../../vectors/rfc4226-appendix-d.json";
import base32Vectors from "../../vectors/rfc4648-base32.json";
import totpVectors from "../../vectors/rfc6238-appendix-b.json";

const secret = new TextEncoder().encode(hotpVectors.secret);

function atStep(step: number, secondsIn = 0): Date {
  return new Date((step * totpPeriodSeconds + secondsIn) * 1000);
}

async function findStep(predicate: (code: string) => boolean): Promise<{ step: number; code: string }> {
  for (let step = 1; step < 1000; step++) {
    const code = await computeHotp(secret, step, totpDigits);
    if (predicate(code)) return { step, code };
  }
  throw new Error("No such step among the first thousand");
}

describe("codes", () => {
  it("OTP-01 matches the SHA-1 rows of RFC 6238 appendix B", async () => {
    for (const row of totpVectors.rows) {
      const step = computeTimeStep(new Date(row.unixSeconds * 1000));
      expect(step).toBe(row.step);
      expect(await computeHotp(secret, step, totpVectors.digits)).toBe(row.code);
    }
  });

  it("OTP-03 matches the values of RFC 4226 appendix D", async () => {
    const codes = hotpVectors.codes.map((_, counter) => computeHotp(secret, counter, hotpVectors.digits));
    expect(await Promise.all(codes)).toEqual(hotpVectors.codes);
  });

  it("OTP-03 keeps leading zeros and accepts the code that has them", async () => {
    const { step, code } = await findStep((candidate) => candidate.startsWith("0"));
    expect(code).toMatch(/^0\d{5}$/);
    expect(await findTimeStepOfCode(secret, code, atStep(step))).toBe(step);
    expect(await findTimeStepOfCode(secret, String(Number(code)), atStep(step))).toBeNull();
  });

  it("OTP-04 counts time past 32 bits", async () => {
    const farFuture = computeTimeStep(new Date(20_000_000_000 * 1000));
    expect(await computeHotp(secret, farFuture, 8)).toBe("65353130");
    // oathtool --hotp -c N 3132333435363738393031323334353637383930
    expect(await computeHotp(secret, 2 ** 32, 6)).toBe("999456");
    expect(await computeHotp(secret, 2 ** 32 + 1, 6)).toBe("108930");
    expect(await computeHotp(secret, 2 ** 53 - 1, 6)).toBe("891307");
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])("refuses %d as a counter", async (counter) => {
    await expect(computeHotp(secret, counter, 6)).rejects.toThrow(RangeError);
  });

  it.each([0, 5, 9, 10, 6.5])("refuses a code of %d digits", async (digits) => {
    await expect(computeHotp(secret, 1, digits)).rejects.toThrow(RangeError);
  });
});

describe("time", () => {
  it("OTP-07 has steps of 30 seconds", () => {
    expect(totpPeriodSeconds).toBe(30);
    expect(computeTimeStep(new Date(0))).toBe(0);
    expect(computeTimeStep(new Date(29_999))).toBe(0);
    expect(computeTimeStep(new Date(30_000))).toBe(1);
  });

  it("refuses a time that is none or before 1970", () => {
    expect(() => computeTimeStep(new Date(Number.NaN))).toThrow(RangeError);
    expect(() => computeTimeStep(new Date(-1))).toThrow(RangeError);
  });

  it("OTP-08 accepts the current step and one on either side, and no other", async () => {
    const current = 59_000_000;
    for (const [drift, accepted] of [
      [-3, false],
      [-2, false],
      [-1, true],
      [0, true],
      [1, true],
      [2, false],
      [3, false],
    ] as const) {
      const code = await computeHotp(secret, current + drift, totpDigits);
      for (const secondsIn of [0, 29.999]) {
        const step = await findTimeStepOfCode(secret, code, atStep(current, secondsIn));
        expect(step).toBe(accepted ? current + drift : null);
      }
    }
  });

  it("works in the first step of time, which has none before it", async () => {
    const code = await computeHotp(secret, 0, totpDigits);
    expect(await findTimeStepOfCode(secret, code, new Date(0))).toBe(0);
  });

  it("OTP-10 returns the greatest of several steps that share a code", async () => {
    // Found by search with this secret: two steps that share a code and lie next to each other, and two with one between.
    for (const [smaller, greater] of [
      [910_737, 910_737 + 1],
      [153_567, 153_567 + 2],
    ] as const) {
      const code = await computeHotp(secret, smaller, totpDigits);
      expect(await computeHotp(secret, greater, totpDigits)).toBe(code);
      expect(await findTimeStepOfCode(secret, code, atStep(smaller + 1))).toBe(greater);
    }
  });

  it("OTP-15 matches no text that is not six ASCII digits", async () => {
    const step = 1_000_000;
    const code = await computeHotp(secret, step, totpDigits);
    const arabic = code.replace(/\d/g, (digit) => String.fromCodePoint(0x660 + Number(digit)));
    for (const text of ["", code.slice(1), `${code}0`, `0${code}`, ` ${code}`, arabic, "0".repeat(10_000)]) {
      expect(await findTimeStepOfCode(secret, text, atStep(step))).toBeNull();
    }
  });
});

describe("time that a comparison takes", () => {
  it("OTP-16 is constant-time: all three HMACs are computed with one key, whichever step matches, and when none does", async () => {
    const step = 1_000_000;
    const codes = await Promise.all(
      [step - 1, step, step + 1, step + 2].map((counter) => computeHotp(secret, counter, totpDigits)),
    );
    const importKey = vi.spyOn(crypto.subtle, "importKey");
    const sign = vi.spyOn(crypto.subtle, "sign");
    const matches: (number | null)[] = [];
    for (const code of codes) {
      matches.push(await findTimeStepOfCode(secret, code, atStep(step)));
      expect([importKey.mock.calls.length, sign.mock.calls.length]).toEqual([1, 3]);
      importKey.mockClear();
      sign.mockClear();
    }
    importKey.mockRestore();
    sign.mockRestore();
    expect(matches).toEqual([step - 1, step, step + 1, null]);
  });
});

describe("secrets", () => {
  it("OTP-05 has 160 bits", () => {
    expect(decodeTotpSecret(generateTotpSecret())).toHaveLength(totpSecretBytes);
    expect(totpSecretBytes * 8).toBe(160);
  });

  it("OTP-06 is random: 10,000 secrets without a duplicate, with every bit set about half the time", () => {
    const secrets = Array.from({ length: 10_000 }, generateTotpSecret);
    expect(new Set(secrets).size).toBe(secrets.length);
    const setBits = new Array<number>(160).fill(0);
    for (const text of secrets) {
      for (const [index, byte] of decodeTotpSecret(text).entries()) {
        for (let bit = 0; bit < 8; bit++)
          setBits[index * 8 + bit] = (setBits[index * 8 + bit] ?? 0) + ((byte >> bit) & 1);
      }
    }
    // The standard deviation is 50: six of them are left out by chance once in three million runs.
    for (const count of setBits) expect(Math.abs(count - 5000)).toBeLessThan(300);
  });

  it("URI-02 is base32 in upper case without padding", () => {
    for (let round = 0; round < 100; round++) expect(generateTotpSecret()).toMatch(/^[A-Z2-7]{32}$/);
  });

  it("URI-02 reads base32 as RFC 4648 section 10 has it, without the padding", () => {
    for (const { text, base32 } of base32Vectors.rows.filter((row) => row.text !== "")) {
      expect(new TextDecoder().decode(decodeTotpSecret(base32.replace(/=+$/, "")))).toBe(text);
    }
  });

  it.each(["", "MY======", "mzxw6", "MZXW1", "MZXW 6", "M", "MZ", "MZXW6YTB\n", "ＭＺＸＷ６"])(
    "refuses %j without quoting it",
    (text) => {
      expect(() => decodeTotpSecret(text)).toThrow(/^The TOTP secret is (empty|not base32)/);
    },
  );
});
