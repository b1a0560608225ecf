import { eq, type SQL, sql } from "drizzle-orm";
import { type SessionRow, sessions } from "../platform/schema.ts";

/**
 * A pending session can have several clients: the client that opened it, and those that share it. When the first one signs out,
 * its token is over, but the session stays for the others: the first client may have stolen the first factor, and the owner
 * may be one that shares the session (INC-30). Such a row has a `last_seen_at` later than `created_at`. No other code sets
 * the column of a pending session.
 */

/** A client's pending session. */
export interface OpenedOrSharedPendingSession {
  readonly id: string;
  /** True: another client has opened the session, and this client only shares it. */
  readonly shared: boolean;
}

/** The SQL condition "the session is not closed to this client". */
export const pendingSessionIsNotSignedOutCondition = ({
  shared,
}: Pick<OpenedOrSharedPendingSession, "shared">): SQL | undefined =>
  shared ? undefined : eq(sessions.lastSeenAt, sessions.createdAt);

/** True when the pending session of this row is not closed to this client: {@link pendingSessionIsNotSignedOutCondition} without SQL. */
export const isPendingSessionRowNotSignedOut = (
  row: Pick<SessionRow, "lastSeenAt" | "createdAt">,
  { shared }: Pick<OpenedOrSharedPendingSession, "shared">,
): boolean => shared || row.lastSeenAt.getTime() === row.createdAt.getTime();

/**
 * Returns the column values that a pending session gets when the client that opened it signs out. They close the session to this
 * client only. `last_seen_at` becomes later than `created_at` even within the same millisecond.
 */
export const signedOutPendingSessionColumns = (now: Date): { readonly lastSeenAt: SQL } => ({
  lastSeenAt: sql`max(${sql.param(now, sessions.lastSeenAt)}, ${sessions.createdAt} + 1)`,
});
