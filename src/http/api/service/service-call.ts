import * as z from "zod/mini";
import { sha256Base64url } from "../../../core/crypto/digest.ts";
import { lazy } from "../../../core/lib/lazy.ts";
import {
  backendUserIdPattern,
  listPossibleStoredUserIds,
  realmNamePattern,
} from "../../../core/parsing/user-id.ts";
import type { Failure } from "../../../domain/failure.ts";
import { type CompareExportKeyResult, compareExportKey } from "../../../domain/service-api/export-key.ts";
import {
  type ApiKeyScope,
  authenticateKeyAndReadCallRows,
  type ServiceCaller,
  type UserServiceCall,
} from "../../../domain/service-api/service-caller.ts";
import {
  type FindFirstResponseResult,
  findFirstResponse,
  type IdempotencyKeyWithRequestHash,
} from "../../../domain/service-api/stored-response.ts";
import { localRealm } from "../../../domain/sign-in/password-sign-in.ts";
import type { User } from "../../../store/users/user-rows.ts";
import { readBearerToken } from "../../caller.ts";
import type { AppContext } from "../../context.ts";
import { respondWithFailure } from "../../problem/failure-response.tsx";
import { type AnyFailure, FailureError } from "../../problem/http-failure.ts";
import { formatProblemDocument, problemContentType, toProblem } from "../../problem/problem.ts";
import type { OkResult, PreparedResponse } from "../success-response.ts";

/** An authenticated request of a service client, with the rows that were read on the way. */
export interface AuthenticatedServiceRequest {
  readonly caller: ServiceCaller;
  readonly user: User | null;
  readonly exportKey: CompareExportKeyResult;
  /** Null: the request has no `Idempotency-Key`. */
  readonly repeatable: (IdempotencyKeyWithRequestHash & { readonly first: FindFirstResponseResult }) | null;
}

/** Carries `EXPORT_KEY`, in addition to the API key in `Authorization`. */
export const exportKeyHeaderName = "X-Sallyport-Export-Key";

/** For the OpenAPI document: the header of operations that can need `EXPORT_KEY`. */
export const exportKeyHeaderDescription: Readonly<Record<string, string>> = {
  [exportKeyHeaderName]: "EXPORT_KEY: needed to export, and to change an account of ADMIN_USERS",
};

const idempotencyKeyPattern = /^[\x21-\x7e]{1,255}$/;

/**
 * Authenticates a request by its API key or `ADMIN_KEY`, and looks up its `Idempotency-Key`. One read at most
 * (`authenticateKeyAndReadCallRows`).
 *
 * @param body the text of the body, which is part of the request's hash: a retry has the same text
 * @throws FailureError 401 without a valid key; 403 when the key does not have the scope; 404 for another realm than the
 *   key's; 409 when the `Idempotency-Key` was used for another request
 */
export async function authenticateAndLookUpIdempotencyKey(
  c: AppContext,
  scope: ApiKeyScope,
  { body, repeatable }: { body: string; repeatable: boolean },
): Promise<AuthenticatedServiceRequest> {
  const token = readBearerToken(c);
  if (token === undefined) throw new FailureError({ ok: false, reason: "invalid_api_key" });
  const realm = c.req.query("realm");
  const key = repeatable ? c.req.header("Idempotency-Key") : undefined;
  const keyHash = key === undefined ? null : await sha256Base64url(key);
  const userId = c.req.param("id") ?? null;
  const { deps, now } = c.var;
  const aboutUser =
    c.req.routePath.includes("/users/:id") && userId !== null && backendUserIdPattern.test(userId);
  const authenticated = await authenticateKeyAndReadCallRows(deps, {
    token,
    adminRealm: realm !== undefined && realmNamePattern.test(realm) ? realm : localRealm,
    userId: aboutUser ? userId : null,
    keyHash,
    now,
  });
  if (authenticated === null) throw new FailureError({ ok: false, reason: "invalid_api_key" });
  const { caller, user, storedResponse } = authenticated;
  if (!caller.scopes.includes(scope)) throw new FailureError({ ok: false, reason: "scope_missing", scope });
  if (realm !== undefined && realm !== caller.realm)
    throw new FailureError({ ok: false, reason: "no_such_realm" });
  if (key !== undefined && !idempotencyKeyPattern.test(key)) {
    const detail = "Idempotency-Key: must have 1 to 255 visible characters";
    throw new FailureError({ ok: false, reason: "invalid_format", detail });
  }
  const exportKey = await compareExportKey(deps.config, c.req.header(exportKeyHeaderName));
  if (keyHash === null) return { caller, user, exportKey, repeatable: null };
  const path = new URL(c.req.url).pathname;
  const call = {
    realm: caller.realm,
    keyHash,
    apiKeyId: caller.keyId,
    userIds: aboutUser ? listPossibleStoredUserIds(caller.realm, userId) : [],
    // Scopes and EXPORT_KEY are part of the hash: a caller with fewer rights must not get the response of a caller with
    // more. The response to a request with EXPORT_KEY can hold a secret of an account of ADMIN_USERS.
    requestHash: await sha256Base64url(
      JSON.stringify([
        ...[c.req.method, path, body, caller.scopes.toSorted(), caller.returnUrls],
        ...(exportKey === "right" ? ["export_key"] : []),
      ]),
    ),
  };
  const first =
    storedResponse === null
      ? ({ kind: "none" } as const)
      : await findFirstResponse(deps, call, now, storedResponse);
  const failure = failureOfKeyReuse(first);
  if (failure !== null) throw new FailureError(failure);
  return { caller, user, exportKey, repeatable: { ...call, first } };
}

/**
 * Returns the failure of a request whose `Idempotency-Key` was used before: another call used it, or the first response
 * reports an accepted code and a reset has voided that approval since (INC-37). Null: the request does not fail.
 */
function failureOfKeyReuse({ kind }: FindFirstResponseResult): Failure | null {
  if (kind === "conflict") return { ok: false, reason: "idempotency_conflict" };
  return kind === "void" ? { ok: false, reason: "first_response_void" } : null;
}

/** Sends a rendered response, with the headers that were set on the context before. */
export const sendPreparedResponse = (
  c: AppContext,
  { status, type, body }: PreparedResponse,
  headers: Record<string, string> = {},
): Response => c.body(body, status, { "Content-Type": type, ...headers });

/**
 * Runs a service call and sends its response; a retry gets the first response again. Only a response whose decision was
 * written is stored: a retry of a call that failed without a write is decided anew.
 */
export async function respondToAuthenticatedServiceRequest<Result extends OkResult>(
  c: AppContext,
  { caller, user, exportKey, repeatable }: AuthenticatedServiceRequest,
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
  if (result.ok) return sendPreparedResponse(c, render(result));
  if (repeatable !== null && !isStoredFailure(result)) {
    const first = await findFirstResponse(deps, repeatable, now);
    if (first.kind === "found") return replay(c, first.response);
    const failure = failureOfKeyReuse(first);
    if (failure !== null) return respondWithFailure(c, failure);
  }
  return respondWithFailure(c, result);
}

/** The failures that a batch stores for a retry. Before any other failure, a parallel request may have stored a response. */
const isStoredFailure = ({ reason }: AnyFailure) => reason === "wrong_code" || reason === "replayed_code";

function renderFailure(c: AppContext, failure: AnyFailure): PreparedResponse {
  const problem = toProblem(failure);
  const body = formatProblemDocument(problem, c.var.client.requestId);
  return { status: problem.status, type: problemContentType, body };
}

/** Sends a stored response again, with the status, type and body of the first one. */
function replay(c: AppContext, stored: string): Response {
  const response = storedResponse().parse(JSON.parse(stored)) as PreparedResponse;
  return sendPreparedResponse(c, response, { "Idempotency-Replayed": "true" });
}

const storedResponse = lazy(() => z.object({ status: z.number(), type: z.string(), body: z.string() }));
