import { and, asc, eq, gt, inArray, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { type Database, runD1Query } from "../platform/database.ts";
import { type UserRow, users } from "../platform/schema.ts";
import {
  noSecondFactorColumnsExceptLastStep,
  noSecondFactorFailuresColumns,
} from "../second-factor/second-factor-columns.ts";
import { accountHasCanonicalNameCondition } from "./external-names.ts";

export type User = UserRow;

/**
 * Finds the user of a realm that has one of these ids, on the nearest replica, and if it is not there on the primary: a replica
 * may not have a new user yet. One or two trips.
 */
export async function findUserOnReplicaOrPrimary(
  db: Database,
  realm: string,
  ids: readonly string[],
): Promise<User | null> {
  return (await readUser(db.nearest, realm, ids)) ?? (await readUser(db.primary, realm, ids));
}

/** Finds the user of a realm that has one of these ids on the primary. One trip. */
export const findUserOnPrimary = (
  db: Database,
  realm: string,
  ids: readonly string[],
): Promise<User | null> => readUser(db.primary, realm, ids);

async function readUser(db: DrizzleD1Database, realm: string, ids: readonly string[]): Promise<User | null> {
  const [user] = await runD1Query(() =>
    db.select().from(users).where(userOfRealmHasOneOfIdsCondition(realm, ids)).limit(1),
  );
  return user ?? null;
}

/**
 * Lists the users of a realm in the order of their names, after `afterName`.
 *
 * @param username lists only users whose names have this canonical form. Null: all users. One trip to the nearest replica.
 */
export function listUsers(
  { nearest }: Database,
  realm: string,
  { afterName, limit, username }: { afterName: string; limit: number; username: string | null },
): Promise<User[]> {
  const chosen =
    username === null ? eq(users.realm, realm) : accountHasCanonicalNameCondition(nearest, realm, username);
  return runD1Query(() =>
    nearest
      .select()
      .from(users)
      .where(and(chosen, gt(users.username, afterName)))
      .orderBy(asc(users.username))
      .limit(limit),
  );
}

/** The condition "this row is the user of the realm that has one of these ids" (WB-09). */
export const userOfRealmHasOneOfIdsCondition = (realm: string, ids: readonly string[]): SQL | undefined =>
  and(eq(users.realm, realm), inArray(users.id, [...ids]));

/** The columns of a new account that differ from account to account. */
export type NewUserInput = Pick<
  UserRow,
  "id" | "realm" | "username" | "canonicalName" | "email" | "passwordHash" | "createdAt"
> & {
  /** A new id from `generateApprovalPeriodId` (`store/second-factor/approvals.ts`). */
  readonly approvalPeriodId: string;
};

/** Creates the row of a new account, which is not disabled and has no second factor. */
export const newUserRow = (user: NewUserInput): UserRow => ({
  ...user,
  ...noSecondFactorColumnsExceptLastStep,
  ...noSecondFactorFailuresColumns,
  totpLastStep: 0,
  updatedAt: user.createdAt,
  disabledAt: null,
});
