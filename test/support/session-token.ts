import type { Keyring } from "../../src/core/crypto/keyring.ts";
import {
  type FullSessionClaims,
  generateSessionSecret,
  signFullSessionToken,
} from "../../src/core/tokens/session-token.ts";

/**
 * Signs the token of a full session of ada, with both factors, unless `claims` say otherwise. No row is stored: the Worker accepts the
 * token without a row until `checkedAt` is `SESSION_RECHECK` seconds ago.
 */
export function signSession(
  keyring: Keyring,
  claims: Partial<FullSessionClaims> = {},
  now = new Date(),
): Promise<string> {
  return signFullSessionToken(keyring, {
    sessionSecret: generateSessionSecret(),
    userId: "u-ada",
    realm: "local",
    username: "ada",
    email: "ada@example.com",
    enrolled: true,
    binding: null,
    amr: ["pwd", "otp"],
    firstFactorAt: now,
    secondFactorAt: now,
    checkedAt: now,
    expiresAt: new Date(now.getTime() + 3_600_000),
    ...claims,
  });
}

/** The claims of a session with a first factor only, of an account without a second factor. */
export const firstFactorOnly = { enrolled: false, amr: ["pwd"], secondFactorAt: null } as const;
