import { and, eq, gt, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { type Database, runD1Query } from "../platform/database.ts";
import {
  type ApiKeyRow,
  apiKeys,
  type IdempotencyKeyRow,
  idempotencyKeys,
  type UserRow,
  users,
} from "../platform/schema.ts";

/** Selects the rows that a call of the service API needs. */
export interface ServiceCallQuery {
  /** The realm, if the caller is known, else the id of the API key that it sent. */
  readonly caller: { readonly realm: string } | { readonly keyId: string };
  /** The user of the call, by the backend's own id. Null: no user. */
  readonly userId: string | null;
  /** SHA-256 of the `Idempotency-Key`. */
  readonly keyHash: string | null;
  readonly now: Date;
}

/** The rows of a call of the service API: its API key, its target user, and the response that its first call got. */
export interface ServiceCallRows {
  readonly apiKey: ApiKeyRow | null;
  readonly user: UserRow | null;
  readonly storedResponse: IdempotencyKeyRow | null;
}

/**
 * Finds the API key, the target user and the stored response of a call of the service API, in one query to the nearest read
 * replica or to the primary. Null: D1 does not have the API key.
 */
export async function findServiceCallRows(
  db: Database,
  from: keyof Database,
  query: ServiceCallQuery,
): Promise<ServiceCallRows | null> {
  const on = db[from];
  const { caller, userId, keyHash, now } = query;
  const call = selectRealm(on, caller);
  const [row] = await runD1Query(() =>
    on
      .select({ apiKey: apiKeys, user: users, storedResponse: idempotencyKeys })
      .from(call)
      .leftJoin(apiKeys, eq(apiKeys.id, call.keyId))
      .leftJoin(
        users,
        userId === null
          ? neverTrue(users.id)
          : and(eq(users.realm, call.realm), userIsNamed(call.realm, userId)),
      )
      .leftJoin(
        idempotencyKeys,
        keyHash === null
          ? neverTrue(idempotencyKeys.realm)
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

function selectRealm(db: DrizzleD1Database, caller: ServiceCallQuery["caller"]) {
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

/** The condition that is false for every row. It uses the index of `key`: for `ON 0` SQLite would read the whole table. */
const neverTrue = (key: SQLiteColumn) => sql`${key} = NULL`;

/**
 * The condition "the user has one of the row ids that `userId` may stand for". These are the ids of `listPossibleStoredUserIds`
 * (`core/parsing/user-id.ts`), computed in SQL because the realm is not known before the query.
 */
const userIsNamed = (realm: SQL.Aliased<string>, userId: string) => {
  const prefix = sql`(${realm} || ':')`;
  const plain = sql`CASE WHEN substr(${userId}, 1, length(${prefix})) = ${prefix} THEN NULL ELSE ${userId} END`;
  return sql`${users.id} IN (${prefix} || ${userId}, ${plain})`;
};
