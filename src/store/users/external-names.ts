import { and, eq, inArray, isNotNull, isNull, ne, notExists, or, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { alias } from "drizzle-orm/sqlite-core";
import { previousStatementChangedOneRowCondition } from "../platform/conditional-insert.ts";
import { sessions, users } from "../platform/schema.ts";
import { type AuditEvent, eventHasTypeCondition, insertEventWhereStatement } from "../service/audit.ts";

/** The name of an account in the realm of an external source. */
export interface ExternalExactOrCanonicalName {
  readonly realm: string;
  /** The subject as the source named it, or its canonical form with `EXTERNAL_NAMES=canonical`. */
  readonly username: string;
  /** The canonical form of an exact name. Null with `EXTERNAL_NAMES=canonical`. */
  readonly canonicalName: string | null;
}

/** The condition "no exact name has claimed this account, and its canonical name is this". */
const accountIsUnclaimed = (realm: string, canonical: string) =>
  and(eq(users.realm, realm), eq(users.username, canonical), isNull(users.canonicalName));

/** The condition "the account is of this realm". The plus sign keeps SQLite from using the index of the realm, which may be large. */
export const accountIsInRealmCondition = (realm: string): SQL => sql`+${users.realm} = ${realm}`;

/**
 * The condition "the name of this account of the realm has this canonical form", for claimed and unclaimed accounts. Several
 * accounts may meet it.
 */
export function accountHasCanonicalNameCondition(
  db: DrizzleD1Database,
  realm: string,
  canonical: string,
): SQL | undefined {
  const ids = () => db.select({ id: users.id }).from(users);
  const exact = and(accountIsInRealmCondition(realm), eq(users.canonicalName, canonical));
  // Subqueries for the ids, because otherwise SQLite would read the whole realm.
  return or(
    inArray(users.id, ids().where(accountIsUnclaimed(realm, canonical))),
    inArray(users.id, ids().where(exact)),
  );
}

/**
 * A subquery for the id of the account that an external name belongs to, or NULL.
 *
 * For an exact name it is the account with this name, else the account that no exact name has claimed yet. That account's second
 * factor is required for every spelling until it is claimed (INC-27). For a canonical name it is an account whose name has this
 * canonical form. There may be several from a time with exact names: then a disabled one comes first, and next the oldest
 * with a second factor, so that a new spelling does not avoid either.
 */
export function externalAccountIdSubquery(
  db: DrizzleD1Database,
  { realm, username, canonicalName }: ExternalExactOrCanonicalName,
): SQL {
  if (canonicalName !== null) {
    const ids = () => db.select({ id: users.id }).from(users);
    const own = and(eq(users.realm, realm), eq(users.username, username), isNotNull(users.canonicalName));
    return sql`coalesce((${ids().where(own)}), (${ids().where(accountIsUnclaimed(realm, canonicalName))}))`;
  }
  // One subquery with few parameters, instead of one for each rank: D1 allows 100 parameters in a statement, and a statement
  // contains this subquery several times. The disabled account has the lowest rank, and is returned first.
  const rank = sql`(${users.disabledAt} IS NULL) * 2 + (NOT ${users.totpEnabled})`;
  const oldest = db
    .select({
      id: users.id,
      first: sql`min((${rank}) * ${sql.raw(String(1e15))} + ${users.createdAt})`.as("first"),
    })
    .from(users)
    .where(accountHasCanonicalNameCondition(db, realm, username))
    .as("oldest");
  // The row of the minimum, or NULL (https://www.sqlite.org/lang_select.html, "bare columns").
  return sql`(${db.select({ id: oldest.id }).from(oldest)})`;
}

/** The claim of an account by the exact name of a subject that has the account's canonical name. */
export interface ClaimAccountInput {
  readonly name: ExternalExactOrCanonicalName & { readonly canonicalName: string };
  readonly email: string | null;
  /** The id of the session that stays. Null: none stays, and the next request opens a new one. */
  readonly keep: string | null;
  readonly event: AuditEvent & { readonly type: "user.updated" };
  readonly now: Date;
}

/**
 * Returns the statements that give an unclaimed account the exact name of this subject. Every other session of the account is
 * deleted: it may belong to another spelling, which is another account from now on. A disabled account is never claimed, so
 * that it stays disabled for every spelling.
 *
 * @param allowed the condition under which the subject may claim the account. It must not hold for an account with a second
 *   factor that this subject has not shown. Otherwise an attacker with the victim's first factor and an own account of the
 *   victim's name in another spelling could claim the victim's account with the own one. The victim's spelling would then be
 *   a new account without a second factor.
 */
export function claimAccountStatements(
  db: DrizzleD1Database,
  { name: { realm, username, canonicalName }, email, keep, event, now }: ClaimAccountInput,
  allowed: SQL,
): BatchItem<"sqlite">[] {
  const namesakes = alias(users, "namesakes");
  const namesake = db
    .select({ id: namesakes.id })
    .from(namesakes)
    .where(and(eq(namesakes.realm, realm), eq(namesakes.username, username), ne(namesakes.id, users.id)));
  const claimed = db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.realm, realm), eq(users.username, username)));
  return [
    db
      .update(users)
      .set({ username, canonicalName, email, updatedAt: now })
      .where(
        and(accountIsUnclaimed(realm, canonicalName), isNull(users.disabledAt), notExists(namesake), allowed),
      ),
    insertEventWhereStatement(db, event, previousStatementChangedOneRowCondition, {
      userId: sql`(${claimed})`,
    }),
    db
      .delete(sessions)
      .where(
        and(
          eq(sessions.userId, claimed),
          keep === null ? undefined : ne(sessions.id, keep),
          eventHasTypeCondition(db, event.id, event.type),
        ),
      ),
  ];
}
