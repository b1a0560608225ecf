import { and, eq, gt, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { type Database, reachStore } from "../platform/database.ts";
import {
  type ApiKeyRow,
  apiKeys,
  type IdempotencyKeyRow,
  idempotencyKeys,
  type UserRow,
  users,
} from "../platform/schema.ts";

/** Which rows a backend's call needs. */
export interface CallQuery {
  /** The realm, if the caller is known, else the id of the API key that it sent. */
  readonly caller: { readonly realm: string } | { readonly keyId: string };
  /** The user of the call, by the backend's own id. Null: no user. */
  readonly userId: string | null;
  /** SHA-256 of the `Idempotency-Key`. */
  readonly keyHash: string | null;
  readonly now: Date;
}

/** The rows that {@link readCall} found for a call of the service API. */
export interface CallView {
  readonly apiKey: ApiKeyRow | null;
  readonly user: UserRow | null;
  readonly answer: IdempotencyKeyRow | null;
}

/** Reads API key, user and stored response in one query, from the nearest replica or from the primary. Null: unknown key. */
export async function readCall(
  db: Database,
  from: keyof Database,
  query: CallQuery,
): Promise<CallView | null> {
  const on = db[from];
  const { caller, userId, keyHash, now } = query;
  const call = selectRealm(on, caller);
  const [row] = await reachStore(() =>
    on
      .select({ apiKey: apiKeys, user: users, answer: idempotencyKeys })
      .from(call)
      .leftJoin(apiKeys, eq(apiKeys.id, call.keyId))
      .leftJoin(
        users,
        userId === null ? isNone(users.id) : and(eq(users.realm, call.realm), isNamed(call.realm, userId)),
      )
      .leftJoin(
        idempotencyKeys,
        keyHash === null
          ? isNone(idempotencyKeys.realm)
          : and(
              eq(idempotencyKeys.realm, call.realm),
              eq(idempotencyKeys.keyHash, keyHash),
              gt(idempotencyKeys.expiresAt, now),
            ),
      )
      .limit(1),
  );
  return row ?? null;
}

function selectRealm(db: DrizzleD1Database, caller: CallQuery["caller"]) {
  if ("realm" in caller) {
    return db
      .select({
        realm: sql<string>`${caller.realm}`.as("asked_realm"),
        keyId: sql<string>`''`.as("asked_key_id"),
      })
      .from(sql`(SELECT 1)`)
      .as("asked");
  }
  return db
    .select({
      realm: sql<string>`${apiKeys.realm}`.as("asked_realm"),
      keyId: sql<string>`${apiKeys.id}`.as("asked_key_id"),
    })
    .from(apiKeys)
    .where(eq(apiKeys.id, caller.keyId))
    .as("asked");
}

/** Holds for no row, and uses the index: for `ON 0` SQLite would read the whole table. */
const isNone = (key: SQLiteColumn) => sql`${key} = NULL`;

/**
 * The condition "the row is the user that the caller names with this id". It has the ids of `possibleStoredUserIds`
 * (`core/parsing/user-id.ts`) in SQL, because the realm is not known before the query.
 */
const isNamed = (realm: SQL.Aliased<string>, userId: string) => {
  const prefix = sql`(${realm} || ':')`;
  const plain = sql`CASE WHEN substr(${userId}, 1, length(${prefix})) = ${prefix} THEN NULL ELSE ${userId} END`;
  return sql`${users.id} IN (${prefix} || ${userId}, ${plain})`;
};
