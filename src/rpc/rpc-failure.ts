import type { Failure } from "../domain/failure.ts";
import { formatRootCauseForLog, log } from "../log.ts";
import { MisconfiguredError } from "../runtime.ts";
import { StoreUnavailableError } from "../store/platform/database.ts";

/** Why an RPC call failed: a code of the HTTP API (docs/contract.md#errors). */
export type RpcCode =
  | "invalid_format"
  | "invalid_code"
  | "too_many_attempts"
  | "second_factor_disabled"
  | "forbidden"
  | "not_found"
  | "already_enabled"
  | "not_enabled"
  | "enrolment_expired"
  | "conflict"
  | "session_expired"
  | "store_unavailable"
  | "internal_error";

/** The result of a call that failed (no error is thrown): the input is invalid, the code was not accepted, or the second factor does not allow the call. */
export interface RpcFailure {
  readonly ok: false;
  readonly code: RpcCode;
  /** Set when a retry can succeed: the seconds to wait. */
  readonly retryAfterSeconds?: number;
  /** With the code `invalid_format`: the invalid or unknown field. An unknown name is shortened to 64 characters, and left out if it could be a secret. */
  readonly field?: string;
  /** What is wrong with the field, for the caller's developer. */
  readonly detail?: string;
}

/**
 * The code of each failure, the same as in the HTTP API. Wrong and replayed codes have one code, so that a caller cannot
 * find out that a code was right (OTP-17).
 */
const codes: Record<Failure["reason"], RpcCode> = {
  wrong_code: "invalid_code",
  replayed_code: "invalid_code",
  too_many_attempts: "too_many_attempts",
  second_factor_disabled: "second_factor_disabled",
  account_disabled: "forbidden",
  export_key_required: "forbidden",
  no_such_user: "not_found",
  already_enabled: "already_enabled",
  not_enabled: "not_enabled",
  enrolment_expired: "enrolment_expired",
  user_exists: "conflict",
  session_over: "session_expired",
  field_unreadable: "store_unavailable",
  // No method of the binding can have these failures.
  wrong_credentials: "internal_error",
  pending_session_over: "internal_error",
  step_up_required: "internal_error",
  other_enrolment: "internal_error",
  weak_password: "internal_error",
  no_such_session: "internal_error",
  no_such_api_key: "internal_error",
  too_many_api_keys: "internal_error",
  no_such_challenge: "internal_error",
  challenge_over: "internal_error",
  return_address_refused: "internal_error",
  return_address_has_receipt_parameter: "internal_error",
  already_responded: "internal_error",
  idempotency_conflict: "internal_error",
  first_response_void: "internal_error",
  weak_secret: "internal_error",
  unsupported_parameters: "internal_error",
};

/** Returns the RPC result for a failure of a use case. */
export function toRpcFailure(failure: Failure): RpcFailure {
  const code = codes[failure.reason];
  return failure.reason === "too_many_attempts"
    ? { ok: false, code, retryAfterSeconds: failure.retryAfterSeconds }
    : { ok: false, code };
}

/** The seconds to wait when D1 does not respond: as many as in the HTTP API (`http/problem/problem.ts`). */
const outageRetrySeconds = 5;

/** Logs a thrown error, and returns the RPC result for it. */
export function logAndConvertToRpcFailure(error: unknown, requestId: string): RpcFailure {
  const isOutage = error instanceof StoreUnavailableError;
  const failed = error instanceof MisconfiguredError ? "misconfigured" : "internal_error";
  log("error", isOutage ? "store_unavailable" : failed, {
    request_id: requestId,
    ...formatRootCauseForLog(error),
  });
  return isOutage
    ? { ok: false, code: "store_unavailable", retryAfterSeconds: outageRetrySeconds }
    : { ok: false, code: "internal_error" };
}
