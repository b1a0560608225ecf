import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ExceededLimit } from "../../domain/failure.ts";
import type { ImportReport } from "../../domain/service-api/import.ts";
import { rateLimitHeaders } from "../rate-limit.ts";
import type { AnyFailure } from "./http-failure.ts";
import { problemStatusAndTextsOf } from "./problem-kinds.ts";

/** The contents of an error response: the members of an RFC 9457 document, and values for headers. */
export interface Problem {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly retryAfterSeconds: number | null;
  /** The limit that the request counts against, for the rate limit headers. */
  readonly limit: ExceededLimit | null;
  /** Extension members of the document (RFC 9457 3.2). */
  readonly members: Readonly<Record<string, unknown>>;
  /** The methods for the header `Allow`. */
  readonly allow: readonly string[] | null;
}

/** `Retry-After` when D1, the origin or a first-factor source does not respond. */
const outageRetrySeconds = 5;

/** Returns the problem for a failure. The only function that maps a failure to a status. */
export function toProblem(failure: AnyFailure): Problem {
  const { status, code, title, detail } = problemStatusAndTextsOf(failure.reason);
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

/** Returns `Retry-After`, the rate limit headers and `Allow`, as far as the problem has them. The same for documents and for pages. */
export function retryRateLimitAndAllowHeaders({
  retryAfterSeconds,
  limit,
  allow,
}: Problem): Record<string, string> {
  const remainder = retryAfterSeconds === null ? null : { left: 0, seconds: retryAfterSeconds };
  return {
    ...(retryAfterSeconds === null ? {} : { "Retry-After": String(retryAfterSeconds) }),
    ...(limit === null ? {} : rateLimitHeaders(limit, remainder)),
    ...(allow === null ? {} : { Allow: allow.join(", ") }),
  };
}

/**
 * Returns the limit that a failed attempt counts against. The number of attempts left is not sent with a failed attempt: for
 * a password it would reveal attempts of other clients, and for a code whether it was a replayed one (TH-10).
 */
function limitOf(failure: AnyFailure): ExceededLimit | null {
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
    return toImportReportBody(failure.report);
  if (failure.reason === "too_many_attempts" && failure.startOver === true) return { start_over: true };
  if (failure.reason === "export_key_required") return { export_key: failure.why };
  return failure.reason === "unhealthy" ? { parts: failure.parts } : {};
}

/** Returns the JSON form of an import's report. It is part of the response for every status. */
export const toImportReportBody = ({
  lines,
  created,
  unchanged,
  failed,
  nextLine,
  errors,
  resetRequired,
  resets,
  dryRun,
}: ImportReport) => ({
  lines,
  created,
  unchanged,
  failed,
  next_line: nextLine,
  errors: errors.map(({ line, failure }) => {
    const { code, detail } = toProblem(failure);
    return { line, code, detail };
  }),
  reset_required: resetRequired,
  notes: resets.map(({ line, form }) => ({ line, password: "reset_required" as const, form })),
  dry_run: dryRun,
});

const weaknesses = {
  too_short: "A password needs at least 8 characters.",
  too_long: "A password may have at most 1024 characters.",
  common: "This password is one of the most common ones. Choose another password.",
  contains_context: "A password must not be the user name, e-mail address or name of the site.",
} as const;

const exportKeyAdvice = {
  not_set:
    "This call needs EXPORT_KEY, and this deployment has none: set it with wrangler secret put EXPORT_KEY, then send it in X-Sallyport-Export-Key.",
  not_shown:
    "This call needs EXPORT_KEY: send it in X-Sallyport-Export-Key, in addition to the API key in Authorization.",
  wrong: "The value of X-Sallyport-Export-Key is not EXPORT_KEY. Send the EXPORT_KEY of this deployment.",
  binding: "This call is not available over a service binding. Use the HTTP API.",
} as const;

const noAttemptsLeft = "This sign-in has no attempts left. Sign in again.";

function specificDetail(failure: AnyFailure): string | undefined {
  switch (failure.reason) {
    case "malformed_request":
    case "invalid_format":
    case "weak_secret":
    case "unsupported_parameters":
      return failure.detail;
    case "weak_password":
      return weaknesses[failure.weakness];
    case "no_such_own_address":
      return `Sallyport has nothing at this address, and no address below ${failure.basePath} reaches the site. If this address is one of the site's own, its operator must set BASE_PATH to a prefix that the site does not use.`;
    case "scope_missing":
      return `This API key does not have the scope ${failure.scope}.`;
    case "export_key_required":
      return exportKeyAdvice[failure.why];
    case "too_many_attempts":
      return failure.startOver === true ? noAttemptsLeft : undefined;
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

/** Returns the RFC 9457 document of a problem as JSON text. */
export function formatProblemDocument(
  { status, code, title, detail, members }: Problem,
  requestId: string,
): string {
  const type = `urn:sallyport:problem:${code}`;
  return JSON.stringify({ type, title, status, detail, code, request_id: requestId, ...members });
}

/** The `Content-Type` of a problem document. */
export const problemContentType = "application/problem+json; charset=utf-8";
