import { and, count, eq, gt, gte, isNull, type lt, type lte, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { every } from "../platform/conditional-insert.ts";
import { sessions } from "../platform/schema.ts";

/** How many sessions the first factor alone may open. The numbers are decided in `domain/sign-in/openings.ts`. */
export interface RecentOpenings {
  /** A session that was opened later is recent. */
  readonly recentSince: Date;
  /** Recent sessions of one kind, account and network that are opened without a further condition, with their events. */
  readonly mostOfNetwork: number;
  /** The same of one kind and account, over all networks: a client may have any number of networks. */
  readonly mostOfAccount: number;
}

/** What openings are counted by. */
export interface Opener {
  readonly userId: SQL;
  readonly kind: SQL;
  readonly network: SQL;
}

/** The condition "a session of this kind and account that the first factor alone has opened". */
export const isOfAccount = ({ userId, kind }: Opener) =>
  and(
    eq(sessions.userId, userId),
    eq(sessions.kind, kind),
    isNull(sessions.secondFactorAt),
    isNull(sessions.challengeId),
  );

/** The same, and from this network. */
export const isOfNetwork = (opener: Opener) => and(isOfAccount(opener), eq(sessions.network, opener.network));

const isRecent = (opener: Opener, { recentSince }: RecentOpenings) =>
  and(isOfAccount(opener), gt(sessions.createdAt, recentSince));

/** The condition that the account has opened as many as it may, over all networks. */
export function hasOpenedMost(db: DrizzleD1Database, opener: Opener, recent: RecentOpenings): SQL {
  const isMost = gte(count(), recent.mostOfAccount);
  return sql`(${db.select({ isMost }).from(sessions).where(isRecent(opener, recent))})`;
}

/**
 * The condition that an opener is within both bounds. One query counts for both.
 *
 * @param compare `lt` asks for room for one more, `lte` asks after the session was written
 */
export function isWithinBounds(
  db: DrizzleD1Database,
  opener: Opener,
  recent: RecentOpenings,
  compare: typeof lt | typeof lte,
): SQL {
  const ofNetwork = sql`total(${sessions.network} = ${opener.network})`;
  const isWithin = every(compare(ofNetwork, recent.mostOfNetwork), compare(count(), recent.mostOfAccount));
  return sql`(${db.select({ isWithin }).from(sessions).where(isRecent(opener, recent))})`;
}
