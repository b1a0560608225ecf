import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Limit } from "../../domain/failure.ts";
import type { ImportReport } from "../../domain/service-api/import.ts";
import { rateLimitHeaders } from "../rate-limit.ts";
import type { AnyFailure } from "./http-failure.ts";
import { describeReason } from "./problem-kinds.ts";

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

/** When a store or an origin is down, this is soon enough to ask again. */
const outageRetrySeconds = 5;

/** Translates a failure. The only place where a reason becomes a status. */
export function describeFailure(failure: AnyFailure): Problem {
  const { status, code, title, detail } = describeReason(failure.reason);
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
