import { AmbiguousCredentials, FirstFactorUnavailable } from "../../domain/sign-in/first-factor-source.ts";
import { describeError, log } from "../../log.ts";
import { StoreUnavailable } from "../../store/platform/database.ts";
import type { AppContext } from "../context.ts";
import { renderDocument } from "../pages/layout/layout.tsx";
import { MessagePage } from "../pages/layout/message.tsx";
import { type AnyFailure, FailureError } from "./http-failure.ts";
import { describeFailure, type Problem, problemDocument, problemHeaders, problemType } from "./problem.ts";

/** What an entry says of a refusal beside its failure. */
export interface EntryDenied {
  /** Instead of the failure's own: the gate has a contract of its own. */
  readonly status: Problem["status"];
  /** The page that helps. */
  readonly signIn: string;
  /** What was sent is a form that is lost with this. */
  readonly formLost: boolean;
}

/** Answers with a failure: problem JSON (RFC 9457) to programs, a page to people. */
export function respondWithFailure(c: AppContext, failure: AnyFailure, entry?: EntryDenied): Response {
  const described = describeFailure(failure);
  const problem = entry === undefined ? described : { ...described, status: entry.status };
  const headers = new Headers(problemHeaders(problem));
  logFailure(c, problem.status, failure);
  return c.var.errorFormat === "page"
    ? asPage(c, problem, headers, entry)
    : asDocument(c, problem, headers, entry);
}

/** Writes a refusal into the log, whatever it looks like: a try that was not looked at leaves no other trace. */
export function logFailure(c: AppContext, status: number, { reason }: AnyFailure): void {
  log(status >= 500 ? "error" : "info", "request.refused", {
    request_id: c.var.client.requestId,
    method: c.req.method,
    status,
    reason,
  });
}

function asDocument(c: AppContext, problem: Problem, headers: Headers, entry?: EntryDenied): Response {
  headers.set("Content-Type", problemType);
  const members = entry === undefined ? problem.members : { ...problem.members, sign_in: entry.signIn };
  const document = problemDocument({ ...problem, members }, c.var.client.requestId);
  return c.body(document, problem.status, Object.fromEntries(headers));
}

const lostForm =
  "What you sent was not passed on, because your session had ended. Go on to sign in, come back, and send it again.";

function asPage(c: AppContext, problem: Problem, headers: Headers, entry?: EntryDenied): Response {
  const lost = entry?.formLost === true;
  const page = (
    <MessagePage
      base={c.var.config.basePath}
      issuer={c.var.config.issuer}
      kind="error"
      title={lost ? "Your form was not sent" : problem.title}
      message={lost ? lostForm : problem.detail}
      code={problem.code}
      requestId={c.var.client.requestId}
      retryAfterSeconds={problem.retryAfterSeconds ?? undefined}
      actions={[wayOn(c, entry)]}
    />
  );
  return c.html(renderDocument(page), problem.status, Object.fromEntries(headers));
}

/** A page is never the end of the way. */
function wayOn(c: AppContext, entry?: EntryDenied) {
  return entry === undefined
    ? { href: `${c.var.config.basePath}/account`, label: "Go to your account" }
    : { href: entry.signIn, label: "Sign in and go back" };
}

/** Answers to whatever was thrown. Nothing of an error gets into a body (WB-11). */
export function respondToError(error: Error, c: AppContext): Response {
  if (error instanceof FailureError) return respondWithFailure(c, error.failure);
  const failure = { ok: false, reason: reasonOf(error) } as const;
  log(failure.reason === "ambiguous_credentials" ? "warn" : "error", failure.reason, {
    request_id: c.var.client.requestId,
    ...describeError(error),
  });
  return respondWithFailure(c, failure);
}

function reasonOf(error: Error) {
  if (error instanceof StoreUnavailable) return "store_unavailable";
  if (error instanceof AmbiguousCredentials) return "ambiguous_credentials";
  return error instanceof FirstFactorUnavailable ? "first_factor_unavailable" : "internal_error";
}
