import { sha256 } from "../../../core/crypto/digest.ts";
import { possibleStoredUserIds, realmForm, userIdForm } from "../../../core/parsing/user-id.ts";
import type { Failure } from "../../../domain/failure.ts";
import { compareExportKey, type ExportKeyState } from "../../../domain/service-api/export-key.ts";
import {
  authenticateServiceCaller,
  type Scope,
  type ServiceCaller,
} from "../../../domain/service-api/service-caller.ts";
import {
  type FirstResponse,
  findFirstResponse,
  type RepeatableCall,
} from "../../../domain/service-api/stored-response.ts";
import { localRealm } from "../../../domain/sign-in/password-sign-in.ts";
import type { User } from "../../../store/users/user-rows.ts";
import { readBearerToken } from "../../caller.ts";
import type { AppContext } from "../../context.ts";
import { FailureError } from "../../problem/http-failure.ts";

/** An authenticated request of a service client, with the rows that were read on the way. */
export interface ServiceRequest {
  readonly caller: ServiceCaller;
  readonly user: User | null;
  readonly exportKey: ExportKeyState;
  /** Null: the request has no `Idempotency-Key`. */
  readonly repeatable: (RepeatableCall & { readonly first: FirstResponse }) | null;
}

/** Carries `EXPORT_KEY`, in addition to the API key in `Authorization`. */
export const exportKeyHeader = "X-Sallyport-Export-Key";

/** For the OpenAPI document: the header of operations that can need `EXPORT_KEY`. */
export const exportKeyParameter: Readonly<Record<string, string>> = {
  [exportKeyHeader]: "EXPORT_KEY: needed to export, and to change an account of ADMIN_USERS",
};

const idempotencyKeyForm = /^[\x21-\x7e]{1,255}$/;

/**
 * Authenticates a request by its API key or `ADMIN_KEY`, and looks up its `Idempotency-Key`. One read at most
 * (`authenticateServiceCaller`).
 *
 * @param body the text of the body, which is part of the request's hash: a retry has the same text
 * @throws FailureError 401 without a valid key; 403 when the key does not have the scope; 404 for another realm than the
 *   key's; 409 when the `Idempotency-Key` was used for another request
 */
export async function readServiceRequest(
  c: AppContext,
  scope: Scope,
  { body, repeatable }: { body: string; repeatable: boolean },
): Promise<ServiceRequest> {
  const token = readBearerToken(c);
  if (token === undefined) throw new FailureError({ ok: false, reason: "invalid_api_key" });
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
  if (authenticated === null) throw new FailureError({ ok: false, reason: "invalid_api_key" });
  const { caller, user, storedResponse } = authenticated;
  if (!caller.scopes.includes(scope)) throw new FailureError({ ok: false, reason: "scope_missing", scope });
  if (realm !== undefined && realm !== caller.realm)
    throw new FailureError({ ok: false, reason: "no_such_realm" });
  if (key !== undefined && !idempotencyKeyForm.test(key)) {
    const detail = "Idempotency-Key: must have 1 to 255 visible characters";
    throw new FailureError({ ok: false, reason: "invalid_format", detail });
  }
  const exportKey = await compareExportKey(deps.config, c.req.header(exportKeyHeader));
  if (keyHash === null) return { caller, user, exportKey, repeatable: null };
  const path = new URL(c.req.url).pathname;
  const call = {
    realm: caller.realm,
    keyHash,
    apiKeyId: caller.keyId,
    userIds: aboutUser ? possibleStoredUserIds(caller.realm, userId) : [],
    // Scopes and EXPORT_KEY are part of the hash: a caller with fewer rights must not get the response of a caller with
    // more. The response to a request with EXPORT_KEY can hold a secret of an account of ADMIN_USERS.
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
  const failure = failureOfFirst(first);
  if (failure !== null) throw new FailureError(failure);
  return { caller, user, exportKey, repeatable: { ...call, first } };
}

/** Why a request whose `Idempotency-Key` was used before fails. Null: it does not fail. */
export function failureOfFirst({ kind }: FirstResponse): Failure | null {
  if (kind === "conflict") return { ok: false, reason: "idempotency_conflict" };
  return kind === "void" ? { ok: false, reason: "first_response_void" } : null;
}
