import { and, count, eq, gt, gte, isNull, type lt, type lte, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { allOf } from "../platform/conditional-insert.ts";
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

/** The account, kind and network for which openings are counted, as SQL expressions: each can be a subquery. */
export interface OpeningScope {
  readonly userId: SQL;
  readonly kind: SQL;
  readonly network: SQL;
}

/** The condition "the first factor alone has opened this session, and it has this account and kind". */
export const isFirstFactorOnlySessionOfAccount = ({ userId, kind }: OpeningScope) =>
  and(
    eq(sessions.userId, userId),
    eq(sessions.kind, kind),
    isNull(sessions.secondFactorAt),
    isNull(sessions.challengeId),
  );

/** The condition "the first factor alone has opened this session, and it has this account, kind and network". */
export const isFirstFactorOnlySessionOfNetwork = (scope: OpeningScope) =>
  and(isFirstFactorOnlySessionOfAccount(scope), eq(sessions.network, scope.network));

const isRecent = (scope: OpeningScope, { recentSince }: RecentOpeningBounds) =>
  and(isFirstFactorOnlySessionOfAccount(scope), gt(sessions.createdAt, recentSince));

/** The condition "the recent openings of this account and kind have reached `maxPerAccount`". */
export function accountLimitIsReached(
  db: DrizzleD1Database,
  scope: OpeningScope,
  recent: RecentOpeningBounds,
): SQL {
  const isReached = gte(count(), recent.maxPerAccount);
  return sql`(${db.select({ isReached }).from(sessions).where(isRecent(scope, recent))})`;
}

/**
 * The condition "the openings of this scope are within `maxPerNetwork` and `maxPerAccount`". One query counts for both.
 *
 * @param compare `lt` before a session is inserted, `lte` after it
 */
export function openingsAreWithinLimits(
  db: DrizzleD1Database,
  scope: OpeningScope,
  recent: RecentOpeningBounds,
  compare: typeof lt | typeof lte,
): SQL {
  const ofNetwork = sql`total(${sessions.network} = ${scope.network})`;
  const isWithin = allOf(compare(ofNetwork, recent.maxPerNetwork), compare(count(), recent.maxPerAccount));
  return sql`(${db.select({ isWithin }).from(sessions).where(isRecent(scope, recent))})`;
}
