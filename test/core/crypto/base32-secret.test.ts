import { base32 } from "@scure/base";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBase32Secret } from "../../../src/core/crypto/base32-secret.ts";

/** 16 bytes: padded with six signs. */
const text = "JBSWY3DPEHPK3PXPJBSWY3DPEE";

describe("a base32 secret of another system", () => {
  it.each([
    text,
    `${text}======`,
    text.toLowerCase(),
    "jbsw y3dp ehpk 3pxp jbsw y3dp ee",
    "JBSW-Y3DP-EHPK-3PXP-JBSW-Y3DP-EE",
    ` ${text} `,
    `${text}=`,
    `${text}==============`,
    `${text}\r\n`,
    `${text}\t`,
    text.replace("W", "W\u00a0"),
    // Bits behind the last byte.
    text.replace(/E$/, "F"),
  ])("is read from %j", (given) => {
    expect(parseBase32Secret(given)?.canonical).toBe(text);
  });

  it.each([
    "",
    "=",
    "======",
    "A",
    "ABC",
    "ABCDEF",
    "ABCDEFGHA",
    `=${text}`,
    text.replace("J", "1"),
    text.replace("J", "0"),
    text.replace("J", "8"),
    text.replace("S", "ſ"),
    "ＪBSWY3DP",
    "JBSWY3D_",
  ])("is not read from %j", (given) => {
    expect(parseBase32Secret(given)).toBeNull();
  });

  it("has the bytes that an independent encoder was given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
        const padded = base32.encode(bytes);
        for (const given of [padded, padded.toLowerCase(), padded.replace(/=+$/, "")]) {
          expect(parseBase32Secret(given)?.bytes).toEqual(bytes);
        }
        expect(parseBase32Secret(padded)?.canonical).toBe(padded.replace(/=+$/, ""));
      }),
    );
  });
});
