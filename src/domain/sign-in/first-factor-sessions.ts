import {
  signPendingSessionToken,
  signPendingSessionTokenForSharingClient,
} from "../../core/tokens/session-token.ts";
import type { FirstFactorOnlySessionLimits } from "../../store/sessions/first-factor-session-rows.ts";
import type { Session } from "../../store/sessions/session-rows.ts";
import type { Deps } from "../deps.ts";
import { codeAttemptLimits } from "../second-factor/code-budget.ts";
import type { PreparedSession } from "../sessions/sessions.ts";
import { firstFactorOnlySessionLimits, recentFirstFactorOnlySessionLimitsAt } from "./openings.ts";

/** Returns the limits on the sessions that the first factor alone can open at `now` (INC-30). */
export const firstFactorOnlySessionLimitsAt = (now: Date): FirstFactorOnlySessionLimits => ({
  ...recentFirstFactorOnlySessionLimitsAt(now),
  usableUntil: new Date(now.getTime() + firstFactorOnlySessionLimits.minSeconds * 1000),
  attemptsPerPendingSession: codeAttemptLimits.attemptsPerPendingSession,
  maxKeptRows: firstFactorOnlySessionLimits.maxKeptRows,
});

/** The token of a pending session. */
export interface PendingSessionToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/**
 * Signs the token of a pending session that a batch has opened already. `row` is the prepared session, or one that another
 * client has opened and that this client shares. Only the client that opened a session knows its secret, so the token of a
 * shared session has the session's id instead.
 */
export async function issuePendingSessionToken(
  { config: { keyring } }: Deps,
  {
    row,
    prepared,
    username,
  }: { readonly row: Session; readonly prepared: PreparedSession; readonly username: string },
  now: Date,
): Promise<PendingSessionToken> {
  const { expiresAt } = row;
  const token =
    row.id === prepared.row.id
      ? await signPendingSessionToken(keyring, { sessionSecret: prepared.secret, username, expiresAt }, now)
      : await signPendingSessionTokenForSharingClient(
          keyring,
          { sessionId: row.id, username, expiresAt },
          now,
        );
  return { token, expiresAt };
}
