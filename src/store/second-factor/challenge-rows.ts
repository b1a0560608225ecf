import { and, eq, exists, getTableColumns, gt, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { every, insertWhere } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import { type ChallengeRow, challenges, sessions, type UserRow, users } from "../platform/schema.ts";
import type { AuditEvent } from "../service/audit.ts";
import type { StoredResponse } from "../service/idempotency.ts";
import { type Done, writeOnce } from "../service/idempotent-write.ts";
import type { Session } from "../sessions/session-rows.ts";
import { isUser } from "../users/user-rows.ts";
import { accountCanApprove, apiKeyStands, approvalPeriod } from "./approvals.ts";

export type Challenge = ChallengeRow;

/** A challenge for a user of its realm, who has one of these ids in the store. */
export interface ChallengeInput extends Omit<Challenge, "userId" | "approvalPeriodId"> {
  readonly userIds: readonly string[];
}

/**
 * Stores a challenge, if its realm has the user and the account is not disabled. One batch, with nothing read before.
 *
 * @returns also the user, whatever came of it
 */
export function insertChallenge(
  db: Database,
  { userIds, ...challenge }: ChallengeInput,
  event: AuditEvent,
  answer: StoredResponse | null,
): Promise<Done<UserRow>> {
  const { realm } = challenge;
  const isOpenAccount = and(isUser(realm, userIds), isNull(users.disabledAt));
  const openAccount = (on: DrizzleD1Database) => on.select({ id: users.id }).from(users).where(isOpenAccount);
  return writeOnce(db, {
    first: (on, unanswered) => {
      const userId = sql`(${openAccount(on)})`;
      const period = on.select({ period: approvalPeriod }).from(users).where(isOpenAccount);
      const row = { ...challenge, userId, approvalPeriodId: sql`(${period})` };
      return insertWhere(on, challenges, row, every(exists(openAccount(on)), unanswered));
    },
    event,
    lookedUp: { userId: sql`(${openAccount(db.primary)})` },
    answer,
    outcome: (on) => on.select().from(users).where(isUser(realm, userIds)),
  });
}

/** A challenge, and what has to be known of the account that it is for. */
export interface ChallengeView extends Challenge {
  readonly username: string;
  readonly totpEnabled: boolean;
}

/**
 * Opens the one-time address of a challenge: of any number of requests one does, and for this one there is the
 * session. None does after its approval was voided, or its API key revoked (INC-37). One batch, with nothing read before: a copy would hardly know a challenge that was made a moment ago.
 *
 * @param session without what the challenge says: whose it is, and how long it lives
 * @returns whether this request has opened it, and the challenge, if there is one
 */
export async function openChallenge(
  db: Database,
  secretHash: string,
  session: Omit<Session, "userId" | "challengeId" | "expiresAt">,
  event: AuditEvent,
): Promise<{ readonly opened: boolean; readonly view: ChallengeView | null }> {
  const isMeant = eq(challenges.secretHash, secretHash);
  const meant = (value: SQL | (typeof challenges)[keyof ChallengeRow]) =>
    sql`(SELECT ${value} FROM ${challenges} WHERE ${isMeant})`;
  const openAccount = (on: DrizzleD1Database) =>
    on
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.id, challenges.userId), isNull(users.disabledAt), isOfThisPeriod));
  const row = {
    ...session,
    userId: meant(challenges.userId),
    challengeId: meant(challenges.id),
    expiresAt: meant(challenges.expiresAt),
  };
  const done: Done<ChallengeView> = await writeOnce(db, {
    first: (on) =>
      on
        .update(challenges)
        .set({ openedAt: event.at })
        .where(
          and(
            isMeant,
            isNull(challenges.openedAt),
            gt(challenges.expiresAt, event.at),
            exists(openAccount(on)),
            apiKeyStands(on, challenges.apiKeyId),
          ),
        ),
    event,
    lookedUp: {
      realm: meant(challenges.realm),
      userId: meant(challenges.userId),
      detail: meant(sql`json_object('challenge', ${challenges.id})`),
    },
    effects: (on, happened) => [insertWhere(on, sessions, row, happened)],
    answer: null,
    outcome: (on) =>
      on
        // A batch tells columns by their names alone: no two may have the same.
        .select({
          ...getTableColumns(challenges),
          username: users.username,
          totpEnabled: users.totpEnabled,
        })
        .from(challenges)
        .innerJoin(users, eq(users.id, challenges.userId))
        .where(isMeant),
  });
  return { opened: done.happened, view: done.rows[0] ?? null };
}

/** Reads a challenge of the realm on the primary: who asks has just heard that something has happened. One trip. */
export async function findChallenge(
  { primary }: Database,
  realm: string,
  id: string,
): Promise<Challenge | null> {
  const [row] = await reachStore(() =>
    primary
      .select()
      .from(challenges)
      .where(and(eq(challenges.id, id), eq(challenges.realm, realm))),
  );
  return row ?? null;
}

/** The condition "the challenge was made in the account's present approval period". */
const isOfThisPeriod = eq(sql`coalesce(${challenges.approvalPeriodId}, '')`, approvalPeriod);

/**
 * Reads a challenge that is completed and whose approval still stands on the primary. Null: it is not completed, or its
 * account was reset, disabled or deleted since, or its API key revoked (INC-37). One trip.
 */
export async function findStandingApproval(
  { primary }: Database,
  realm: string,
  id: string,
  failuresUntilDisabled: number,
): Promise<Challenge | null> {
  const [row] = await reachStore(() =>
    primary
      .select(getTableColumns(challenges))
      .from(challenges)
      .innerJoin(users, eq(users.id, challenges.userId))
      .where(
        and(
          eq(challenges.id, id),
          eq(challenges.realm, realm),
          isNotNull(challenges.completedAt),
          isOfThisPeriod,
          accountCanApprove(failuresUntilDisabled),
          apiKeyStands(primary, challenges.apiKeyId),
        ),
      ),
  );
  return row ?? null;
}
