import type { Config } from "../../config/config.ts";
import { equalInConstantTime } from "../../core/crypto/constant-time.ts";
import { type AuditEventType, insertEvent } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import type { ServiceCall } from "./service-caller.ts";
import { auditEventOf } from "./target-user.ts";

/**
 * What a call shows of `EXPORT_KEY`. `not_set`: the deployment has none, so nothing can be right. `binding`: the call
 * comes over a service binding, where no key is shown; `ADMIN_KEY` does not reach it.
 */
export type ExportKeyState = "right" | "wrong" | "not_shown" | "not_set" | "binding";

/** Compares what a call shows with `EXPORT_KEY`, in constant time. Nothing shown costs nothing. */
export async function compareExportKey(
  { exportKey }: Pick<Config, "exportKey">,
  shown: string | undefined,
): Promise<ExportKeyState> {
  if (exportKey === null) return "not_set";
  if (shown === undefined) return "not_shown";
  return (await equalInConstantTime(shown, exportKey)) ? "right" : "wrong";
}

/** What `EXPORT_KEY` is needed for. */
export interface ExportKeyUse {
  /** The event that the deed is recorded as when it happens. */
  readonly deed: AuditEventType;
  /** Of the account that the deed is about, in the store. Null: of none yet, or of a whole realm. */
  readonly userId: string | null;
  /** Of the account that the deed is about. Null: it is about a whole realm. */
  readonly username: string | null;
}

/**
 * Requires `EXPORT_KEY` beside the caller's own key (INC-29). Each use is recorded before the deed, with actor and
 * target, as an event and as a warning in the log; so is each refusal, because it can be the attack.
 *
 * @returns null when the deed may go on
 * @throws StoreUnavailable when the record can't be written: then the deed does not happen
 */
export async function requireExportKey(
  deps: Deps,
  call: Pick<ServiceCall, "client" | "now" | "realm" | "exportKey">,
  { deed, userId, username }: ExportKeyUse,
): Promise<Failure | null> {
  const { exportKey: why } = call;
  const type = why === "right" ? "export_key.accepted" : "export_key.refused";
  const detail = { deed, ...(username === null ? {} : { username }), ...(why === "right" ? {} : { why }) };
  await insertEvent(deps.db, auditEventOf(call, type, userId, detail));
  deps.log("warn", type, { actor: call.client.actor ?? null, realm: call.realm, user_id: userId, ...detail });
  return why === "right" ? null : { ok: false, reason: "export_key_required", why };
}
