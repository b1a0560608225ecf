import { and, eq, exists, getTableColumns, gt, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertRowWhereStatement, joinConditionsWithAnd } from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { type ChallengeRow, challenges, sessions, type UserRow, users } from "../platform/schema.ts";
import type { AuditEvent } from "../service/audit.ts";
import type { ResponseToStore } from "../service/idempotency.ts";
import { type WriteResult, writeOnce } from "../service/idempotent-write.ts";
import type { Session } from "../sessions/session-rows.ts";
import { userOfRealmHasOneOfIdsCondition } from "../users/user-rows.ts";
import {
  accountEnabledAndFailuresBelowLimitCondition,
  apiKeyIsAbsentOrNotRevokedCondition,
  approvalPeriodExpression,
} from "./approvals.ts";

export type Challenge = ChallengeRow;

/** A new challenge for the user of its realm that has one of these ids. */
export interface ChallengeInput extends Omit<Challenge, "userId" | "approvalPeriodId"> {
  readonly userIds: readonly string[];
}

/**
 * Inserts a challenge if its realm has the user and the account is not disabled. One batch.
 *
 * @returns the user in `rows`, also when nothing was inserted
 */
export function insertChallengeForEnabledUserOnce(
  db: Database,
  { userIds, ...challenge }: ChallengeInput,
  event: AuditEvent,
  response: ResponseToStore | null,
): Promise<WriteResult<UserRow>> {
  const { realm } = challenge;
  const userIsNotDisabled = and(userOfRealmHasOneOfIdsCondition(realm, userIds), isNull(users.disabledAt));
  const openAccount = (on: DrizzleD1Database) =>
    on.select({ id: users.id }).from(users).where(userIsNotDisabled);
  return writeOnce(db, {
    change: (on, isFirstCall) => {
      const userId = sql`(${openAccount(on)})`;
      const period = on.select({ period: approvalPeriodExpression }).from(users).where(userIsNotDisabled);
      const row = { ...challenge, userId, approvalPeriodId: sql`(${period})` };
      return insertRowWhereStatement(
        on,
        challenges,
        row,
        joinConditionsWithAnd(exists(openAccount(on)), isFirstCall),
      );
    },
    event,
    lookedUp: { userId: sql`(${openAccount(db.primary)})` },
    response,
    read: (on) => on.select().from(users).where(userOfRealmHasOneOfIdsCondition(realm, userIds)),
  });
}

/** A challenge with the state of its account. */
export interface ChallengeWithAccount extends Challenge {
  readonly username: string;
  readonly totpEnabled: boolean;
}

/**
 * Marks a challenge as opened and inserts its session. Of any number of parallel requests only one succeeds. None does after
 * the account's approvals were voided or the API key was revoked (INC-37). One batch without an earlier read, because a
 * replica may not have a challenge that was created a moment ago.
 *
 * @param session without the columns that come from the challenge: account and end
 * @returns whether this request has opened the challenge, and the challenge or null
 */
export async function markChallengeOpenedAndInsertSession(
  db: Database,
  secretHash: string,
  session: Omit<Session, "userId" | "challengeId" | "expiresAt">,
  event: AuditEvent,
): Promise<{ readonly opened: boolean; readonly view: ChallengeWithAccount | null }> {
  const challengeHasSecret = eq(challenges.secretHash, secretHash);
  const ofChallenge = (value: SQL | (typeof challenges)[keyof ChallengeRow]) =>
    sql`(SELECT ${value} FROM ${challenges} WHERE ${challengeHasSecret})`;
  const openAccount = (on: DrizzleD1Database) =>
    on
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.id, challenges.userId), isNull(users.disabledAt), challengeIsOfCurrentPeriod));
  const row = {
    ...session,
    userId: ofChallenge(challenges.userId),
    challengeId: ofChallenge(challenges.id),
    expiresAt: ofChallenge(challenges.expiresAt),
  };
  const done: WriteResult<ChallengeWithAccount> = await writeOnce(db, {
    change: (on) =>
      on
        .update(challenges)
        .set({ openedAt: event.at })
        .where(
          and(
            challengeHasSecret,
            isNull(challenges.openedAt),
            gt(challenges.expiresAt, event.at),
            exists(openAccount(on)),
            apiKeyIsAbsentOrNotRevokedCondition(on, challenges.apiKeyId),
          ),
        ),
    event,
    lookedUp: {
      realm: ofChallenge(challenges.realm),
      userId: ofChallenge(challenges.userId),
      detail: ofChallenge(sql`json_object('challenge', ${challenges.id})`),
    },
    effects: (on, happened) => [insertRowWhereStatement(on, sessions, row, happened)],
    response: null,
    read: (on) =>
      on
        // D1 returns the rows of a batch as objects with the column names as keys, so no two names may be equal.
        .select({
          ...getTableColumns(challenges),
          username: users.username,
          totpEnabled: users.totpEnabled,
        })
        .from(challenges)
        .innerJoin(users, eq(users.id, challenges.userId))
        .where(challengeHasSecret),
  });
  return { opened: done.happened, view: done.rows[0] ?? null };
}

/** Reads a challenge of the realm from the primary, because its backend asks right after the visitor's browser came back. One trip. */
export async function findChallenge(
  { primary }: Database,
  realm: string,
  id: string,
): Promise<Challenge | null> {
  const [row] = await runD1Query(() =>
    primary
      .select()
      .from(challenges)
      .where(and(eq(challenges.id, id), eq(challenges.realm, realm))),
  );
  return row ?? null;
}

/** The condition "the challenge was created in the account's current approval period". */
const challengeIsOfCurrentPeriod = eq(
  sql`coalesce(${challenges.approvalPeriodId}, '')`,
  approvalPeriodExpression,
);

/**
 * Reads a completed challenge whose approval is still valid, from the primary. Null: it is not completed, or its account was
 * reset, disabled or deleted since, or its API key was revoked (INC-37). One trip.
 */
export async function findChallengeIfApprovalIsValid(
  { primary }: Database,
  realm: string,
  id: string,
  failuresUntilDisabled: number,
): Promise<Challenge | null> {
  const [row] = await runD1Query(() =>
    primary
      .select(getTableColumns(challenges))
      .from(challenges)
      .innerJoin(users, eq(users.id, challenges.userId))
      .where(
        and(
          eq(challenges.id, id),
          eq(challenges.realm, realm),
          isNotNull(challenges.completedAt),
          challengeIsOfCurrentPeriod,
          accountEnabledAndFailuresBelowLimitCondition(failuresUntilDisabled),
          apiKeyIsAbsentOrNotRevokedCondition(primary, challenges.apiKeyId),
        ),
      ),
  );
  return row ?? null;
}
