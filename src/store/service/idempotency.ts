import { and, eq, exists, getTableColumns, gt, isNull, not, or, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import { type IdempotencyKeyRow, idempotencyKeys, users } from "../platform/schema.ts";
import { accountCanApprove, apiKeyIsNotRevoked, approvalPeriod } from "../second-factor/approvals.ts";
import { isUser } from "../users/user-rows.ts";

/** Where the first answer to a call is kept: each realm has its own keys. */
export interface IdempotencyKeyRef {
  readonly realm: string;
  /** SHA-256 of the caller's `Idempotency-Key`. */
  readonly keyHash: string;
}

/** An answer that is kept in the batch that decides it, so that a retry gets the same one. */
export interface StoredResponse extends IdempotencyKeyRef {
  readonly requestHash: string;
  /** The key that asked. Null: `ADMIN_KEY`. */
  readonly apiKeyId: string | null;
  /** Envelope (`domain/service-api/stored-response.ts`). */
  readonly envelope: string;
  readonly now: Date;
  readonly expiresAt: Date;
}

/** The condition "this call was answered already". Never, for a call whose answer isn't kept. */
export function hasStoredResponse(
  db: DrizzleD1Database,
  place: (IdempotencyKeyRef & { readonly now: Date }) | null,
): SQL {
  if (place === null) return sql`0`;
  return exists(
    db
      .select({ realm: idempotencyKeys.realm })
      .from(idempotencyKeys)
      .where(and(isAt(place), gt(idempotencyKeys.expiresAt, place.now))),
  );
}

/** The condition "this call was not answered yet". */
export const hasNoStoredResponse = (db: DrizzleD1Database, kept: StoredResponse | null): SQL =>
  not(hasStoredResponse(db, kept));

/**
 * Keeps the answer if `condition` holds. An older one under the same key has ended, or the call was not decided.
 *
 * @param approvalPeriodId of the account, looked up, for the answer to a code that was accepted (`store/second-factor/approvals.ts`)
 */
export function storeResponseWhere(
  db: DrizzleD1Database,
  kept: StoredResponse | null,
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

/** What an answer hangs on that tells of an accepted code. */
export interface ApprovalGrounds {
  /** The user that the call is about, as the store knows it. */
  readonly userIds: readonly string[];
  /** The key that asks now. Null: `ADMIN_KEY`. */
  readonly apiKeyId: string | null;
  readonly failuresUntilDisabled: number;
}

/** An answer that is kept. */
export interface FoundResponse extends IdempotencyKeyRow {
  /** False: it tells of an approval that was voided since (INC-37). */
  readonly stands: boolean;
}

/** Reads the answer that is kept there. Null: none is, or it has ended. One trip to the primary. */
export async function findStoredResponse(
  { primary }: Database,
  place: IdempotencyKeyRef,
  grounds: ApprovalGrounds,
  now: Date,
): Promise<FoundResponse | null> {
  const approver = primary
    .select({ id: users.id })
    .from(users)
    .where(
      and(
        isUser(place.realm, grounds.userIds),
        eq(approvalPeriod, idempotencyKeys.approvalPeriodId),
        accountCanApprove(grounds.failuresUntilDisabled),
        apiKeyIsNotRevoked(primary, idempotencyKeys.apiKeyId),
        grounds.apiKeyId === null ? undefined : apiKeyIsNotRevoked(primary, grounds.apiKeyId),
      ),
    );
  const stands = or(isNull(idempotencyKeys.approvalPeriodId), exists(approver));
  const [row] = await reachStore(() =>
    primary
      .select({ ...getTableColumns(idempotencyKeys), stands: sql<number>`${stands}`.as("stands") })
      .from(idempotencyKeys)
      .where(and(isAt(place), gt(idempotencyKeys.expiresAt, now))),
  );
  return row === undefined ? null : { ...row, stands: row.stands === 1 };
}

const isAt = ({ realm, keyHash }: IdempotencyKeyRef) =>
  and(eq(idempotencyKeys.realm, realm), eq(idempotencyKeys.keyHash, keyHash));
