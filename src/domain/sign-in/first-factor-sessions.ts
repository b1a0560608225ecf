import { signPendingToken, signSharedPendingToken } from "../../core/tokens/session-token.ts";
import type { OpeningBounds } from "../../store/sessions/first-factor-session-rows.ts";
import type { Session } from "../../store/sessions/session-rows.ts";
import type { Deps } from "../deps.ts";
import { codeBudget } from "../second-factor/code-budget.ts";
import type { PreparedSession } from "../sessions/sessions.ts";
import { openings, recentOpenings } from "./openings.ts";

/** The bounds of an opening at one moment. */
export const openingBounds = (now: Date): OpeningBounds => ({
  ...recentOpenings(now),
  usableUntil: new Date(now.getTime() + openings.leastSeconds * 1000),
  attemptsPerPendingSession: codeBudget.attemptsPerPendingSession,
  maxKeptRows: openings.maxKeptRows,
});

/** A pending session that is open, with the token to carry it. */
export interface IssuedPendingSession {
  readonly token: string;
  readonly expiresAt: Date;
}

/**
 * Signs the token of a pending session that the store has just been seen to hold: the one that was drawn, or one that
 * another request has opened. The secret of that one is known to its own client alone, so the token names its id.
 */
export async function issuePendingSession(
  { config: { keyring } }: Deps,
  {
    row,
    drawn,
    username,
  }: { readonly row: Session; readonly drawn: PreparedSession; readonly username: string },
  now: Date,
): Promise<IssuedPendingSession> {
  const { expiresAt } = row;
  const token =
    row.id === drawn.row.id
      ? await signPendingToken(keyring, { sessionSecret: drawn.secret, username, expiresAt }, now)
      : await signSharedPendingToken(keyring, { sessionId: row.id, username, expiresAt }, now);
  return { token, expiresAt };
}
