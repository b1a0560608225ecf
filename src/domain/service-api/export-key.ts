import type { Config } from "../../config/config.ts";
import { isEqualInConstantTime } from "../../core/crypto/constant-time.ts";
import { type AuditEventType, insertEvent } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import type { ServiceCall } from "./service-caller.ts";
import { createServiceAuditEvent } from "./target-user.ts";

/**
 * How the key in the request compares with `EXPORT_KEY`. `not_set`: the deployment has no `EXPORT_KEY`, so no key can be
 * right. `binding`: the call comes over a service binding, which carries no keys and which `ADMIN_KEY` gives no access to.
 */
export type CompareExportKeyResult = "right" | "wrong" | "not_shown" | "not_set" | "binding";

/** Compares the key in the request with `EXPORT_KEY`, in constant time. */
export async function compareExportKey(
  { exportKey }: Pick<Config, "exportKey">,
  presented: string | undefined,
): Promise<CompareExportKeyResult> {
  if (exportKey === null) return "not_set";
  if (presented === undefined) return "not_shown";
  return (await isEqualInConstantTime(presented, exportKey)) ? "right" : "wrong";
}

/** The operation that needs `EXPORT_KEY`. */
export interface RequireExportKeyInput {
  /** The audit event that the operation will write. */
  readonly eventType: AuditEventType;
  /** The stored id of the account. Null: the account does not exist yet, or the operation is about a whole realm. */
  readonly userId: string | null;
  /** The name of the account. Null: the operation is about a whole realm. */
  readonly username: string | null;
}

/**
 * Requires `EXPORT_KEY` beside the caller's own key (INC-29). Writes an audit event and a warning in the log, with actor and
 * target, before the operation; also for a refusal, which can be an attack.
 *
 * @returns null when the operation is allowed
 * @throws StoreUnavailableError when the event can't be written: then the operation must not happen
 */
export async function requireAndAuditExportKey(
  deps: Deps,
  call: Pick<ServiceCall, "client" | "now" | "realm" | "exportKey">,
  { eventType, userId, username }: RequireExportKeyInput,
): Promise<Failure | null> {
  const { exportKey: why } = call;
  const type = why === "right" ? "export_key.accepted" : "export_key.refused";
  const detail = {
    deed: eventType,
    ...(username === null ? {} : { username }),
    ...(why === "right" ? {} : { why }),
  };
  await insertEvent(deps.db, createServiceAuditEvent(call, type, userId, detail));
  deps.log("warn", type, { actor: call.client.actor ?? null, realm: call.realm, user_id: userId, ...detail });
  return why === "right" ? null : { ok: false, reason: "export_key_required", why };
}
