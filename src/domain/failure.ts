import type { PasswordWeakness } from "../core/crypto/password-hash.ts";

/**
 * Every expected failure of a use case. `http/problem/` maps each reason to a response, which says less: wrong and
 * replayed codes get the same one.
 */
export type Failure =
  /** Unknown name, wrong password, or a disabled account. */
  | { readonly ok: false; readonly reason: "wrong_credentials" }
  | { readonly ok: false; readonly reason: "wrong_code" }
  /** The code was right, but has been used before. */
  | { readonly ok: false; readonly reason: "replayed_code" }
  | {
      readonly ok: false;
      readonly reason: "too_many_attempts";
      readonly retryAfterSeconds: number;
      readonly limit?: ExceededLimit;
      /** This pending session has no attempts left. Waiting doesn't help; a new sign-in does. */
      readonly startOver?: true;
    }
  /** After too many failures, until an operator resets or unlocks it. */
  | { readonly ok: false; readonly reason: "second_factor_disabled" }
  /** The pending session has ended. The sign-in starts again with the first factor. */
  | { readonly ok: false; readonly reason: "pending_session_over" }
  /** The full session has ended. */
  | { readonly ok: false; readonly reason: "session_over" }
  /** `maxAgeSeconds`: the highest allowed age of the second factor. */
  | { readonly ok: false; readonly reason: "step_up_required"; readonly maxAgeSeconds: number }
  | { readonly ok: false; readonly reason: "already_enabled" }
  | { readonly ok: false; readonly reason: "not_enabled" }
  | { readonly ok: false; readonly reason: "enrolment_expired" }
  /** The secret that the request names is not the one that is being set up. */
  | { readonly ok: false; readonly reason: "other_enrolment" }
  | { readonly ok: false; readonly reason: "user_exists" }
  | { readonly ok: false; readonly reason: "weak_password"; readonly weakness: PasswordWeakness }
  | { readonly ok: false; readonly reason: "no_such_session" }
  | { readonly ok: false; readonly reason: "no_such_user" }
  | { readonly ok: false; readonly reason: "no_such_api_key" }
  /** The realm has two live keys of this name already. */
  | { readonly ok: false; readonly reason: "too_many_api_keys" }
  | { readonly ok: false; readonly reason: "no_such_challenge" }
  /** The address of the challenge was opened before, or the challenge has expired. */
  | { readonly ok: false; readonly reason: "challenge_over" }
  /** The API key does not list this return address. */
  | { readonly ok: false; readonly reason: "return_address_refused" }
  /** The return address has a parameter of its own that could be taken for the receipt. */
  | { readonly ok: false; readonly reason: "return_address_has_receipt_parameter" }
  | { readonly ok: false; readonly reason: "account_disabled" }
  /** An export, or a change of an account of `ADMIN_USERS`, requires `EXPORT_KEY` beside the caller's own key. */
  | {
      readonly ok: false;
      readonly reason: "export_key_required";
      readonly why: "wrong" | "not_shown" | "not_set" | "binding";
    }
  /** The first call with this `Idempotency-Key` has a stored response, which a retry gets. */
  | { readonly ok: false; readonly reason: "already_responded" }
  /** The `Idempotency-Key` belongs to a different call. */
  | { readonly ok: false; readonly reason: "idempotency_conflict" }
  /** The stored response reports an accepted code, and the approval has been voided since. */
  | { readonly ok: false; readonly reason: "first_response_void" }
  | { readonly ok: false; readonly reason: "weak_secret"; readonly detail?: string }
  /** A TOTP with other parameters than SHA-1, 6 digits and 30 seconds, or an unsupported password hash. */
  | { readonly ok: false; readonly reason: "unsupported_parameters"; readonly detail?: string }
  /** An encrypted field does not open: its key is missing in `KEYRING`, or the row was changed. */
  | { readonly ok: false; readonly reason: "field_unreadable" };

/** The limit that a `too_many_attempts` failure is about. Undefined in the failure: the second factor. */
export type ExceededLimit = "first_factor" | "second_factor" | "setup" | "imports" | "exports";

/** The failure of a caller that has to wait until `until`. */
export function tooManyAttemptsFailure(
  until: Date,
  now: Date,
  limit: ExceededLimit = "second_factor",
): Failure {
  return { ok: false, reason: "too_many_attempts", retryAfterSeconds: secondsUntil(until, now), limit };
}

/** The seconds until `until`, rounded up, at least 1: the value of `Retry-After` (RFC 9110 10.2.3). */
export function secondsUntil(until: Date, now: Date): number {
  return Math.max(Math.ceil((until.getTime() - now.getTime()) / 1000), 1);
}
