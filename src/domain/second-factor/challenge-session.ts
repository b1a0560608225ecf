import {
  type ChallengeInToken,
  computeSessionId,
  type PendingSessionClaims,
  verifyPendingSessionToken,
} from "../../core/tokens/session-token.ts";
import type { Deps } from "../deps.ts";

/** The session that a hosted challenge opens in a browser. A code completes the challenge; it never opens a full session. */
export interface ChallengeSession extends PendingSessionClaims {
  readonly kind: "challenge";
  readonly id: string;
  readonly challenge: ChallengeInToken;
}

/** Reads the token of a hosted challenge's session, without I/O. Null for every other token, that of a sign-in included. */
export async function readChallengeSessionFromToken(
  deps: Deps,
  token: string,
  now: Date,
): Promise<ChallengeSession | null> {
  const claims = await verifyPendingSessionToken(deps.config.keyring, token, now);
  if (claims?.challenge === undefined) return null;
  const { challenge, sessionSecret } = claims;
  return { ...claims, challenge, kind: "challenge", id: await computeSessionId(sessionSecret) };
}
