import * as z from "zod/mini";
import { sha256 } from "../../../core/crypto/digest.ts";
import { lazy } from "../../../core/lib/lazy.ts";
import { possibleStoredUserIds, realmForm, userIdForm } from "../../../core/parsing/user-id.ts";
import type { Failure } from "../../../domain/failure.ts";
import { compareExportKey, type ExportKeyState } from "../../../domain/service-api/export-key.ts";
import {
  authenticateServiceCaller,
  type Scope,
  type ServiceCall,
  type ServiceCaller,
  type UserServiceCall,
} from "../../../domain/service-api/service-caller.ts";
import {
  type FirstResponse,
  findFirstResponse,
  type RepeatableCall,
  sealResponse,
} from "../../../domain/service-api/stored-response.ts";
import { localRealm } from "../../../domain/sign-in/password-sign-in.ts";
import type { User } from "../../../store/users/user-rows.ts";
import { readBearerToken } from "../../caller.ts";
import type { AppContext } from "../../context.ts";
import {
  type AnyFailure,
  describeFailure,
  problemDocument,
  problemType,
  Refused,
} from "../../problem/problem.ts";
import { refuse } from "../../problem/refusal.tsx";

/** A backend's request: who calls, and what has been read about it. */
export interface ServiceRequest {
  readonly caller: ServiceCaller;
  readonly user: User | null;
  readonly exportKey: ExportKeyState;
  /** Null: no `Idempotency-Key` came. */
  readonly repeatable: (RepeatableCall & { readonly first: FirstResponse }) | null;
}

/** An answer as it is kept for a retry: exactly what is sent. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Where a caller shows `EXPORT_KEY`, beside its own key in `Authorization`. */
export const exportKeyHeader = "X-Sallyport-Export-Key";

const jsonType = "application/json";
const idempotencyKeyForm = /^[\x21-\x7e]{1,255}$/;

/**
 * Finds out who calls. One read at most (`authenticateServiceCaller`).
 *
 * @param body the text of the body: a retry has the same one
 * @throws Refused 401 without a known key; 403 when its scopes don't cover the call; 404 for another realm; 409 when
 *   the `Idempotency-Key` belongs to another call
 */
export async function readServiceRequest(
  c: AppContext,
  scope: Scope,
  { body, repeatable }: { body: string; repeatable: boolean },
): Promise<ServiceRequest> {
  const token = readBearerToken(c);
  if (token === undefined) throw new Refused({ ok: false, reason: "invalid_api_key" });
  const realm = c.req.query("realm");
  const key = repeatable ? c.req.header("Idempotency-Key") : undefined;
  const keyHash = key === undefined ? null : await sha256(key);
  const userId = c.req.param("id") ?? null;
  const { deps, now } = c.var;
  const aboutUser = c.req.routePath.includes("/users/:id") && userId !== null && userIdForm.test(userId);
  const authenticated = await authenticateServiceCaller(deps, {
    token,
    adminRealm: realm !== undefined && realmForm.test(realm) ? realm : localRealm,
    userId: aboutUser ? userId : null,
    keyHash,
    now,
  });
  if (authenticated === null) throw new Refused({ ok: false, reason: "invalid_api_key" });
  const { caller, user, storedResponse } = authenticated;
  if (!caller.scopes.includes(scope)) throw new Refused({ ok: false, reason: "scope_missing", scope });
  if (realm !== undefined && realm !== caller.realm)
    throw new Refused({ ok: false, reason: "no_such_realm" });
  if (key !== undefined && !idempotencyKeyForm.test(key)) {
    const detail = "Idempotency-Key: must have 1 to 255 visible characters";
    throw new Refused({ ok: false, reason: "invalid_format", detail });
  }
  const exportKey = await compareExportKey(deps.config, c.req.header(exportKeyHeader));
  if (keyHash === null) return { caller, user, exportKey, repeatable: null };
  const path = new URL(c.req.url).pathname;
  const call = {
    realm: caller.realm,
    keyHash,
    apiKeyId: caller.keyId,
    userIds: aboutUser ? possibleStoredUserIds(caller.realm, userId) : [],
    // Of two keys the one that may do less is not shown what the other was answered. The answer to a call with
    // EXPORT_KEY can hold a secret of an account of ADMIN_USERS: without it, the call is another one.
    requestHash: await sha256(
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
  const refusal = refuseFirst(first);
  if (refusal !== null) throw new Refused(refusal);
  return { caller, user, exportKey, repeatable: { ...call, first } };
}

/** The call of a backend whose answer is a stream, and is not kept for a retry. */
export const streamedCall = (c: AppContext, { caller, exportKey }: ServiceRequest): ServiceCall => ({
  realm: caller.realm,
  client: { ...c.var.client, actor: caller.actor },
  now: c.var.now,
  exportKey,
  keep: async () => null,
});

/** How a result is told to the caller. */
export interface Presentation<Result> {
  readonly status: (result: Result) => number;
  readonly data: (result: Result) => unknown;
}

/**
 * Answers a call of a backend, and a retry of it with the first answer. Kept is what was decided; a refusal that
 * changed nothing is not, so a retry of it is decided anew.
 */
export async function respondToServiceCall<Result extends { readonly ok: true }>(
  c: AppContext,
  { caller, user, exportKey, repeatable }: ServiceRequest,
  { status, data }: Presentation<Result>,
  act: (call: UserServiceCall<Result>) => Promise<Result | Failure>,
): Promise<Response> {
  if (repeatable?.first.kind === "found") return replay(repeatable.first.response);
  const { deps, client, now } = c.var;
  const present = (result: Result | Failure): Answer =>
    result.ok
      ? {
          status: status(result),
          type: jsonType,
          body: JSON.stringify({ status: "success", data: data(result) }),
        }
      : presentFailure(c, result);
  const kept: { decided: boolean; success: Answer | null } = { decided: false, success: null };
  const result = await act({
    realm: caller.realm,
    client: { ...client, actor: caller.actor },
    now,
    userId: c.req.param("id") ?? "",
    known: user,
    exportKey,
    keep: async (possible) => {
      if (repeatable === null) return null;
      const shown = present(possible);
      kept.decided = true;
      if (possible.ok) kept.success = shown;
      return sealResponse(deps, repeatable, JSON.stringify(shown), now);
    },
  });
  // A retry gets what was kept, whatever else happened to the account at the same time: so does this call.
  if (result.ok) return send(kept.success ?? present(result));
  if (repeatable !== null && (result.reason === "already_responded" || !kept.decided || !isCounted(result))) {
    const first = await findFirstResponse(deps, repeatable, now);
    if (first.kind === "found") return replay(first.response);
    const refusal = refuseFirst(first);
    if (refusal !== null) return refuse(c, refusal);
  }
  return refuse(c, result);
}

/** Why a call with a first answer is refused. Null: it is not. */
function refuseFirst({ kind }: FirstResponse): Failure | null {
  if (kind === "conflict") return { ok: false, reason: "idempotency_conflict" };
  return kind === "void" ? { ok: false, reason: "first_response_void" } : null;
}

/** Refusals that are themselves what was decided. Before any other, a first answer may have come in between. */
const isCounted = ({ reason }: AnyFailure) => reason === "wrong_code" || reason === "replayed_code";

function presentFailure(c: AppContext, failure: Failure): Answer {
  const problem = describeFailure(failure);
  const body = problemDocument(problem, c.var.client.requestId);
  return { status: problem.status, type: problemType, body };
}

const send = ({ status, type, body }: Answer, headers: Record<string, string> = {}): Response =>
  new Response(body, { status, headers: { "Content-Type": type, ...headers } });

function replay(kept: string): Response {
  return send(answer().parse(JSON.parse(kept)), { "Idempotency-Replayed": "true" });
}

const answer = lazy(() => z.object({ status: z.number(), type: z.string(), body: z.string() }));
