import { describe, expect, it } from "vitest";
import { createSessionBinding } from "../../../src/core/tokens/session-binding.ts";
import type { FullSession } from "../../../src/domain/sessions/sessions.ts";
import {
  type FirstFactorSource,
  isSessionBoundToCredentials,
} from "../../../src/domain/sign-in/first-factor-source.ts";
import { keyringOf } from "../../support/keyring.ts";

const keyring = keyringOf("k1");
const evidence = ["https://team.idp.test", "ada"];

const source = (realm: FirstFactorSource["realm"], shown: readonly string[] | null): FirstFactorSource => ({
  realm,
  allowsAnonymous: false,
  hasHeaderOrQueryCredential: false,
  alwaysIdentify: false,
  loginPath: null,
  evidence: async () => shown,
  identify: async () => null,
  cookieEvidence: async () => null,
  mayHandOver: false,
  identifyAgain: async () => null,
});

async function session(realm: string, bound: readonly string[] | null): Promise<FullSession> {
  const now = new Date("2026-11-22T12:00:00Z");
  return {
    kind: "full",
    id: "s-1",
    sessionSecret: "x",
    userId: "u-1",
    realm,
    username: "ada",
    email: null,
    enrolled: true,
    binding: bound === null ? null : await createSessionBinding(keyring, bound),
    amr: [realm, "otp"],
    firstFactorAt: now,
    secondFactorAt: now,
    checkedAt: now,
    expiresAt: now,
  };
}

describe("a session", () => {
  it("is accepted with the credentials that it is bound to, in its own realm", async () => {
    const own = await session("jwt", evidence);
    expect(await isSessionBoundToCredentials(keyring, own, source("jwt", evidence))).toBe(true);
    expect(
      await isSessionBoundToCredentials(keyring, own, source("jwt", ["https://team.idp.test", "bob"])),
    ).toBe(false);
    expect(await isSessionBoundToCredentials(keyring, own, source("jwt", null))).toBe(false);
  });

  it("is rejected in another realm, even with the same credentials", async () => {
    const own = await session("jwt", evidence);
    for (const realm of ["origin", "proxy"] as const)
      expect(await isSessionBoundToCredentials(keyring, own, source(realm, evidence))).toBe(false);
    expect(
      await isSessionBoundToCredentials(keyring, await session("local", evidence), source("jwt", evidence)),
    ).toBe(false);
  });

  it("without a binding is rejected with an external first factor", async () => {
    expect(
      await isSessionBoundToCredentials(keyring, await session("jwt", null), source("jwt", evidence)),
    ).toBe(false);
    expect(
      await isSessionBoundToCredentials(keyring, await session("local", null), source("jwt", evidence)),
    ).toBe(false);
  });

  it("of another realm is rejected with FIRST_FACTOR=password", async () => {
    expect(await isSessionBoundToCredentials(keyring, await session("local", null), null)).toBe(true);
    expect(await isSessionBoundToCredentials(keyring, await session("jwt", evidence), null)).toBe(false);
    expect(await isSessionBoundToCredentials(keyring, await session("origin", null), null)).toBe(false);
  });
});
