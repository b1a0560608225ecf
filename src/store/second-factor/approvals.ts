import { and, eq, isNotNull, isNull, lt, notExists, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { apiKeys, users } from "../platform/schema.ts";

/**
 * Draws the id of an account's approval period. A reset, a disabling of the second factor or of the account begins a new
 * period, and what was approved in an earlier one is void (INC-37): its receipt is given no more.
 *
 * An id and no time, because clocks of two locations differ; a random one, because an account that is deleted and created
 * again under its old id must not have the old period.
 */
export const generateApprovalPeriodId = (): string => crypto.randomUUID();

/** The approval period of an account. Rows that are older than the column have an empty one. */
export const approvalPeriod = sql`coalesce(${users.approvalPeriodId}, '')`;

/** A subquery for the approval period of the account with this id. */
export const approvalPeriodOf = (db: DrizzleD1Database, userId: string): SQL =>
  sql`(${db.select({ period: approvalPeriod }).from(users).where(eq(users.id, userId))})`;

/** The condition "this API key is not revoked". It holds for NULL: the call came with `ADMIN_KEY`. */
export const apiKeyIsNotRevoked = (db: DrizzleD1Database, apiKeyId: SQLiteColumn | string): SQL =>
  notExists(
    db
      .select({ id: apiKeys.id })
      .from(apiKeys)
      .where(and(eq(apiKeys.id, apiKeyId), isNotNull(apiKeys.revokedAt))),
  );

/** The condition "the account can approve": it is not disabled, and failures have not disabled its second factor. */
export const accountCanApprove = (failuresUntilDisabled: number): SQL | undefined =>
  and(isNull(users.disabledAt), lt(users.secondFactorFailures, failuresUntilDisabled));
