import { and, eq, exists, getTableColumns, inArray, isNull, ne, not, or, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { alias } from "drizzle-orm/sqlite-core";
import { insertRowWhereStatement, joinConditionsWithAnd } from "../platform/conditional-insert.ts";
import type { Database } from "../platform/database.ts";
import { challenges, sessions, throttles, type UserRow, users } from "../platform/schema.ts";
import { generateApprovalPeriodId } from "../second-factor/approvals.ts";
import {
  noSecondFactorColumnsExceptLastStep,
  noSecondFactorFailuresColumns,
} from "../second-factor/second-factor-columns.ts";
import {
  incrementCounterWhereStatement,
  noCounterBlocksCondition,
  type ThrottleCounter,
} from "../sessions/throttles.ts";
import { userOfRealmHasOneOfIdsCondition } from "../users/user-rows.ts";
import type { AuditEvent } from "./audit.ts";
import type { ResponseToStore } from "./idempotency.ts";
import { type WriteResult, writeOnce } from "./idempotent-write.ts";

/**
 * What every write to an account has, whatever it changes: its audit event, the response to store for a retry, and its time.
 * The account and the change are other parameters. `response` is null for a call without an `Idempotency-Key`.
 */
export interface UserWriteEventAndResponseInput {
  readonly event: AuditEvent;
  readonly response: ResponseToStore | null;
  readonly now: Date;
}

/** Names the user of a realm: at most one row has one of the ids. */
export interface UserRealmAndPossibleIds {
  readonly realm: string;
  readonly ids: readonly string[];
}

/** Inserts the account unless one of the ids or the name is taken in its realm. One batch. */
export function insertUserOnce(
  db: Database,
  { realm, ids }: UserRealmAndPossibleIds,
  row: UserRow,
  { event, response }: UserWriteEventAndResponseInput,
): Promise<WriteResult<UserRow>> {
  const taken = (on: DrizzleD1Database) =>
    exists(
      on
        .select({ id: users.id })
        .from(users)
        .where(
          or(
            userOfRealmHasOneOfIdsCondition(realm, ids),
            and(eq(users.realm, realm), eq(users.username, row.username)),
          ),
        ),
    );
  return writeOnce(db, {
    change: (on, isFirstCall) =>
      insertRowWhereStatement(on, users, row, joinConditionsWithAnd(not(taken(on)), isFirstCall)),
    event,
    response,
    read: (on) => on.select().from(users).where(userOfRealmHasOneOfIdsCondition(realm, ids)),
  });
}

/** The columns of an account that the API may change. */
export type UserChanges = Partial<
  Pick<UserRow, "username" | "canonicalName" | "email" | "passwordHash" | "disabledAt">
>;

/**
 * Updates an account unless another account of its realm has the name. A new password or disabling deletes all sessions
 * (SE-11), and disabling voids the account's approvals (INC-37). One batch.
 */
export function updateUserOnce(
  db: Database,
  { realm, ids }: UserRealmAndPossibleIds,
  changes: UserChanges,
  { event, response, now }: UserWriteEventAndResponseInput,
): Promise<WriteResult<UserRow>> {
  const { username, passwordHash, disabledAt } = changes;
  const others = alias(users, "others");
  const namesake = (on: DrizzleD1Database, name: string) =>
    on
      .select({ id: others.id })
      .from(others)
      .where(and(eq(others.realm, realm), eq(others.username, name), ne(others.id, users.id)));
  const isDisabled = disabledAt !== undefined && disabledAt !== null;
  const endsSessions = passwordHash !== undefined || isDisabled;
  const voidsApprovals = isDisabled ? { approvalPeriodId: generateApprovalPeriodId() } : {};
  return writeOnce(db, {
    change: (on, isFirstCall) =>
      on
        .update(users)
        .set({ ...changes, ...voidsApprovals, updatedAt: now })
        .where(
          and(
            userOfRealmHasOneOfIdsCondition(realm, ids),
            username === undefined ? undefined : not(exists(namesake(on, username))),
            isFirstCall,
          ),
        ),
    event,
    effects: (on, happened) => (endsSessions ? [endSessions(on, realm, ids, happened)] : []),
    response,
    read: (on) => on.select().from(users).where(userOfRealmHasOneOfIdsCondition(realm, ids)),
  });
}

/** Deletes an account with its sessions and challenges. Its audit events stay. One batch. */
export function deleteUserOnce(
  db: Database,
  { realm, ids }: UserRealmAndPossibleIds,
  { event }: UserWriteEventAndResponseInput,
): Promise<WriteResult<UserRow>> {
  // Sessions have no realm, so they are found by the account, which is deleted last.
  const own = (on: DrizzleD1Database) => accountIds(on, realm, ids);
  return writeOnce(db, {
    change: (on) =>
      on
        .update(users)
        .set({ disabledAt: sql`coalesce(${users.disabledAt}, ${event.at.getTime()})` })
        .where(userOfRealmHasOneOfIdsCondition(realm, ids)),
    event,
    effects: (on, happened) => [
      endSessions(on, realm, ids, happened),
      on.delete(challenges).where(and(inArray(challenges.userId, own(on)), happened)),
      on.delete(users).where(and(userOfRealmHasOneOfIdsCondition(realm, ids), happened)),
    ],
    response: null,
    read: (on) => on.select().from(users).where(userOfRealmHasOneOfIdsCondition(realm, ids)),
  });
}

/**
 * Removes the second factor of an account that has one, voids the approvals that it gave, and ends all sessions (EN-08, EN-12,
 * INC-37). The failures stay. One batch.
 */
export const removeSecondFactorKeepingFailuresOnce = (
  db: Database,
  ref: UserRealmAndPossibleIds,
  write: UserWriteEventAndResponseInput,
): Promise<WriteResult<UserRow>> =>
  writeSecondFactorOff(db, ref, write, {
    columns: noSecondFactorColumnsExceptLastStep,
    condition: eq(users.totpEnabled, true),
  });

/** Removes the second factor, if there is one, and the failures. Otherwise as {@link removeSecondFactorKeepingFailuresOnce}. One batch. */
export const resetSecondFactorAndFailuresOnce = (
  db: Database,
  ref: UserRealmAndPossibleIds,
  write: UserWriteEventAndResponseInput,
): Promise<WriteResult<UserRow>> =>
  writeSecondFactorOff(db, ref, write, {
    columns: { ...noSecondFactorColumnsExceptLastStep, ...noSecondFactorFailuresColumns },
    condition: undefined,
  });

function writeSecondFactorOff(
  db: Database,
  { realm, ids }: UserRealmAndPossibleIds,
  { event, response, now }: UserWriteEventAndResponseInput,
  {
    columns,
    condition,
  }: { readonly columns: Partial<typeof users.$inferInsert>; readonly condition: SQL | undefined },
): Promise<WriteResult<UserRow>> {
  return writeOnce(db, {
    change: (on, isFirstCall) =>
      on
        .update(users)
        .set({ ...columns, approvalPeriodId: generateApprovalPeriodId(), updatedAt: now })
        .where(and(userOfRealmHasOneOfIdsCondition(realm, ids), condition, isFirstCall)),
    event,
    effects: (on, happened) => [endSessions(on, realm, ids, happened)],
    response,
    read: (on) => on.select().from(users).where(userOfRealmHasOneOfIdsCondition(realm, ids)),
  });
}

/** Resets the failures, so that the second factor works again. One batch. */
export function clearSecondFactorFailuresOnce(
  db: Database,
  { realm, ids }: UserRealmAndPossibleIds,
  { event, response, now }: UserWriteEventAndResponseInput,
): Promise<WriteResult<UserRow>> {
  return writeOnce(db, {
    change: (on, isFirstCall) =>
      on
        .update(users)
        .set({ ...noSecondFactorFailuresColumns, updatedAt: now })
        .where(and(userOfRealmHasOneOfIdsCondition(realm, ids), isFirstCall)),
    event,
    response,
    read: (on) => on.select().from(users).where(userOfRealmHasOneOfIdsCondition(realm, ids)),
  });
}

/** An account, and the time until which it may start no enrolment. */
export type UserWithSetupBlock = UserRow & { readonly setupBlockedUntil: Date | null };

/**
 * Stores a pending secret for an account without a second factor, and counts the enrolment (EN-04, EN-05). While the counter
 * blocks, nothing changes (TH-07). One batch.
 */
export function startEnrolmentOnce(
  db: Database,
  { realm, ids }: UserRealmAndPossibleIds,
  pending: { readonly secretEnvelope: string; readonly expiresAt: Date; readonly counter: ThrottleCounter },
  { event, response, now }: UserWriteEventAndResponseInput,
): Promise<WriteResult<UserWithSetupBlock>> {
  const { counter, secretEnvelope, expiresAt } = pending;
  return writeOnce(db, {
    change: (on, isFirstCall) =>
      on
        .update(users)
        .set({ totpPendingSecret: secretEnvelope, totpPendingExpiresAt: expiresAt })
        .where(
          and(
            userOfRealmHasOneOfIdsCondition(realm, ids),
            eq(users.totpEnabled, false),
            isNull(users.disabledAt),
            noCounterBlocksCondition(on, [counter], now),
            isFirstCall,
          ),
        ),
    event,
    effects: (on, happened) => [incrementCounterWhereStatement(on, counter, now, happened)],
    response,
    read: (on) => {
      const blocked = on
        .select({ until: throttles.blockedUntil })
        .from(throttles)
        .where(eq(throttles.key, counter.key));
      const setupBlockedUntil = sql`(${blocked})`.mapWith(throttles.blockedUntil).as("setup_blocked_until");
      return on
        .select({ ...getTableColumns(users), setupBlockedUntil })
        .from(users)
        .where(userOfRealmHasOneOfIdsCondition(realm, ids));
    },
  });
}

const accountIds = (db: DrizzleD1Database, realm: string, ids: readonly string[]) =>
  db.select({ id: users.id }).from(users).where(userOfRealmHasOneOfIdsCondition(realm, ids));

const endSessions = (db: DrizzleD1Database, realm: string, ids: readonly string[], happened: SQL) =>
  db.delete(sessions).where(and(inArray(sessions.userId, accountIds(db, realm, ids)), happened));

/** Deletes one session of an account of the realm, or all of them. One batch. */
export function endSessionsOnce(
  db: Database,
  { realm, ids }: UserRealmAndPossibleIds,
  sessionId: string | null,
  { event }: UserWriteEventAndResponseInput,
): Promise<WriteResult<{ id: string }>> {
  return writeOnce(db, {
    change: (on) =>
      on
        .delete(sessions)
        .where(
          and(
            inArray(sessions.userId, accountIds(on, realm, ids)),
            sessionId === null ? undefined : eq(sessions.id, sessionId),
          ),
        ),
    event,
    response: null,
    read: (on) => on.select({ id: users.id }).from(users).where(userOfRealmHasOneOfIdsCondition(realm, ids)),
  });
}
