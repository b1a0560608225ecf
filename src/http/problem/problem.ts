import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Failure, Limit } from "../../domain/failure.ts";
import type { ImportReport } from "../../domain/service-api/import.ts";
import { rateLimitHeaders } from "../rate-limit.ts";

/** What goes wrong before a use case is reached, or beside it. */
export type HttpFailure =
  | { readonly ok: false; readonly reason: "malformed_request"; readonly detail?: string }
  | { readonly ok: false; readonly reason: "invalid_format"; readonly detail?: string }
  | { readonly ok: false; readonly reason: "unsupported_media_type"; readonly expected: string }
  | { readonly ok: false; readonly reason: "body_too_large" }
  | { readonly ok: false; readonly reason: "unauthenticated" }
  | { readonly ok: false; readonly reason: "invalid_api_key" }
  | { readonly ok: false; readonly reason: "cross_origin" }
  | { readonly ok: false; readonly reason: "no_such_page" }
  | { readonly ok: false; readonly reason: "method_not_allowed"; readonly allow: readonly string[] }
  | { readonly ok: false; readonly reason: "second_factor_required" }
  | { readonly ok: false; readonly reason: "store_unavailable" }
  | { readonly ok: false; readonly reason: "unhealthy"; readonly parts: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: "unreadable_original" }
  /** A header of the client can be read as one that only a proxy may set. */
  | { readonly ok: false; readonly reason: "misspelled_header"; readonly name: string }
  | { readonly ok: false; readonly reason: "first_factor_unavailable" }
  /** The request shows credentials of the site that do not all name the same account (INC-23, INC-24). */
  | { readonly ok: false; readonly reason: "ambiguous_credentials" }
  /** The key's scopes do not cover this. */
  | { readonly ok: false; readonly reason: "scope_missing"; readonly scope: string }
  /** Another realm than the key's (WB-09). */
  | { readonly ok: false; readonly reason: "no_such_realm" }
  | { readonly ok: false; readonly reason: "origin_unavailable" }
  /** A user is there, and is not the one that a line of an import describes. */
  | { readonly ok: false; readonly reason: "user_differs" }
  /** The store failed in the middle of an import. */
  | { readonly ok: false; readonly reason: "import_interrupted"; readonly report: ImportReport }
  /** More lines or bytes than one request takes. */
  | { readonly ok: false; readonly reason: "import_too_large"; readonly report: ImportReport }
  | { readonly ok: false; readonly reason: "internal_error" };

export type AnyFailure = Failure | HttpFailure;

/** A failure on its way out of a helper. The app turns it into a response in one place. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(readonly failure: AnyFailure) {
    super(failure.reason);
  }
}

/** What a caller is told: RFC 9457 members, and headers. */
export interface Problem {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly retryAfterSeconds: number | null;
  /** What the request counts under. */
  readonly limit: Limit | null;
  /** Further members of the document. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly allow: readonly string[] | null;
}

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
export function describeReason(
  reason: AnyFailure["reason"],
): Pick<Problem, "status" | "code" | "title" | "detail"> {
  const [status, code, title, detail] = kinds[reason];
  return { status, code, title, detail };
}

/** Every code that a problem can have. */
export const problemCodes: readonly string[] = [...new Set(Object.values(kinds).map(([, code]) => code))];

/** When a store or an origin is down, this is soon enough to ask again. */
const outageRetrySeconds = 5;

/** Translates a failure. The only place where a reason becomes a status. */
export function describeFailure(failure: AnyFailure): Problem {
  const [status, code, title, detail] = kinds[failure.reason];
  return {
    status,
    code,
    title,
    detail: specificDetail(failure) ?? detail,
    retryAfterSeconds: retryAfter(failure, status),
    limit: limitOf(failure),
    members: furtherMembers(failure),
    allow: failure.reason === "method_not_allowed" ? failure.allow : null,
  };
}

/** The headers that go with a problem, in whatever form it is shown. */
export function problemHeaders({ retryAfterSeconds, limit, allow }: Problem): Record<string, string> {
  const remainder = retryAfterSeconds === null ? null : { left: 0, seconds: retryAfterSeconds };
  return {
    ...(retryAfterSeconds === null ? {} : { "Retry-After": String(retryAfterSeconds) }),
    ...(limit === null ? {} : rateLimitHeaders(limit, remainder)),
    ...(allow === null ? {} : { Allow: allow.join(", ") }),
  };
}

/**
 * What is left is not said with a refused try. Of a password it would tell who else has been at this account from
 * here, and of a code whether it was right once (TH-10).
 */
function limitOf(failure: AnyFailure): Limit | null {
  switch (failure.reason) {
    case "too_many_attempts":
      return failure.limit ?? "second_factor";
    case "wrong_credentials":
      return "first_factor";
    case "wrong_code":
    case "replayed_code":
      return "second_factor";
    default:
      return null;
  }
}

function furtherMembers(failure: AnyFailure): Problem["members"] {
  if (failure.reason === "step_up_required") return { max_age: failure.maxAgeSeconds };
  if (failure.reason === "import_interrupted" || failure.reason === "import_too_large")
    return describeImport(failure.report);
  if (failure.reason === "too_many_attempts" && failure.startOver === true) return { start_over: true };
  if (failure.reason === "export_key_required") return { export_key: failure.why };
  return failure.reason === "unhealthy" ? { parts: failure.parts } : {};
}

/** What has become of the lines of an import, as its answer says it, whatever its status. */
export const describeImport = ({ lines, created, unchanged, failed, nextLine, errors }: ImportReport) => ({
  lines,
  created,
  unchanged,
  failed,
  next_line: nextLine,
  errors: errors.map(({ line, failure }) => {
    const { code, detail } = describeFailure(failure);
    return { line, code, detail };
  }),
});

const weaknesses = {
  too_short: "A password has at least 8 characters.",
  too_long: "A password has at most 1024 characters.",
  common: "This password is among the first that anybody would try.",
  contains_context: "A password must not be the user name, e-mail address or name of the site.",
} as const;

const exportKeyAdvice = {
  not_set:
    "This call needs EXPORT_KEY, and this deployment has none: set it with wrangler secret put EXPORT_KEY, then send it in X-Sallyport-Export-Key.",
  not_shown:
    "This call needs EXPORT_KEY: send it in X-Sallyport-Export-Key, beside the key in Authorization.",
  wrong: "What X-Sallyport-Export-Key says is not EXPORT_KEY.",
  binding: "This can't be done over a service binding.",
} as const;

const spentSignIn = "This sign-in has had its attempts, and no waiting gives it more. Sign in again.";

function specificDetail(failure: AnyFailure): string | undefined {
  switch (failure.reason) {
    case "malformed_request":
    case "invalid_format":
    case "weak_secret":
    case "unsupported_parameters":
      return failure.detail;
    case "weak_password":
      return weaknesses[failure.weakness];
    case "scope_missing":
      return `This API key does not have the scope ${failure.scope}.`;
    case "export_key_required":
      return exportKeyAdvice[failure.why];
    case "too_many_attempts":
      return failure.startOver === true ? spentSignIn : undefined;
    case "misspelled_header":
      return `Servers can read the header "${failure.name}" as one that only a proxy may set.`;
    case "unsupported_media_type":
      return `Send ${failure.expected}.`;
    default:
      return undefined;
  }
}

function retryAfter(failure: AnyFailure, status: ContentfulStatusCode): number | null {
  if (failure.reason === "too_many_attempts") return failure.retryAfterSeconds;
  return status === 502 || status === 503 ? outageRetrySeconds : null;
}

/** RFC 9457, as every error of the API is answered. */
export function problemDocument(
  { status, code, title, detail, members }: Problem,
  requestId: string,
): string {
  const type = `urn:sallyport:problem:${code}`;
  return JSON.stringify({ type, title, status, detail, code, request_id: requestId, ...members });
}

export const problemType = "application/problem+json; charset=utf-8";
