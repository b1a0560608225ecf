import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import type { UserServiceCall } from "../../../domain/service-api/service-caller.ts";
import { findFirstResponse } from "../../../domain/service-api/stored-response.ts";
import type { AppContext } from "../../context.ts";
import { respondWithFailure } from "../../problem/failure-response.tsx";
import type { AnyFailure } from "../../problem/http-failure.ts";
import { describeFailure, problemDocument, problemType } from "../../problem/problem.ts";
import type { OkResult, PreparedResponse } from "../success-response.ts";
import { failureOfFirst, type ServiceRequest } from "./service-request.ts";

/** Sends a rendered response, with the headers that were set on the context before. */
export const send = (
  c: AppContext,
  { status, type, body }: PreparedResponse,
  headers: Record<string, string> = {},
): Response => c.body(body, status, { "Content-Type": type, ...headers });

/**
 * Runs a service call and sends its response; a retry gets the first response again. Only a response whose decision was
 * written is stored: a retry of a call that failed without a write is decided anew.
 */
export async function respondToServiceCall<Result extends OkResult>(
  c: AppContext,
  { caller, user, exportKey, repeatable }: ServiceRequest,
  render: (result: Result) => PreparedResponse,
  run: (call: UserServiceCall<Result>) => Promise<Result | AnyFailure>,
): Promise<Response> {
  if (repeatable?.first.kind === "found") return replay(c, repeatable.first.response);
  const { deps, client, now } = c.var;
  const renderForRetry = (possible: Result | AnyFailure) =>
    JSON.stringify(possible.ok ? render(possible) : renderFailure(c, possible));
  const result = await run({
    realm: caller.realm,
    client: { ...client, actor: caller.actor },
    now,
    userId: c.req.param("id") ?? "",
    known: user,
    exportKey,
    idempotency: repeatable === null ? null : { call: repeatable, render: renderForRetry },
  });
  if (result.ok) return send(c, render(result));
  if (repeatable !== null && !isStoredFailure(result)) {
    const first = await findFirstResponse(deps, repeatable, now);
    if (first.kind === "found") return replay(c, first.response);
    const failure = failureOfFirst(first);
    if (failure !== null) return respondWithFailure(c, failure);
  }
  return respondWithFailure(c, result);
}

/** The failures that a batch stores for a retry. Before any other failure, a parallel request may have stored a response. */
const isStoredFailure = ({ reason }: AnyFailure) => reason === "wrong_code" || reason === "replayed_code";

function renderFailure(c: AppContext, failure: AnyFailure): PreparedResponse {
  const problem = describeFailure(failure);
  const body = problemDocument(problem, c.var.client.requestId);
  return { status: problem.status, type: problemType, body };
}

/** Sends a stored response again, with the status, type and body of the first one. */
function replay(c: AppContext, stored: string): Response {
  const response = storedResponse().parse(JSON.parse(stored)) as PreparedResponse;
  return send(c, response, { "Idempotency-Replayed": "true" });
}

const storedResponse = lazy(() => z.object({ status: z.number(), type: z.string(), body: z.string() }));
