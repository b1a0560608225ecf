import type { PasswordWeakness } from "../core/crypto/password-hash.ts";

/**
 * Every way in which a use case can refuse. Who called is told less than this: `http/problem/problem.ts` translates,
 * and gives wrong and replayed codes the same answer.
 */
export type Failure =
  /** Unknown user, wrong password or disabled account. */
  | { readonly ok: false; readonly reason: "wrong_credentials" }
  | { readonly ok: false; readonly reason: "wrong_code" }
  /** The code was right, and is spent. */
  | { readonly ok: false; readonly reason: "replayed_code" }
  | {
      readonly ok: false;
      readonly reason: "too_many_attempts";
      readonly retryAfterSeconds: number;
      readonly limit?: Limit;
      /** Waiting doesn't help here: this pending session has had its attempts, and a new one is to be had. */
      readonly startOver?: true;
    }
  /** After too many failures; until an admin resets it. */
  | { readonly ok: false; readonly reason: "second_factor_disabled" }
  /** The pending session is over: begin again with the first factor. */
  | { readonly ok: false; readonly reason: "pending_session_over" }
  /** The full session is over. */
  | { readonly ok: false; readonly reason: "session_over" }
  /** `maxAgeSeconds` is how old the second factor may be. */
  | { readonly ok: false; readonly reason: "step_up_required"; readonly maxAgeSeconds: number }
  | { readonly ok: false; readonly reason: "already_enabled" }
  | { readonly ok: false; readonly reason: "not_enabled" }
  | { readonly ok: false; readonly reason: "enrolment_expired" }
  /** The secret that was sent is not the one that is being set up. */
  | { readonly ok: false; readonly reason: "other_enrolment" }
  | { readonly ok: false; readonly reason: "user_exists" }
  | { readonly ok: false; readonly reason: "weak_password"; readonly weakness: PasswordWeakness }
  | { readonly ok: false; readonly reason: "no_such_session" }
  | { readonly ok: false; readonly reason: "no_such_user" }
  | { readonly ok: false; readonly reason: "no_such_api_key" }
  /** There are two living ones of this name, and that is enough to change one for the other. */
  | { readonly ok: false; readonly reason: "too_many_api_keys" }
  | { readonly ok: false; readonly reason: "no_such_challenge" }
  /** The address was opened before, or its time is over. */
  | { readonly ok: false; readonly reason: "challenge_over" }
  /** The key is not allowed to send browsers there. */
  | { readonly ok: false; readonly reason: "return_address_refused" }
  /** The address to come back to has a parameter of its own that could be read as the receipt. */
  | { readonly ok: false; readonly reason: "return_address_has_receipt_parameter" }
  | { readonly ok: false; readonly reason: "account_disabled" }
  /** An export, or a change of an account of `ADMIN_USERS`, needs `EXPORT_KEY` beside the caller's own key. */
  | {
      readonly ok: false;
      readonly reason: "export_key_required";
      readonly why: "wrong" | "not_shown" | "not_set" | "binding";
    }
  /** The same call has got its answer, which its retry gets too. */
  | { readonly ok: false; readonly reason: "already_responded" }
  /** The `Idempotency-Key` belongs to another call. */
  | { readonly ok: false; readonly reason: "idempotency_conflict" }
  /** The first answer to the call tells of an approval that was voided since. */
  | { readonly ok: false; readonly reason: "first_response_void" }
  | { readonly ok: false; readonly reason: "weak_secret"; readonly detail?: string }
  /** A TOTP that is not of SHA-1, 6 digits, 30 seconds. */
  | { readonly ok: false; readonly reason: "unsupported_parameters"; readonly detail?: string }
  /** Something sealed does not open: a key is gone from `KEYRING`, or the row was tampered with. */
  | { readonly ok: false; readonly reason: "field_unreadable" };

export type FailureReason = Failure["reason"];

/** What there can be too many tries at. Where nothing is said, it is the second factor. */
export type Limit = "first_factor" | "second_factor" | "setup" | "imports" | "exports";

/** A refusal that ends by itself at `until`. */
export function tooManyAttempts(until: Date, now: Date, limit: Limit = "second_factor"): Failure {
  return { ok: false, reason: "too_many_attempts", retryAfterSeconds: secondsUntil(until, now), limit };
}

/** Whole seconds that are over by `until` and not before, at least one (RFC 9110 10.2.3). */
export function secondsUntil(until: Date, now: Date): number {
  return Math.max(Math.ceil((until.getTime() - now.getTime()) / 1000), 1);
}
