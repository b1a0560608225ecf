import { openField, sealField } from "../../core/crypto/envelope.ts";
import type { IdempotencyKeyRow } from "../../store/platform/schema.ts";
import {
  findStoredResponse,
  type RealmAndIdempotencyKeyHash,
  type ResponseToStore,
} from "../../store/service/idempotency.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { codeAttemptLimits } from "../second-factor/code-budget.ts";

/** How long a response is stored for retries. */
const responseTtlSeconds = 24 * 3600;

/** How the response of a call with an `Idempotency-Key` is stored for retries. */
export interface IdempotencyKeyWithRenderer<Result> {
  readonly call: IdempotencyKeyWithRequestHash;
  /** Renders the response that a retry gets when the call has this result. A pure function. */
  readonly render: (result: Result | Failure) => string;
}

/** A call with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header). */
export interface IdempotencyKeyWithRequestHash extends RealmAndIdempotencyKeyHash {
  /** SHA-256 of everything that a retry must have in common with the first call. */
  readonly requestHash: string;
  /** The API key of the caller. Null: `ADMIN_KEY`. */
  readonly apiKeyId: string | null;
  /** The possible stored ids of the target user. Empty: the call has none. */
  readonly userIds: readonly string[];
}

const sealedFieldOf = ({ realm, keyHash }: RealmAndIdempotencyKeyHash) => ({
  table: "idempotency_keys",
  column: "answer",
  rowId: `${realm}:${keyHash}`,
});

/**
 * Renders and encrypts the response for a possible result: it can contain a secret that is shown once. Writes nothing. The
 * batch that decides about the call stores the response on the condition that it has this result.
 *
 * @returns null for a call without an `Idempotency-Key`
 */
export async function prepareStoredResponse<Result>(
  { config: { keyring } }: Deps,
  idempotency: IdempotencyKeyWithRenderer<Result> | null,
  result: Result | Failure,
  now: Date,
): Promise<ResponseToStore | null> {
  if (idempotency === null) return null;
  const { call, render } = idempotency;
  const envelope = await sealField(keyring, sealedFieldOf(call), render(result));
  const { realm, keyHash, requestHash, apiKeyId } = call;
  return {
    realm,
    keyHash,
    requestHash,
    apiKeyId,
    envelope,
    now,
    expiresAt: new Date(now.getTime() + responseTtlSeconds * 1000),
  };
}

/** The stored response to the first call with the same `Idempotency-Key`. */
export type FindFirstResponseResult =
  | { readonly kind: "none" }
  | { readonly kind: "found"; readonly response: string }
  /** The `Idempotency-Key` belongs to a different call, or the stored response can't be decrypted any more. */
  | { readonly kind: "conflict" }
  /** The stored response reports an accepted code, and a reset, for example, has voided that approval since (INC-37). */
  | { readonly kind: "void" };

/**
 * Finds the response to the first call with the same `Idempotency-Key`. One trip to the primary, and none when `known` is
 * the row. A response that reports an accepted code always takes that trip: a read replica may not have the reset that has
 * voided it.
 *
 * @param known the row, as it was read from the read replica
 */
export async function findFirstResponse(
  deps: Deps,
  call: IdempotencyKeyWithRequestHash,
  now: Date,
  known?: IdempotencyKeyRow | null,
): Promise<FindFirstResponseResult> {
  if (known && known.requestHash !== call.requestHash) return { kind: "conflict" };
  const { failuresUntilDisabled } = codeAttemptLimits;
  const row =
    known?.approvalPeriodId === null
      ? { ...known, stands: true }
      : await findStoredResponse(deps.db, call, { ...call, failuresUntilDisabled }, now);
  if (row === null) return { kind: "none" };
  if (row.requestHash !== call.requestHash) return { kind: "conflict" };
  if (!row.stands) return { kind: "void" };
  const opened = await openField(deps.config.keyring, sealedFieldOf(call), row.answer);
  return opened.ok ? { kind: "found", response: opened.text } : { kind: "conflict" };
}
