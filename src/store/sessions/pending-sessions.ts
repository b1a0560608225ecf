import { eq, type SQL, sql } from "drizzle-orm";
import { type SessionRow, sessions } from "../platform/schema.ts";

/**
 * A pending session can have several clients: the one that opened it, and those that share it. When the first one signs
 * out, its token is over, and the session goes on for the others: it may have stolen the first factor, and the owner may be
 * the one that shares it (INC-30). The row says so by a `last_seen_at` that is later than `created_at`, because nothing else
 * sets the column of a pending session.
 */

/** How a client came to a pending session. */
export interface PendingHolder {
  readonly id: string;
  /** Another client has opened it. */
  readonly shared: boolean;
}

/** The condition that the session is still open to this client. */
export const isOpenToHolder = ({ shared }: Pick<PendingHolder, "shared">): SQL | undefined =>
  shared ? undefined : eq(sessions.lastSeenAt, sessions.createdAt);

/** {@link isOpenToHolder} for a row that was read. */
export const isRowOpenToHolder = (
  row: Pick<SessionRow, "lastSeenAt" | "createdAt">,
  { shared }: Pick<PendingHolder, "shared">,
): boolean => shared || row.lastSeenAt.getTime() === row.createdAt.getTime();

/**
 * The change that closes a pending session to the client that opened it.
 *
 * @param now counts as later than the opening in the millisecond of the opening, too
 */
export const closedToOpener = (now: Date): { readonly lastSeenAt: SQL } => ({
  lastSeenAt: sql`max(${sql.param(now, sessions.lastSeenAt)}, ${sessions.createdAt} + 1)`,
});
