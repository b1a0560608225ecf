import {
  AmbiguousCredentialsError,
  FirstFactorUnavailableError,
} from "../../domain/sign-in/first-factor-source.ts";
import { formatRootCauseForLog, log } from "../../log.ts";
import { StoreUnavailableError } from "../../store/platform/database.ts";
import type { AppContext } from "../context.ts";
import { isPageNavigation } from "../page-navigation.ts";
import { renderHtmlDocument } from "../pages/layout/layout.tsx";
import { MessagePage } from "../pages/layout/message.tsx";
import { type AnyFailure, FailureError } from "./http-failure.ts";
import {
  formatProblemDocument,
  type Problem,
  problemContentType,
  retryRateLimitAndAllowHeaders,
  toProblem,
} from "./problem.ts";

/** How a visitor whose request to the site was denied can continue. */
export interface SignInHint {
  /** Replaces the failure's own status: for the gate, every denied request that can be helped is a 401. */
  readonly status: Problem["status"];
  /** The address of the page on which the visitor can sign in or enter a code. */
  readonly signIn: string;
  /** The path of `POST /hand-over`, which the script calls before it opens `signIn`. Null: it need not. */
  readonly handOver: string | null;
  /** The request was a form submission, whose data is lost. */
  readonly formLost: boolean;
}

/**
 * Logs the failure and responds with it: with a page on routes of pages, and at the gate for a request that loads a page, else with a problem
 * document (RFC 9457).
 */
export function respondWithFailure(c: AppContext, failure: AnyFailure, hint?: SignInHint): Response {
  const described = toProblem(failure);
  const problem = hint === undefined ? described : { ...described, status: hint.status };
  const headers = new Headers(retryRateLimitAndAllowHeaders(problem));
  logFailure(c, problem.status, failure);
  return showsPage(c)
    ? respondWithPage(c, problem, headers, hint)
    : respondWithDocument(c, problem, headers, hint);
}

/** Decided when a request is refused: an allowed request at the gate needs no format. */
const showsPage = (c: AppContext): boolean =>
  c.var.errorFormat === "page" || (c.var.errorFormat === "by_request" && isPageNavigation(c));

/** Logs a failure response. For an attempt that was not evaluated, such as one during a cool-down, this is the only record. */
export function logFailure(c: AppContext, status: number, { reason }: AnyFailure): void {
  log(status >= 500 ? "error" : "info", "request.refused", {
    request_id: c.var.client.requestId,
    method: c.req.method,
    status,
    reason,
  });
}

function respondWithDocument(c: AppContext, problem: Problem, headers: Headers, hint?: SignInHint): Response {
  headers.set("Content-Type", problemContentType);
  const members = { ...problem.members, ...hintMembers(hint) };
  const document = formatProblemDocument({ ...problem, members }, c.var.client.requestId);
  return c.body(document, problem.status, Object.fromEntries(headers));
}

function hintMembers(hint: SignInHint | undefined): Problem["members"] {
  if (hint === undefined) return {};
  return {
    sign_in: hint.signIn,
    ...(hint.handOver === null ? {} : { hand_over: hint.handOver }),
  };
}

const lostFormMessage =
  "Your form did not reach the site, because your session has ended. Sign in, go back to the form, and send it again.";

function respondWithPage(c: AppContext, problem: Problem, headers: Headers, hint?: SignInHint): Response {
  const lost = hint?.formLost === true;
  const page = (
    <MessagePage
      base={c.var.config.basePath}
      issuer={c.var.config.issuer}
      kind="error"
      title={lost ? "Your form was not sent" : problem.title}
      message={lost ? lostFormMessage : problem.detail}
      code={problem.code}
      requestId={c.var.client.requestId}
      retryAfterSeconds={problem.retryAfterSeconds ?? undefined}
      actions={[nextAction(c, hint)]}
    />
  );
  return c.html(renderHtmlDocument(page), problem.status, Object.fromEntries(headers));
}

/** Returns the link on the page, with which the visitor can continue. */
function nextAction(c: AppContext, hint?: SignInHint) {
  return hint === undefined
    ? { href: `${c.var.config.basePath}/account`, label: "Go to your account" }
    : { href: hint.signIn, label: "Sign in and go back" };
}

/** Responds to an error that was thrown. The response contains nothing of an unexpected error (WB-11). */
export function respondToError(error: Error, c: AppContext): Response {
  if (error instanceof FailureError) return respondWithFailure(c, error.failure);
  const failure = { ok: false, reason: reasonOf(error) } as const;
  log(failure.reason === "ambiguous_credentials" ? "warn" : "error", failure.reason, {
    request_id: c.var.client.requestId,
    ...formatRootCauseForLog(error),
  });
  return respondWithFailure(c, failure);
}

function reasonOf(error: Error) {
  if (error instanceof StoreUnavailableError) return "store_unavailable";
  if (error instanceof AmbiguousCredentialsError) return "ambiguous_credentials";
  return error instanceof FirstFactorUnavailableError ? "first_factor_unavailable" : "internal_error";
}
