import { describeError, log } from "../log.ts";
import { StoreUnavailable } from "../store/database.ts";
import type { AppContext } from "./context.ts";
import { renderDocument } from "./pages/views/layout.tsx";
import { MessagePage } from "./pages/views/message.tsx";
import {
  type AnyFailure,
  describeFailure,
  type Problem,
  problemDocument,
  problemType,
  Refused,
} from "./problem.ts";

/**
 * Answers with a failure: problem JSON (RFC 9457) to programs, a page to people.
 *
 * @param status instead of the failure's own, where an entry has a contract of its own (the gate: 401)
 */
export function refuse(c: AppContext, failure: AnyFailure, status?: Problem["status"]): Response {
  const problem = { ...describeFailure(failure), ...(status === undefined ? {} : { status }) };
  const headers = new Headers();
  if (problem.retryAfterSeconds !== null) headers.set("Retry-After", String(problem.retryAfterSeconds));
  if (problem.allow !== null) headers.set("Allow", problem.allow.join(", "));
  log(problem.status >= 500 ? "error" : "info", "request.refused", {
    request_id: c.var.client.requestId,
    method: c.req.method,
    status: problem.status,
    reason: failure.reason,
  });
  return c.var.face === "page" ? asPage(c, problem, headers) : asDocument(c, problem, headers);
}

function asDocument(c: AppContext, problem: Problem, headers: Headers): Response {
  headers.set("Content-Type", problemType);
  const document = problemDocument(problem, c.var.client.requestId);
  return c.body(document, problem.status, Object.fromEntries(headers));
}

function asPage(c: AppContext, problem: Problem, headers: Headers): Response {
  const page = (
    <MessagePage
      base={c.var.config.basePath}
      issuer={c.var.config.issuer}
      kind="error"
      title={problem.title}
      message={problem.detail}
      code={problem.code}
      requestId={c.var.client.requestId}
      retryAfterSeconds={problem.retryAfterSeconds ?? undefined}
      actions={[{ href: `${c.var.config.basePath}/account`, label: "Go to your account" }]}
    />
  );
  return c.html(renderDocument(page), problem.status, Object.fromEntries(headers));
}

/** Answers to whatever was thrown. Nothing of an error gets into a body (STANDARDS WB-11). */
export function refuseError(error: Error, c: AppContext): Response {
  if (error instanceof Refused) return refuse(c, error.failure);
  const failure = {
    ok: false,
    reason: error instanceof StoreUnavailable ? "store_unavailable" : "internal_error",
  } as const;
  log("error", failure.reason, { request_id: c.var.client.requestId, ...describeError(error) });
  return refuse(c, failure);
}
