import {
  and,
  eq,
  getTableColumns,
  type InferSelectModel,
  inArray,
  not,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import { type Database, runD1Query } from "../platform/database.ts";
import { auditEvents, type UserRow, users } from "../platform/schema.ts";
import { type AuditEvent, toEventRow } from "../service/audit.ts";
import { accountIsInRealmCondition } from "./external-names.ts";

/** A new account, and its `user.imported` event. */
export interface ImportedUserInput {
  readonly row: UserRow;
  /** The other form in which the id of this user may be stored: with or without the realm in front (`core/parsing/user-id.ts`). The account's own id when there is only one form. */
  readonly alias: string;
  readonly event: AuditEvent;
}

/** Ids and names that existing accounts may have. */
export interface UserIdsAndNames {
  readonly ids: readonly string[];
  readonly usernames: readonly string[];
  /** Names to compare with the column `canonical_name`, which only accounts with an exact name have. */
  readonly canonicalNames: readonly string[];
}

/** Finds the accounts with one of these ids in any realm, or with one of these names in this realm. One trip to the primary. */
export function findUsersWithIdsOrNames(
  { primary }: Database,
  realm: string,
  { ids, usernames, canonicalNames }: UserIdsAndNames,
): Promise<UserRow[]> {
  const named = and(eq(users.realm, realm), isIn(users.username, usernames));
  const claimed = primary
    .select({ id: users.id })
    .from(users)
    .where(and(accountIsInRealmCondition(realm), isIn(users.canonicalName, canonicalNames)));
  return runD1Query(() =>
    primary
      .select()
      .from(users)
      .where(or(isIn(users.id, ids), named, inArray(users.id, claimed))),
  );
}

/**
 * Inserts the accounts whose ids and names are free, each with its event. One batch. No two of them may have the same id or
 * name.
 *
 * @returns the ids of the accounts that were inserted
 */
export async function insertImportedUsersSkippingConflicts(
  { primary }: Database,
  realm: string,
  imports: readonly ImportedUserInput[],
): Promise<ReadonlySet<string>> {
  const keyed = imports.map(({ row, alias, event }) => ({
    row,
    event: toEventRow(event),
    keys: { id: row.id, alias, name: row.username, event: event.id },
  }));
  const events = keyed.map(({ event, keys }) => ({ row: event, keys }));
  const isFree = (key: Key) =>
    not(
      sql`EXISTS ${primary
        .select({ id: users.id })
        .from(users)
        .where(
          or(
            eq(users.id, key("id")),
            and(eq(users.realm, realm), or(eq(users.id, key("alias")), eq(users.username, key("name")))),
          ),
        )}`,
    );
  // Events are inserted first. An account is inserted when its event exists, in the same transaction.
  const isNew = (key: Key) =>
    inArray(
      key("event"),
      primary
        .select({ id: auditEvents.id })
        .from(auditEvents)
        .where(eq(auditEvents.id, key("event"))),
    );
  const [created] = await runD1Query(() =>
    primary.batch([
      insertEachWhere(primary, auditEvents, events, isFree).returning({ userId: auditEvents.userId }),
      insertEachWhere(primary, users, keyed, isNew),
    ]),
  );
  return new Set(created.flatMap(({ userId }) => userId ?? []));
}

/** Returns an SQL expression for one of the `keys` of the entry that is inserted. */
type Key = (name: string) => SQL<string>;

/**
 * Inserts the rows for which `condition` holds. All rows are one bound parameter, a JSON array for `json_each`, because D1
 * allows 100 parameters in a statement.
 */
function insertEachWhere<T extends SQLiteTable>(
  db: DrizzleD1Database,
  table: T,
  entries: readonly { readonly row: InferSelectModel<T>; readonly keys: Readonly<Record<string, string>> }[],
  condition: (key: Key) => SQL,
) {
  const columns = Object.entries(getTableColumns(table));
  const json = entries.map(({ row, keys }) => {
    const values: Record<string, unknown> = row;
    const cells = columns.map(([name, column]) => {
      const value = values[name];
      return value === null || value === undefined ? null : column.mapToDriverValue(value);
    });
    return { cells, keys };
  });
  const cells = columns.map((_, index) => sql`json_extract(entry.value, ${sql.raw(`'$.cells[${index}]'`)})`);
  const key: Key = (name) => sql`json_extract(entry.value, ${sql.raw(`'$.keys.${name}'`)})`;
  return db
    .insert(table)
    .select(
      sql`SELECT ${sql.join(cells, sql`, `)} FROM json_each(${JSON.stringify(json)}) AS entry WHERE ${condition(key)}`,
    );
}

const isIn = (column: SQLiteColumn, values: readonly string[]): SQL =>
  sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;
