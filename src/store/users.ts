import { and, asc, eq, gt, inArray, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { type Database, reachStore } from "./database.ts";
import { type UserRow, users } from "./schema.ts";

export type User = UserRow;

/**
 * Finds the user of a realm that has one of these ids, on the nearest copy and then, because a copy may not have
 * heard of it yet, on the primary.
 */
export async function findUser(db: Database, realm: string, ids: readonly string[]): Promise<User | null> {
  return (await readUser(db.nearest, realm, ids)) ?? (await readUser(db.primary, realm, ids));
}

/** Finds the user of a realm that has one of these ids, as the primary holds it. */
export const findUserOnPrimary = (
  db: Database,
  realm: string,
  ids: readonly string[],
): Promise<User | null> => readUser(db.primary, realm, ids);

async function readUser(db: DrizzleD1Database, realm: string, ids: readonly string[]): Promise<User | null> {
  const [user] = await reachStore(() => db.select().from(users).where(isUser(realm, ids)).limit(1));
  return user ?? null;
}

/** Lists the users of a realm by name, after `afterName`; of them the one of that name, if one is given. One trip. */
export function listUsers(
  { nearest }: Database,
  realm: string,
  { afterName, limit, username }: { afterName: string; limit: number; username: string | null },
): Promise<User[]> {
  const named = username === null ? undefined : eq(users.username, username);
  return reachStore(() =>
    nearest
      .select()
      .from(users)
      .where(and(eq(users.realm, realm), gt(users.username, afterName), named))
      .orderBy(asc(users.username))
      .limit(limit),
  );
}

/** The condition "this row is the user of the realm that has one of these ids" (STANDARDS WB-09). */
export const isUser = (realm: string, ids: readonly string[]): SQL | undefined =>
  and(eq(users.realm, realm), inArray(users.id, [...ids]));

export interface NewUser {
  readonly id: string;
  readonly realm: string;
  readonly username: string;
  readonly email: string | null;
  readonly passwordHash: string | null;
  /** From `store/approvals.ts`. */
  readonly approvalPeriodId: string;
  readonly createdAt: Date;
}
