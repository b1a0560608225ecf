import { describe, expect, it } from "vitest";
import {
  handOverTtlSeconds,
  signHandOverToken,
  verifyHandOverToken,
} from "../../../src/core/tokens/hand-over-token.ts";
import { verifyFullSessionToken, verifyPendingSessionToken } from "../../../src/core/tokens/session-token.ts";
import { keyringOf } from "../../support/keyring.ts";

const now = new Date("2026-11-28T12:00:00Z");
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const keyring = keyringOf("k1");
const handedOver = { realm: "origin", username: "ada", email: null, binding: "b", cookieBinding: null };
const sign = async () => (await signHandOverToken(keyring, handedOver, now)).token;

describe("INC-40 the token of a hand-over", () => {
  it("has what was handed over, for ten minutes", async () => {
    const { token, expiresAt } = await signHandOverToken(keyring, handedOver, now);
    expect(expiresAt).toEqual(later(handOverTtlSeconds));
    expect(await verifyHandOverToken(keyring, token, later(handOverTtlSeconds - 1))).toMatchObject(
      handedOver,
    );
    expect(await verifyHandOverToken(keyring, token, expiresAt)).toBeNull();
  });

  it("SE-15 has one spelling", async () => {
    const token = await sign();
    for (const spelling of [`${token}=`, ` ${token}`, `${token}\n`, token.replace(".", "=.")])
      expect(await verifyHandOverToken(keyring, spelling, now)).toBeNull();
  });

  it("SE-01 is no session", async () => {
    const token = await sign();
    expect(await verifyFullSessionToken(keyring, token, now)).toBeNull();
    expect(await verifyPendingSessionToken(keyring, `pending_${token}`, now)).toBeNull();
  });
});
