import { and, eq, inArray, isNotNull, isNull, ne, notExists, or, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { alias } from "drizzle-orm/sqlite-core";
import { previousChangedRow } from "../platform/conditional-insert.ts";
import { sessions, users } from "../platform/schema.ts";
import { type AuditEvent, eventIs, recordEventWhere } from "../service/audit.ts";

/** The name of an account in the realm of an external source. */
export interface ExternalName {
  readonly realm: string;
  /** The subject as the source named it; its canonical form where names are not told apart. */
  readonly username: string;
  /** The canonical form of an exact name. Null: names are not told apart. */
  readonly canonicalName: string | null;
}

/** The condition "no exact name has claimed this account, and its canonical name is this". */
const isUnclaimed = (realm: string, canonical: string) =>
  and(eq(users.realm, realm), eq(users.username, canonical), isNull(users.canonicalName));

/** The condition "the account is of this realm". SQLite does not look for the accounts by it: a realm may have many. */
export const isInRealm = (realm: string): SQL => sql`+${users.realm} = ${realm}`;

/** The condition "the name of this account of the realm has this canonical form": there may be several such accounts. */
export function hasCanonicalName(db: DrizzleD1Database, realm: string, canonical: string): SQL | undefined {
  const ids = () => db.select({ id: users.id }).from(users);
  const exact = and(isInRealm(realm), eq(users.canonicalName, canonical));
  // By their ids: else SQLite reads all of the realm.
  return or(
    inArray(users.id, ids().where(isUnclaimed(realm, canonical))),
    inArray(users.id, ids().where(exact)),
  );
}

/**
 * The id of the account that an external name means, or NULL.
 *
 * An exact name means the account that has it; else the one that no exact name has claimed yet, whose second factor is
 * required of every spelling until then (INC-27). A canonical name means any account whose name has this form. Of several,
 * from a time when names were told apart, a closed one comes first, and then the oldest with a second factor: a new
 * spelling is no way around either.
 */
export function accountNamed(db: DrizzleD1Database, { realm, username, canonicalName }: ExternalName): SQL {
  if (canonicalName !== null) {
    const ids = () => db.select({ id: users.id }).from(users);
    const own = and(eq(users.realm, realm), eq(users.username, username), isNotNull(users.canonicalName));
    return sql`coalesce((${ids().where(own)}), (${ids().where(isUnclaimed(realm, canonicalName))}))`;
  }
  // One query, because D1 takes 100 parameters for a statement, and a statement names the account several times.
  const rank = sql`(${users.disabledAt} IS NULL) * 2 + (NOT ${users.totpEnabled})`;
  const oldest = db
    .select({
      id: users.id,
      first: sql`min((${rank}) * ${sql.raw(String(1e15))} + ${users.createdAt})`.as("first"),
    })
    .from(users)
    .where(hasCanonicalName(db, realm, username))
    .as("oldest");
  // The row of the minimum, or NULL (https://www.sqlite.org/lang_select.html, "bare columns").
  return sql`(${db.select({ id: oldest.id }).from(oldest)})`;
}

/** A subject takes the account that bears its canonical name. */
export interface Claim {
  readonly name: ExternalName & { readonly canonicalName: string };
  readonly email: string | null;
  /** The session that stays. Null: none; the source names the visitor, so the next request opens a new one. */
  readonly keep: string | null;
  readonly event: AuditEvent & { readonly type: "user.updated" };
  readonly now: Date;
}

/**
 * Gives an account that no exact name has claimed the name of this subject. Every other session of the account ends: it
 * may be of another spelling, and that is another account from now on. A closed account is never claimed, so that it
 * stays closed to every spelling.
 *
 * @param allowed the condition under which the subject may have the account. It must not hold for an account with a
 *   second factor that this subject has not shown: a visitor who has the victim's first factor and an account of the
 *   victim's name in another spelling would claim the victim's account with the latter, and meet no second factor with
 *   the former.
 */
export function claimStatements(
  db: DrizzleD1Database,
  { name: { realm, username, canonicalName }, email, keep, event, now }: Claim,
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
      .where(and(isUnclaimed(realm, canonicalName), isNull(users.disabledAt), notExists(namesake), allowed)),
    recordEventWhere(db, event, previousChangedRow, { userId: sql`(${claimed})` }),
    db
      .delete(sessions)
      .where(
        and(
          eq(sessions.userId, claimed),
          keep === null ? undefined : ne(sessions.id, keep),
          eventIs(db, event.id, event.type),
        ),
      ),
  ];
}
