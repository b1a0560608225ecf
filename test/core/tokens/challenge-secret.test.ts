import { describe, expect, it } from "vitest";
import {
  generateChallengeSecret,
  hasValidChallengeSecretMac,
} from "../../../src/core/tokens/challenge-secret.ts";
import { keyringOf, randomKey } from "../../support/keyring.ts";

const [old, current] = [`k1:${randomKey()}`, `k2:${randomKey()}`];

describe("the secret of a challenge's address", () => {
  it("SE-04 has 256 random bits and a mark of 128, and is never the same twice", async () => {
    const keyring = keyringOf(old);
    const drawn = await Promise.all(Array.from({ length: 500 }, () => generateChallengeSecret(keyring)));
    for (const secret of drawn) expect(secret).toMatch(/^[\w-]{65}$/);
    expect(new Set(drawn.map((secret) => secret.slice(0, 43))).size).toBe(500);
    expect(new Set(drawn.map((secret) => secret.slice(43))).size).toBe(500);
  });

  it("INC-30 is known as issued under every key of KEYRING, and under no other", async () => {
    const secret = await generateChallengeSecret(keyringOf(old));
    expect(await hasValidChallengeSecretMac(keyringOf(old), secret)).toBe(true);
    expect(await hasValidChallengeSecretMac(keyringOf(current, old), secret)).toBe(true);
    expect(await hasValidChallengeSecretMac(keyringOf(current), secret)).toBe(false);
  });

  it("INC-30 is known from every text that was not issued", async () => {
    const keyring = keyringOf(old);
    const secret = await generateChallengeSecret(keyring);
    const changed = [...secret].map(
      (character, at) => secret.slice(0, at) + (character === "A" ? "B" : "A") + secret.slice(at + 1),
    );
    const others = [
      "",
      "done",
      "a".repeat(43),
      "a".repeat(65),
      `${secret}A`,
      ` ${secret}`,
      secret.slice(0, 43),
    ];
    for (const text of [...changed, ...others, secret.slice(0, -1)])
      expect([text, await hasValidChallengeSecretMac(keyring, text)]).toEqual([text, false]);
  });
});
