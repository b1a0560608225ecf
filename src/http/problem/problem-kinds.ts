import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AnyFailure } from "./http-failure.ts";

/** A problem without the values of one request. */
type Kind = readonly [status: ContentfulStatusCode, code: string, title: string, detail: string];

const wrongCode: Kind = [
  401,
  "invalid_code",
  "Invalid code",
  "This code is not accepted. Each code works once: try the next one.",
];

const idempotencyAdvice = "This Idempotency-Key belongs to another request. Send a new one.";

/** Every reason, translated. Wrong and replayed codes look the same from outside. */
const kinds: Record<AnyFailure["reason"], Kind> = {
  wrong_credentials: [401, "invalid_credentials", "Invalid credentials", "User name or password is wrong."],
  wrong_code: wrongCode,
  replayed_code: wrongCode,
  too_many_attempts: [429, "too_many_attempts", "Too many attempts", "Wait before you try again."],
  second_factor_disabled: [
    403,
    "second_factor_disabled",
    "Second factor disabled",
    "After too many failures the second factor is switched off until an administrator resets it.",
  ],
  pending_session_over: [401, "session_expired", "Sign-in expired", "Sign in again."],
  session_over: [401, "session_expired", "Session expired", "Sign in again."],
  unauthenticated: [401, "unauthenticated", "Not signed in", "Sign in first."],
  step_up_required: [403, "step_up_required", "Fresh second factor required", "Confirm with a code first."],
  second_factor_required: [
    403,
    "second_factor_required",
    "Second factor required",
    "A second factor is required.",
  ],
  already_enabled: [409, "already_enabled", "Already enabled", "Two-factor authentication is on already."],
  not_enabled: [409, "not_enabled", "Not enabled", "Two-factor authentication is not on."],
  enrolment_expired: [410, "enrolment_expired", "Set-up expired", "Begin the set-up again."],
  other_enrolment: [409, "conflict", "Another set-up", "This is not the secret that is being set up."],
  user_exists: [409, "conflict", "User exists", "There is a user of this name."],
  weak_password: [422, "weak_password", "Weak password", "Choose another password."],
  no_such_realm: [404, "not_found", "Not found", "There is nothing here for this API key."],
  no_such_user: [404, "not_found", "Not found", "There is no such user."],
  no_such_api_key: [404, "not_found", "Not found", "There is no such API key."],
  too_many_api_keys: [
    409,
    "conflict",
    "Too many keys",
    "There are two living keys of this name. Revoke one first.",
  ],
  no_such_challenge: [404, "not_found", "Not found", "There is no such challenge."],
  challenge_over: [
    410,
    "challenge_expired",
    "Challenge over",
    "This address works once and for a short time. Go back to where you came from.",
  ],
  return_address_refused: [
    422,
    "invalid_format",
    "Invalid format",
    "return_to: this API key does not list it",
  ],
  return_address_has_receipt_parameter: [
    422,
    "invalid_format",
    "Invalid format",
    "return_to: it has a parameter that could be read as challenge or receipt, which Sallyport adds",
  ],
  already_responded: [409, "idempotency_conflict", "Already answered", idempotencyAdvice],
  first_response_void: [
    409,
    "idempotency_conflict",
    "First response void",
    "The account or the API key has changed since the first response, which is not given again. Send a new Idempotency-Key.",
  ],
  idempotency_conflict: [409, "idempotency_conflict", "Idempotency-Key in use", idempotencyAdvice],
  weak_secret: [422, "weak_secret", "Weak secret", "The secret is shorter than 128 bits."],
  unsupported_parameters: [
    422,
    "unsupported_parameters",
    "Unsupported parameters",
    "Only SHA-1, 6 digits and 30 seconds are supported.",
  ],
  scope_missing: [403, "forbidden", "Not allowed", "This API key does not have the scope."],
  no_such_session: [404, "not_found", "Not found", "There is no such session."],
  field_unreadable: [
    503,
    "store_unavailable",
    "Temporarily unavailable",
    "The second factor can't be checked now.",
  ],
  malformed_request: [400, "malformed_request", "Malformed request", "The request can't be read."],
  invalid_format: [422, "invalid_format", "Invalid format", "A field does not have the form that it needs."],
  unsupported_media_type: [
    415,
    "unsupported_media_type",
    "Unsupported media type",
    "Send another content type.",
  ],
  body_too_large: [413, "body_too_large", "Body too large", "A body has at most 16 KiB."],
  invalid_api_key: [401, "invalid_api_key", "Invalid API key", "The API key is missing or not known."],
  cross_origin: [
    403,
    "csrf_rejected",
    "Cross-origin request",
    "This request did not come from this site's own pages.",
  ],
  no_such_page: [404, "not_found", "Not found", "There is nothing here."],
  method_not_allowed: [405, "method_not_allowed", "Method not allowed", "This address takes other methods."],
  store_unavailable: [
    503,
    "store_unavailable",
    "Temporarily unavailable",
    "The store does not answer. Try again soon.",
  ],
  unhealthy: [503, "store_unavailable", "Temporarily unavailable", "Some parts do not answer."],
  unreadable_original: [
    403,
    "forbidden",
    "Not allowed",
    "The proxy does not say readably what was asked for.",
  ],
  misspelled_header: [403, "forbidden", "Not allowed", "The name of a header can be read as another name."],
  first_factor_unavailable: [
    503,
    "first_factor_unavailable",
    "Temporarily unavailable",
    "Who you are can't be found out now. Try again soon.",
  ],
  ambiguous_credentials: [
    401,
    "ambiguous_credentials",
    "More than one sign-in",
    "This request carries several sign-ins of the site, and they do not all belong to the same account. Sign out at the site, or delete the cookies of the site in your browser, and sign in again.",
  ],
  account_disabled: [403, "forbidden", "Not allowed", "This account is closed."],
  export_key_required: [
    403,
    "forbidden",
    "Not allowed",
    "This call needs EXPORT_KEY in X-Sallyport-Export-Key.",
  ],
  origin_unavailable: [
    502,
    "origin_unavailable",
    "Site unavailable",
    "The site behind this door does not answer.",
  ],
  user_differs: [
    409,
    "conflict",
    "User differs",
    "This user is there already, with other data. Nothing was changed.",
  ],
  import_interrupted: [
    503,
    "store_unavailable",
    "Import interrupted",
    "The store does not answer. Go on with the line next_line, or send everything again.",
  ],
  import_too_large: [
    413,
    "body_too_large",
    "Body too large",
    "This is more than one request takes. Go on with the line next_line.",
  ],
  internal_error: [500, "internal_error", "Internal error", "Something went wrong here. It has been logged."],
};

/** Status, code and texts of a reason, for the document of the API. */
export function describeReason(reason: AnyFailure["reason"]): {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
} {
  const [status, code, title, detail] = kinds[reason];
  return { status, code, title, detail };
}

/** Every code that a problem can have. */
export const problemCodes: readonly string[] = [...new Set(Object.values(kinds).map(([, code]) => code))];
