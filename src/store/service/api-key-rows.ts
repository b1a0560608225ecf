import { and, asc, count, eq, gt, inArray, isNull, lt, or, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertRowWhereStatement, joinConditionsWithAnd } from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { type ApiKeyRow, apiKeys, challenges, sessions } from "../platform/schema.ts";
import type { AuditEvent } from "./audit.ts";
import type { ResponseToStore } from "./idempotency.ts";
import { type IdempotentWrite, type WriteResult, writeOnce } from "./idempotent-write.ts";

export type ApiKey = ApiKeyRow;

const apiKeyIsLive = (now: Date): SQL | undefined =>
  and(isNull(apiKeys.revokedAt), or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)));

/** Inserts a key unless its realm has `maxLive` valid keys of that name. One batch. */
export function insertApiKeyOnceWithinLimit(
  db: Database,
  key: ApiKeyRow,
  maxLive: number,
  event: AuditEvent,
  response: ResponseToStore | null,
): Promise<WriteResult<ApiKeyRow>> {
  const { realm, name, createdAt } = key;
  const namesakes = (on: DrizzleD1Database) =>
    on
      .select({ keys: count() })
      .from(apiKeys)
      .where(and(eq(apiKeys.realm, realm), eq(apiKeys.name, name), apiKeyIsLive(createdAt)));
  const write: IdempotentWrite = {
    change: (on, isFirstCall) =>
      insertRowWhereStatement(
        on,
        apiKeys,
        key,
        joinConditionsWithAnd(lt(sql`(${namesakes(on)})`, maxLive), isFirstCall),
      ),
    event,
    response,
    read: (on) => selectKey(on, key.id),
  };
  return writeOnce(db, write);
}

/**
 * Marks a key of this realm as revoked and deletes the browser sessions of its challenges. The row stays, so that the
 * list shows it. One batch.
 */
export function revokeApiKey(
  db: Database,
  { id, realm }: Pick<ApiKeyRow, "id" | "realm">,
  now: Date,
  event: AuditEvent,
): Promise<WriteResult<ApiKeyRow>> {
  const write: IdempotentWrite = {
    change: (on) =>
      on
        .update(apiKeys)
        .set({ revokedAt: now })
        .where(and(eq(apiKeys.id, id), eq(apiKeys.realm, realm), isNull(apiKeys.revokedAt))),
    event,
    effects: (on, happened) => {
      const challengeColumn = (column: typeof challenges.id | typeof challenges.userId) =>
        on.select({ value: column }).from(challenges).where(eq(challenges.apiKeyId, id));
      // The condition on the account lets SQLite find the sessions by an index.
      const ofItsChallenges = and(
        inArray(sessions.userId, challengeColumn(challenges.userId)),
        inArray(sessions.challengeId, challengeColumn(challenges.id)),
      );
      return [on.delete(sessions).where(and(ofItsChallenges, happened))];
    },
    response: null,
    read: (on) => selectKey(on, id),
  };
  return writeOnce(db, write);
}

const selectKey = (db: DrizzleD1Database, id: string) => db.select().from(apiKeys).where(eq(apiKeys.id, id));

/** Lists the keys of a realm in the order of their ids, after `afterId`. One trip to the primary. */
export function listApiKeys(
  { primary }: Database,
  realm: string,
  { afterId, limit }: { afterId: string; limit: number },
): Promise<ApiKeyRow[]> {
  return runD1Query(() =>
    primary
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.realm, realm), gt(apiKeys.id, afterId)))
      .orderBy(asc(apiKeys.id))
      .limit(limit),
  );
}

/** Sets `last_used_at` of a key. One trip. */
export async function updateApiKeyLastUsedAt({ primary }: Database, id: string, now: Date): Promise<void> {
  await runD1Query(() => primary.update(apiKeys).set({ lastUsedAt: now }).where(eq(apiKeys.id, id)));
}
