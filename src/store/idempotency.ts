import { and, eq, exists, gt, not, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere } from "./conditional.ts";
import { type Database, reachStore } from "./database.ts";
import { type IdempotencyKeyRow, idempotencyKeys } from "./schema.ts";

/** Where the first answer to a call is kept: each realm has its own keys. */
export interface AnswerPlace {
  readonly realm: string;
  /** SHA-256 of the caller's `Idempotency-Key`. */
  readonly keyHash: string;
}

/** An answer that is kept in the batch that decides it, so that a retry gets the same one. */
export interface KeptAnswer extends AnswerPlace {
  readonly requestHash: string;
  /** The key that asked. Null: `ADMIN_KEY`. */
  readonly apiKeyId: string | null;
  /** Envelope (`domain/kept-answer.ts`). */
  readonly envelope: string;
  readonly now: Date;
  readonly expiresAt: Date;
}

/** The condition "this call was answered already". Never, for a call whose answer isn't kept. */
export function isAnswered(db: DrizzleD1Database, place: (AnswerPlace & { readonly now: Date }) | null): SQL {
  if (place === null) return sql`0`;
  return exists(
    db
      .select({ realm: idempotencyKeys.realm })
      .from(idempotencyKeys)
      .where(and(isAt(place), gt(idempotencyKeys.expiresAt, place.now))),
  );
}

/** The condition "this call was not answered yet". */
export const isUnanswered = (db: DrizzleD1Database, kept: KeptAnswer | null): SQL =>
  not(isAnswered(db, kept));

/**
 * Keeps the answer if `condition` holds. An older one under the same key has ended, or the call was not decided.
 *
 * @param approvalPeriodId of the account, looked up, for the answer to a code that was accepted (`store/approvals.ts`)
 */
export function keepAnswerWhere(
  db: DrizzleD1Database,
  kept: KeptAnswer | null,
  condition: SQL,
  approvalPeriodId: SQL | null = null,
): BatchItem<"sqlite">[] {
  if (kept === null) return [];
  const { realm, keyHash, requestHash, apiKeyId, envelope, expiresAt } = kept;
  const row = { realm, keyHash, requestHash, apiKeyId, approvalPeriodId, answer: envelope, expiresAt };
  return [
    insertWhere(db, idempotencyKeys, row, condition).onConflictDoUpdate({
      target: [idempotencyKeys.realm, idempotencyKeys.keyHash],
      set: { requestHash, apiKeyId, approvalPeriodId, answer: envelope, expiresAt },
    }),
  ];
}

/** Reads the answer that is kept there. Null: none is, or it has ended. One trip to the primary. */
export async function findAnswer(
  { primary }: Database,
  place: AnswerPlace,
  now: Date,
): Promise<IdempotencyKeyRow | null> {
  const [row] = await reachStore(() =>
    primary
      .select()
      .from(idempotencyKeys)
      .where(and(isAt(place), gt(idempotencyKeys.expiresAt, now))),
  );
  return row ?? null;
}

const isAt = ({ realm, keyHash }: AnswerPlace) =>
  and(eq(idempotencyKeys.realm, realm), eq(idempotencyKeys.keyHash, keyHash));
