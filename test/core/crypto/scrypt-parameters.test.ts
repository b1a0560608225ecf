import { base64nopad } from "@scure/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparePassword } from "../../../src/core/crypto/password-hash.ts";
import {
  classifyScryptParameters,
  type ScryptParameters,
} from "../../../src/core/crypto/scrypt-parameters.ts";

const usual: ScryptParameters = { logN: 14, r: 8, p: 5, saltBytes: 16, hashBytes: 32 };

const judge = (parameters: Partial<ScryptParameters>) =>
  classifyScryptParameters({ ...usual, ...parameters });

describe("scrypt parameters", () => {
  it.each([
    {},
    { p: 8 },
    { logN: 16, p: 2 },
    { logN: 15, p: 4 },
    { logN: 13, p: 16 },
    { logN: 10, p: 64 },
    { logN: 14, r: 32, p: 2 },
    { logN: 15, r: 1, p: 1 },
    { logN: 1, r: 1, p: 1 },
    { saltBytes: 1 },
    { saltBytes: 64, hashBytes: 64 },
    { hashBytes: 16 },
  ])("INC-30 are usable within the bounds: %j", (parameters) => {
    expect(judge(parameters)).toEqual({ kind: "usable" });
  });

  it.each([
    [{ p: 9 }, "N·r·p"],
    [{ logN: 20, p: 1 }, "N·r·p"],
    [{ logN: 24, r: 32, p: 64 }, "N·r·p"],
    // N·r·p is what the platform allows, and the table takes all the memory that an isolate has.
    [{ logN: 17, p: 1 }, "128·N·r"],
    [{ logN: 15, r: 32, p: 1 }, "128·N·r"],
  ])("INC-30 are too costly with more work or memory than one sign-in may take: %j", (parameters, bound) => {
    expect(judge(parameters)).toEqual({ kind: "too_costly", detail: expect.stringContaining(bound) });
  });

  it.each([
    // RFC 7914 2: N < 2^(128·r/8).
    [{ logN: 16, r: 1, p: 1 }, "N must be below"],
    [{ logN: 20, r: 1, p: 1 }, "N must be below"],
    [{ logN: 0 }, "logN"],
    [{ logN: 25 }, "logN"],
    [{ logN: 14.5 }, "logN"],
    [{ logN: Number.NaN }, "logN"],
    [{ logN: Number.POSITIVE_INFINITY }, "logN"],
    [{ r: 0 }, "r must"],
    [{ r: 33 }, "r must"],
    [{ logN: 1, r: 524_288, p: 1 }, "r must"],
    [{ p: 0 }, "p must"],
    [{ logN: 1, r: 1, p: 65 }, "p must"],
    [{ saltBytes: 0 }, "saltBytes"],
    [{ saltBytes: 65 }, "saltBytes"],
    [{ hashBytes: 15 }, "hashBytes"],
    [{ hashBytes: 65 }, "hashBytes"],
  ])("INC-30 are unsupported where no password hash has them: %j", (parameters, bound) => {
    expect(judge(parameters)).toEqual({ kind: "unsupported", detail: expect.stringContaining(bound) });
  });

  it("INC-30 that are usable are computed, and bounded in work, memory and PBKDF2", async () => {
    const parameters = fc.record({
      logN: fc.integer({ min: 0, max: 8 }),
      r: fc.integer({ min: 0, max: 40 }),
      p: fc.integer({ min: 0, max: 70 }),
      saltBytes: fc.integer({ min: 0, max: 70 }),
      hashBytes: fc.integer({ min: 0, max: 70 }),
    });
    await fc.assert(
      fc.asyncProperty(parameters, async (drawn) => {
        const { logN, r, p, saltBytes, hashBytes } = drawn;
        const [salt, hash] = [saltBytes, hashBytes].map((n) => base64nopad.encode(new Uint8Array(n)));
        const { kind } = await comparePassword("x", `$scrypt$ln=${logN},r=${r},p=${p}$${salt}$${hash}`);
        const usable = classifyScryptParameters(drawn).kind === "usable";
        expect([drawn, kind]).toEqual([drawn, usable ? "no_match" : "not_comparable"]);
        if (usable) expect([2 ** logN * r * p <= 2 ** 20, 128 * r * p <= 2 ** 18]).toEqual([true, true]);
      }),
      { numRuns: 60 },
    );
  });
});
