import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AnyFailure } from "./http-failure.ts";

/** The status and texts of a problem, without the values of one request. */
type Kind = readonly [status: ContentfulStatusCode, code: string, title: string, detail: string];

const wrongCode: Kind = [
  401,
  "invalid_code",
  "Invalid code",
  "This code is not accepted. Each code works once: try the next one.",
];

const idempotencyAdvice = "This Idempotency-Key was used for another request. Send a new one.";

/** The response for each reason. Wrong and replayed codes get the same one, so that a client does not learn that a code was right. */
const kinds: Record<AnyFailure["reason"], Kind> = {
  wrong_credentials: [
    401,
    "invalid_credentials",
    "Invalid credentials",
    "The user name or the password is wrong.",
  ],
  wrong_code: wrongCode,
  replayed_code: wrongCode,
  too_many_attempts: [429, "too_many_attempts", "Too many attempts", "Wait before you try again."],
  second_factor_disabled: [
    403,
    "second_factor_disabled",
    "Second factor disabled",
    "There were too many wrong codes, so the second factor is disabled. Ask the operator to unlock or reset it.",
  ],
  pending_session_over: [401, "session_expired", "Sign-in expired", "Sign in again."],
  session_over: [401, "session_expired", "Session expired", "Sign in again."],
  unauthenticated: [401, "unauthenticated", "Not signed in", "Sign in, and send the request again."],
  step_up_required: [
    403,
    "step_up_required",
    "Fresh second factor required",
    "Confirm with a fresh code, and send the request again.",
  ],
  second_factor_required: [
    403,
    "second_factor_required",
    "Second factor required",
    "Sign in with a second factor, and send the request again.",
  ],
  already_enabled: [409, "already_enabled", "Already enabled", "Two-factor authentication is already on."],
  not_enabled: [409, "not_enabled", "Not enabled", "Two-factor authentication is off. Set it up first."],
  enrolment_expired: [410, "enrolment_expired", "Set-up expired", "Begin the set-up again."],
  other_enrolment: [
    409,
    "conflict",
    "Another set-up",
    "The secret is not the one of the current set-up. Begin the set-up again.",
  ],
  user_exists: [409, "conflict", "User exists", "A user with this name exists. Choose another name."],
  weak_password: [422, "weak_password", "Weak password", "Choose another password."],
  no_such_realm: [404, "not_found", "Not found", "There is nothing at this address for this API key."],
  no_such_user: [404, "not_found", "Not found", "There is no such user."],
  no_such_api_key: [404, "not_found", "Not found", "There is no such API key."],
  too_many_api_keys: [
    409,
    "conflict",
    "Too many keys",
    "There are two active keys of this name. Revoke one first.",
  ],
  no_such_challenge: [404, "not_found", "Not found", "There is no such challenge."],
  challenge_over: [
    410,
    "challenge_expired",
    "Challenge has ended",
    "This address works only once and for ten minutes. Go back to the site that sent you here and begin again.",
  ],
  return_address_refused: [
    422,
    "invalid_format",
    "Invalid format",
    "return_to: is not covered by the return addresses of this API key",
  ],
  return_address_has_receipt_parameter: [
    422,
    "invalid_format",
    "Invalid format",
    "return_to: has a parameter that could be read as challenge or receipt, which Sallyport adds",
  ],
  already_responded: [409, "idempotency_conflict", "Request was already processed", idempotencyAdvice],
  first_response_void: [
    409,
    "idempotency_conflict",
    "First response void",
    "The account or the API key has changed since the first response, so that response is not repeated. Send a new Idempotency-Key.",
  ],
  idempotency_conflict: [409, "idempotency_conflict", "Idempotency-Key in use", idempotencyAdvice],
  weak_secret: [422, "weak_secret", "Weak secret", "The secret has less than 128 bits. Use a longer one."],
  unsupported_parameters: [
    422,
    "unsupported_parameters",
    "Unsupported parameters",
    "Only SHA-1, 6 digits and 30 seconds are supported.",
  ],
  scope_missing: [403, "forbidden", "Not allowed", "This API key does not have the required scope."],
  no_such_session: [404, "not_found", "Not found", "There is no such session."],
  field_unreadable: [
    503,
    "store_unavailable",
    "Temporarily unavailable",
    "The second factor can't be checked now. Try again later, or tell the operator.",
  ],
  malformed_request: [400, "malformed_request", "Malformed request", "The request can't be parsed."],
  invalid_format: [422, "invalid_format", "Invalid format", "A field has an invalid value."],
  unsupported_media_type: [
    415,
    "unsupported_media_type",
    "Unsupported media type",
    "Send the body with the content type that this call takes.",
  ],
  body_too_large: [413, "body_too_large", "Body too large", "The body of a request may have at most 16 KiB."],
  length_required: [
    411,
    "length_required",
    "Length required",
    "The body of a GET or HEAD request must have a Content-Length. Send the body with its length, or use another method.",
  ],
  invalid_api_key: [
    401,
    "invalid_api_key",
    "Invalid API key",
    "The API key is missing or unknown. Send a valid one in Authorization: Bearer.",
  ],
  cross_origin: [
    403,
    "csrf_rejected",
    "Cross-origin request",
    "This request did not come from a page of this site, so it was rejected. Open the page and try again.",
  ],
  no_such_page: [404, "not_found", "Not found", "There is nothing here."],
  no_such_own_address: [404, "not_found", "Not found", "Sallyport has nothing at this address."],
  method_not_allowed: [
    405,
    "method_not_allowed",
    "Method not allowed",
    "This address does not support the method. The header Allow lists those that it supports.",
  ],
  store_unavailable: [
    503,
    "store_unavailable",
    "Temporarily unavailable",
    "The database does not respond. Try again in a few seconds.",
  ],
  unhealthy: [
    503,
    "store_unavailable",
    "Temporarily unavailable",
    "Some parts of the deployment do not respond.",
  ],
  unreadable_original: [
    403,
    "forbidden",
    "Not allowed",
    "The proxy's headers do not describe the original request in a valid way. Check the configuration of the proxy.",
  ],
  misspelled_header: [
    403,
    "forbidden",
    "Not allowed",
    "Servers can read a header of the request as one that only a proxy may set. Send the request without it.",
  ],
  first_factor_unavailable: [
    503,
    "first_factor_unavailable",
    "Temporarily unavailable",
    "The system that identifies you does not respond. Try again in a few seconds.",
  ],
  ambiguous_credentials: [
    401,
    "ambiguous_credentials",
    "More than one sign-in",
    "This request has several credentials of the site, and they do not all belong to the same account. Sign out at the site, or delete the site's cookies in your browser, and sign in again.",
  ],
  account_disabled: [
    403,
    "forbidden",
    "Not allowed",
    "This account is disabled. Ask the operator of the site.",
  ],
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
    "The site does not respond. Try again in a few seconds.",
  ],
  user_differs: [
    409,
    "conflict",
    "User differs",
    "This user already exists with other data. Nothing was changed.",
  ],
  import_interrupted: [
    503,
    "store_unavailable",
    "Import interrupted",
    "The database does not respond. Continue with the line next_line, or send all lines again.",
  ],
  import_too_large: [
    413,
    "body_too_large",
    "Body too large",
    "The import is too large for one request. Continue with the line next_line.",
  ],
  internal_error: [
    500,
    "internal_error",
    "Internal error",
    "An unexpected error occurred and was logged. Try again, or give the operator the request ID.",
  ],
};

/** Returns the HTTP status, the code, the title and the detail of the problem document for a failure's reason. */
export function problemStatusAndTextsOf(reason: AnyFailure["reason"]): {
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
