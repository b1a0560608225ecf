import { openField, sealField } from "../../core/crypto/envelope.ts";
import type { IdempotencyKeyRow } from "../../store/platform/schema.ts";
import {
  findStoredResponse,
  type IdempotencyPlace,
  type StoredResponse,
} from "../../store/service/idempotency.ts";
import type { Deps } from "../deps.ts";
import { codeBudget } from "../second-factor/code-budget.ts";

/** How long a response is stored for retries. */
const responseTtlSeconds = 24 * 3600;

/** Renders the response that a retry gets when the call has this result. Null: the call has no `Idempotency-Key`. */
export type StoreResponse<Result> = (result: Result) => Promise<StoredResponse | null>;

/** A call with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header). */
export interface RepeatableCall extends IdempotencyPlace {
  /** SHA-256 of everything that a retry must have in common with the first call. */
  readonly requestHash: string;
  /** The API key of the caller. Null: `ADMIN_KEY`. */
  readonly apiKeyId: string | null;
  /** The possible stored ids of the target user. Empty: the call has none. */
  readonly userIds: readonly string[];
}

const sealedFieldOf = ({ realm, keyHash }: IdempotencyPlace) => ({
  table: "idempotency_keys",
  column: "answer",
  rowId: `${realm}:${keyHash}`,
});

/** Encrypts a response for storage, because it can contain a secret that is shown once. Does not write it. */
export async function sealResponse(
  { config: { keyring } }: Deps,
  call: RepeatableCall,
  response: string,
  now: Date,
): Promise<StoredResponse> {
  const envelope = await sealField(keyring, sealedFieldOf(call), response);
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
export type FirstResponse =
  | { readonly kind: "none" }
  | { readonly kind: "found"; readonly response: string }
  /** The `Idempotency-Key` belongs to a different call, or the stored response can't be decrypted any more. */
  | { readonly kind: "conflict" }
  /** The stored response reports an accepted code, and the approval has been voided since (INC-37). */
  | { readonly kind: "void" };

/**
 * Finds the response to the first call with the same `Idempotency-Key`. One trip to the primary, and none when the caller
 * passes the row as `known`. A response that reports an accepted code always takes that trip: a read replica may not have
 * the reset that has voided it.
 */
export async function findFirstResponse(
  deps: Deps,
  call: RepeatableCall,
  now: Date,
  known?: IdempotencyKeyRow | null,
): Promise<FirstResponse> {
  if (known && known.requestHash !== call.requestHash) return { kind: "conflict" };
  const { failuresUntilDisabled } = codeBudget;
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
