import { describe, expect, it } from "vitest";
import {
  type ChallengeInToken,
  generateSessionSecret,
  signPendingSessionToken,
  verifyFullSessionToken,
  verifyPendingSessionToken,
} from "../../../src/core/tokens/session-token.ts";
import { workersKeyring } from "../../support/gate.ts";

const keyring = workersKeyring();
const now = new Date(Date.UTC(2030, 0, 7, 12));
const challenge: ChallengeInToken = {
  id: "6f1b9c1e-3f0a-4a39-9d0b-1d2f7c0f7a11",
  userId: "shop:42",
  realm: "shop",
  action: "Pay 20 €",
  nonce: null,
  returnTo: "https://shop.example/confirmed",
};
const claims = {
  sessionSecret: generateSessionSecret(),
  username: "ada",
  expiresAt: new Date(now.getTime() + 600_000),
};

describe("the token of a pending session", () => {
  it("says which hosted challenge has opened it, and nothing of one for a sign-in", async () => {
    const token = await signPendingSessionToken(keyring, { ...claims, challenge }, now);
    expect(await verifyPendingSessionToken(keyring, token, now)).toEqual({ ...claims, challenge });
    const plain = await signPendingSessionToken(keyring, claims, now);
    expect(await verifyPendingSessionToken(keyring, plain, now)).toEqual(claims);
  });

  it("SE-01 is no full token, whatever it was opened by", async () => {
    const token = await signPendingSessionToken(keyring, { ...claims, challenge }, now);
    for (const text of [token, token.replace("pending_", "")])
      expect(await verifyFullSessionToken(keyring, text, now)).toBeNull();
  });

  it("is none when only part of a challenge is in it", async () => {
    const { returnTo: _returnTo, ...part } = challenge;
    const token = await signPendingSessionToken(
      keyring,
      { ...claims, challenge: part as ChallengeInToken },
      now,
    );
    expect(await verifyPendingSessionToken(keyring, token, now)).toBeNull();
  });
});
