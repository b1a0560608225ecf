import { openField, sealField } from "../../core/crypto/envelope.ts";
import type { IdempotencyKeyRow } from "../../store/platform/schema.ts";
import {
  findStoredResponse,
  type IdempotencyKeyRef,
  type StoredResponse,
} from "../../store/service/idempotency.ts";
import type { Deps } from "../deps.ts";
import { codeBudget } from "../second-factor/code-budget.ts";

/** How long a retry of a call gets the first answer. */
const keptSeconds = 24 * 3600;

/** Makes what is kept for a retry if a call comes to `result`. Null: the caller has not asked for that. */
export type StoreResponse<Result> = (result: Result) => Promise<StoredResponse | null>;

/** A call that may be sent twice (draft-ietf-httpapi-idempotency-key-header). */
export interface RepeatableCall extends IdempotencyKeyRef {
  readonly requestHash: string;
  /** The key that asks. Null: `ADMIN_KEY`. */
  readonly apiKeyId: string | null;
  /** The user that the call is about, as the store knows it. None: it is about no user. */
  readonly userIds: readonly string[];
}

const fieldOf = ({ realm, keyHash }: IdempotencyKeyRef) => ({
  table: "idempotency_keys",
  column: "answer",
  rowId: `${realm}:${keyHash}`,
});

/** Seals an answer to be kept: it may hold a secret that is shown once. */
export async function sealResponse(
  { config: { keyring } }: Deps,
  call: RepeatableCall,
  answer: string,
  now: Date,
): Promise<StoredResponse> {
  const envelope = await sealField(keyring, fieldOf(call), answer);
  const { realm, keyHash, requestHash, apiKeyId } = call;
  return {
    realm,
    keyHash,
    requestHash,
    apiKeyId,
    envelope,
    now,
    expiresAt: new Date(now.getTime() + keptSeconds * 1000),
  };
}

/** What is known of a call's first answer. */
export type FirstResponse =
  | { readonly kind: "none" }
  | { readonly kind: "answered"; readonly answer: string }
  /** The key belongs to another call, or its answer does not open any more. */
  | { readonly kind: "conflict" }
  /** It tells of an approval that was voided since (INC-37). */
  | { readonly kind: "void" };

/**
 * Looks up the first answer to a call. One trip, unless the row has been read: then none, but for an answer that tells of
 * an accepted code. The primary is asked about that, because a copy may not have heard of a reset yet.
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
  const opened = await openField(deps.config.keyring, fieldOf(call), row.answer);
  return opened.ok ? { kind: "answered", answer: opened.text } : { kind: "conflict" };
}
