import { and, eq, isNotNull, isNull, lt, notExists, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { apiKeys, users } from "../platform/schema.ts";

/**
 * Generates the id of an account's approval period. A reset, or disabling the second factor or the account, starts a new
 * period. Approvals of an earlier period are void (INC-37): no receipt is issued for them.
 *
 * It is an id and not a time, because the clocks of two locations differ. It is random, because an account that is deleted and
 * created again with the same id must not have the old period.
 */
export const generateApprovalPeriodId = (): string => crypto.randomUUID();

/** The id of an account's approval period. Empty for rows that are older than the column. */
export const approvalPeriodExpression = sql`coalesce(${users.approvalPeriodId}, '')`;

/** A subquery for the id of the approval period that the account with this id is in. */
export const approvalPeriodSubquery = (db: DrizzleD1Database, userId: string): SQL =>
  sql`(${db.select({ period: approvalPeriodExpression }).from(users).where(eq(users.id, userId))})`;

/**
 * The condition "no revoked API key has this id". So it holds for NULL too: then the call came with `ADMIN_KEY`, or the row is
 * older than the column.
 */
export const apiKeyIsAbsentOrNotRevokedCondition = (
  db: DrizzleD1Database,
  apiKeyId: SQLiteColumn | string,
): SQL =>
  notExists(
    db
      .select({ id: apiKeys.id })
      .from(apiKeys)
      .where(and(eq(apiKeys.id, apiKeyId), isNotNull(apiKeys.revokedAt))),
  );

/**
 * The SQL condition "the account is not disabled, and failures have not disabled its second factor". Approvals of other
 * accounts are void.
 */
export const accountEnabledAndFailuresBelowLimitCondition = (
  failuresUntilDisabled: number,
): SQL | undefined => and(isNull(users.disabledAt), lt(users.secondFactorFailures, failuresUntilDisabled));
