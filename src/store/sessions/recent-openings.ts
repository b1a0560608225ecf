import { and, count, eq, gt, gte, isNull, type lt, type lte, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { every } from "../platform/conditional-insert.ts";
import { sessions } from "../platform/schema.ts";

/**
 * The limits on openings, and since when openings count. An opening is a session that the first factor alone has opened. The
 * numbers are in `domain/sign-in/openings.ts`.
 */
export interface RecentOpeningBounds {
  /** A session that was opened after this counts. */
  readonly recentSince: Date;
  /** Sessions of one kind, account and network. */
  readonly maxPerNetwork: number;
  /** Sessions of one kind and account, over all networks: a client may use any number of networks. */
  readonly maxPerAccount: number;
}

/** The account, kind and network of a session that is to be opened. Openings with the same values are counted. */
export interface Opener {
  readonly userId: SQL;
  readonly kind: SQL;
  readonly network: SQL;
}

/** The condition "the first factor alone has opened this session, and it has this account and kind". */
export const isFirstFactorSessionOfAccount = ({ userId, kind }: Opener) =>
  and(
    eq(sessions.userId, userId),
    eq(sessions.kind, kind),
    isNull(sessions.secondFactorAt),
    isNull(sessions.challengeId),
  );

/** The condition "the first factor alone has opened this session, and it has this account, kind and network". */
export const isFirstFactorSessionOfNetwork = (opener: Opener) =>
  and(isFirstFactorSessionOfAccount(opener), eq(sessions.network, opener.network));

const isRecent = (opener: Opener, { recentSince }: RecentOpeningBounds) =>
  and(isFirstFactorSessionOfAccount(opener), gt(sessions.createdAt, recentSince));

/** The condition "the account has reached `maxPerAccount`". */
export function hasReachedAccountLimit(
  db: DrizzleD1Database,
  opener: Opener,
  recent: RecentOpeningBounds,
): SQL {
  const isReached = gte(count(), recent.maxPerAccount);
  return sql`(${db.select({ isReached }).from(sessions).where(isRecent(opener, recent))})`;
}

/**
 * The condition "the opener is within both limits". One query counts for both.
 *
 * @param compare `lt` before a session is inserted, `lte` after it
 */
export function isWithinBounds(
  db: DrizzleD1Database,
  opener: Opener,
  recent: RecentOpeningBounds,
  compare: typeof lt | typeof lte,
): SQL {
  const ofNetwork = sql`total(${sessions.network} = ${opener.network})`;
  const isWithin = every(compare(ofNetwork, recent.maxPerNetwork), compare(count(), recent.maxPerAccount));
  return sql`(${db.select({ isWithin }).from(sessions).where(isRecent(opener, recent))})`;
}
