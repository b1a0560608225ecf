import { and, eq, exists, getTableColumns, gt, isNull, not, or, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertRowWhereStatement } from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { type IdempotencyKeyRow, idempotencyKeys, users } from "../platform/schema.ts";
import {
  accountEnabledAndFailuresBelowLimitCondition,
  apiKeyIsAbsentOrNotRevokedCondition,
  approvalPeriodExpression,
} from "../second-factor/approvals.ts";
import { userOfRealmHasOneOfIdsCondition } from "../users/user-rows.ts";

/** Identifies a stored response. Each realm has its own keys. */
export interface RealmAndIdempotencyKeyHash {
  readonly realm: string;
  /** SHA-256 of the caller's `Idempotency-Key`. */
  readonly keyHash: string;
}

/** A response that is stored in the batch that decides about the call, so that a retry gets the same response. */
export interface ResponseToStore extends RealmAndIdempotencyKeyHash {
  readonly requestHash: string;
  /** The API key of the caller. Null: `ADMIN_KEY`. */
  readonly apiKeyId: string | null;
  /** Envelope (`domain/service-api/stored-response.ts`). */
  readonly envelope: string;
  readonly now: Date;
  readonly expiresAt: Date;
}

/** The SQL condition "a response to this call is stored". False for a call without an `Idempotency-Key`. */
export function callHasStoredResponseCondition(
  db: DrizzleD1Database,
  place: (RealmAndIdempotencyKeyHash & { readonly now: Date }) | null,
): SQL {
  if (place === null) return sql`0`;
  return exists(
    db
      .select({ realm: idempotencyKeys.realm })
      .from(idempotencyKeys)
      .where(and(responseIsAt(place), gt(idempotencyKeys.expiresAt, place.now))),
  );
}

/** The SQL condition "no response to this call is stored". */
export const callHasNoStoredResponseCondition = (db: DrizzleD1Database, kept: ResponseToStore | null): SQL =>
  not(callHasStoredResponseCondition(db, kept));

/**
 * The statement that stores a response if `condition` holds. It replaces an expired response under the same key.
 *
 * @param approvalPeriodId for the response to an accepted code: the approval period of the account (`store/second-factor/approvals.ts`)
 */
export function storeResponseWhereStatements(
  db: DrizzleD1Database,
  kept: ResponseToStore | null,
  condition: SQL,
  approvalPeriodId: SQL | null = null,
): BatchItem<"sqlite">[] {
  if (kept === null) return [];
  const { realm, keyHash, requestHash, apiKeyId, envelope, expiresAt } = kept;
  const row = { realm, keyHash, requestHash, apiKeyId, approvalPeriodId, answer: envelope, expiresAt };
  return [
    insertRowWhereStatement(db, idempotencyKeys, row, condition).onConflictDoUpdate({
      target: [idempotencyKeys.realm, idempotencyKeys.keyHash],
      set: { requestHash, apiKeyId, approvalPeriodId, answer: envelope, expiresAt },
    }),
  ];
}

/** The values for the check that the response to an accepted code is still valid (INC-37). */
export interface ApprovalCheckInput {
  /** The possible stored ids of the target user. */
  readonly userIds: readonly string[];
  /** The API key of the retry, which may be another than that of the first call. It must not be revoked either. Null: `ADMIN_KEY`. */
  readonly apiKeyId: string | null;
  /** After so many wrong codes the second factor is disabled, which voids the approval. */
  readonly failuresUntilDisabled: number;
}

/** A response that is stored. */
export interface StoredResponseRowAndApprovalState extends IdempotencyKeyRow {
  /** False: the response reports an accepted code, and the approval has been voided since, by a reset for example (INC-37). */
  readonly stands: boolean;
}

/** Reads a stored response. Null: there is none, or it has expired. One trip to the primary. */
export async function findStoredResponse(
  { primary }: Database,
  place: RealmAndIdempotencyKeyHash,
  grounds: ApprovalCheckInput,
  now: Date,
): Promise<StoredResponseRowAndApprovalState | null> {
  const approver = primary
    .select({ id: users.id })
    .from(users)
    .where(
      and(
        userOfRealmHasOneOfIdsCondition(place.realm, grounds.userIds),
        eq(approvalPeriodExpression, idempotencyKeys.approvalPeriodId),
        accountEnabledAndFailuresBelowLimitCondition(grounds.failuresUntilDisabled),
        apiKeyIsAbsentOrNotRevokedCondition(primary, idempotencyKeys.apiKeyId),
        grounds.apiKeyId === null
          ? undefined
          : apiKeyIsAbsentOrNotRevokedCondition(primary, grounds.apiKeyId),
      ),
    );
  const stands = or(isNull(idempotencyKeys.approvalPeriodId), exists(approver));
  const [row] = await runD1Query(() =>
    primary
      .select({ ...getTableColumns(idempotencyKeys), stands: sql<number>`${stands}`.as("stands") })
      .from(idempotencyKeys)
      .where(and(responseIsAt(place), gt(idempotencyKeys.expiresAt, now))),
  );
  return row === undefined ? null : { ...row, stands: row.stands === 1 };
}

const responseIsAt = ({ realm, keyHash }: RealmAndIdempotencyKeyHash) =>
  and(eq(idempotencyKeys.realm, realm), eq(idempotencyKeys.keyHash, keyHash));
