import { type AuditEvent, recordEventWhere } from "./audit.ts";
import { previousChangedRow } from "./conditional.ts";
import { type Database, reachStore } from "./database.ts";
import { type UserRow, users } from "./schema.ts";

export type User = UserRow;

export interface NewUser {
  readonly id: string;
  readonly realm: string;
  readonly username: string;
  readonly email: string | null;
  readonly passwordHash: string | null;
  readonly createdAt: Date;
}

/**
 * Creates an account, and the record of it, in one batch.
 *
 * @returns the account, or null when the realm has one of that name
 */
export async function insertUser(db: Database, user: NewUser, event: AuditEvent): Promise<User | null> {
  const { primary } = db;
  const [created] = await reachStore(() =>
    primary.batch([
      primary
        .insert(users)
        .values({ ...user, updatedAt: user.createdAt })
        .onConflictDoNothing({ target: [users.realm, users.username] })
        .returning(),
      recordEventWhere(primary, event, previousChangedRow),
    ]),
  );
  return created[0] ?? null;
}
