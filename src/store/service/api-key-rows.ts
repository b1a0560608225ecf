import { and, asc, count, eq, gt, inArray, isNull, lt, or, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { every, insertWhere } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import { type ApiKeyRow, apiKeys, challenges, sessions } from "../platform/schema.ts";
import type { AuditEvent } from "./audit.ts";
import type { StoredResponse } from "./idempotency.ts";
import { type Deed, type Done, writeOnce } from "./idempotent-write.ts";

export type ApiKey = ApiKeyRow;

const isLive = (now: Date): SQL | undefined =>
  and(isNull(apiKeys.revokedAt), or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)));

/** Stores a key, unless its realm has `mostLive` living ones of that name. One batch. */
export function insertApiKey(
  db: Database,
  key: ApiKeyRow,
  mostLive: number,
  event: AuditEvent,
  answer: StoredResponse | null,
): Promise<Done<ApiKeyRow>> {
  const { realm, name, createdAt } = key;
  const namesakes = (on: DrizzleD1Database) =>
    on
      .select({ keys: count() })
      .from(apiKeys)
      .where(and(eq(apiKeys.realm, realm), eq(apiKeys.name, name), isLive(createdAt)));
  const deed: Deed = {
    first: (on, unanswered) =>
      insertWhere(on, apiKeys, key, every(lt(sql`(${namesakes(on)})`, mostLive), unanswered)),
    event,
    answer,
    outcome: (on) => selectKey(on, key.id),
  };
  return writeOnce(db, deed);
}

/**
 * Ends a key of this realm, with the browser sessions of the challenges that it has made. It stays in the list until it
 * would have ended. One batch.
 */
export function revokeApiKey(
  db: Database,
  { id, realm }: Pick<ApiKeyRow, "id" | "realm">,
  now: Date,
  event: AuditEvent,
): Promise<Done<ApiKeyRow>> {
  const deed: Deed = {
    first: (on) =>
      on
        .update(apiKeys)
        .set({ revokedAt: now })
        .where(and(eq(apiKeys.id, id), eq(apiKeys.realm, realm), isNull(apiKeys.revokedAt))),
    event,
    effects: (on, happened) => {
      const asked = (column: typeof challenges.id | typeof challenges.userId) =>
        on.select({ value: column }).from(challenges).where(eq(challenges.apiKeyId, id));
      // The accounts are named so that the sessions are found by an index.
      const ofItsChallenges = and(
        inArray(sessions.userId, asked(challenges.userId)),
        inArray(sessions.challengeId, asked(challenges.id)),
      );
      return [on.delete(sessions).where(and(ofItsChallenges, happened))];
    },
    answer: null,
    outcome: (on) => selectKey(on, id),
  };
  return writeOnce(db, deed);
}

const selectKey = (db: DrizzleD1Database, id: string) => db.select().from(apiKeys).where(eq(apiKeys.id, id));

/** Lists the keys of a realm by id, after `afterId`. One trip. */
export function listApiKeys(
  { primary }: Database,
  realm: string,
  { afterId, limit }: { afterId: string; limit: number },
): Promise<ApiKeyRow[]> {
  return reachStore(() =>
    primary
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.realm, realm), gt(apiKeys.id, afterId)))
      .orderBy(asc(apiKeys.id))
      .limit(limit),
  );
}

/** Notes that a key is in use. */
export async function touchApiKey({ primary }: Database, id: string, now: Date): Promise<void> {
  await reachStore(() => primary.update(apiKeys).set({ lastUsedAt: now }).where(eq(apiKeys.id, id)));
}
