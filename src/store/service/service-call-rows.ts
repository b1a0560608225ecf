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

/** What has to be known before a backend's call can be decided. */
export interface CallQuestion {
  /** The realm, if the caller is known; else the id of the key that it shows. */
  readonly caller: { readonly realm: string } | { readonly keyId: string };
  /** The user that the call is about, as the backend names it. */
  readonly userId: string | null;
  /** SHA-256 of the `Idempotency-Key`. */
  readonly keyHash: string | null;
  readonly now: Date;
}

/** What was found. */
export interface CallView {
  readonly apiKey: ApiKeyRow | null;
  readonly user: UserRow | null;
  readonly answer: IdempotencyKeyRow | null;
}

/** Reads key, user and first answer in one query, from the nearest copy or from the primary. */
export async function readCall(
  db: Database,
  from: keyof Database,
  question: CallQuestion,
): Promise<CallView | null> {
  const on = db[from];
  const { caller, userId, keyHash, now } = question;
  const asked = askedRealm(on, caller);
  const [row] = await reachStore(() =>
    on
      .select({ apiKey: apiKeys, user: users, answer: idempotencyKeys })
      .from(asked)
      .leftJoin(apiKeys, eq(apiKeys.id, asked.keyId))
      .leftJoin(
        users,
        userId === null ? isNone(users.id) : and(eq(users.realm, asked.realm), isNamed(asked.realm, userId)),
      )
      .leftJoin(
        idempotencyKeys,
        keyHash === null
          ? isNone(idempotencyKeys.realm)
          : and(
              eq(idempotencyKeys.realm, asked.realm),
              eq(idempotencyKeys.keyHash, keyHash),
              gt(idempotencyKeys.expiresAt, now),
            ),
      )
      .limit(1),
  );
  return row ?? null;
}

function askedRealm(db: DrizzleD1Database, caller: CallQuestion["caller"]) {
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

/** Holds for no row, and asks the index for it: for `ON 0` SQLite reads the whole table. */
const isNone = (key: SQLiteColumn) => sql`${key} = NULL`;

/** As `possibleStoredUserIds` of `core/parsing/user-id.ts`, where the realm is not known before the query. */
const isNamed = (realm: SQL.Aliased<string>, userId: string) => {
  const prefix = sql`(${realm} || ':')`;
  const plain = sql`CASE WHEN substr(${userId}, 1, length(${prefix})) = ${prefix} THEN NULL ELSE ${userId} END`;
  return sql`${users.id} IN (${prefix} || ${userId}, ${plain})`;
};
