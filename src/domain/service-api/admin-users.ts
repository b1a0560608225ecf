import type { Config } from "../../config/config.ts";
import { canonicalizeUsername } from "../../core/parsing/username.ts";
import type { AuditEventType } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { localRealm } from "../sign-in/password-sign-in.ts";
import { requireAndAuditExportKey } from "./export-key.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { findTargetUser } from "./target-user.ts";

/**
 * The realms whose accounts can pass the gate: `local` and those of the external first factors. In any other realm,
 * service callers create the users, and none of them signs in at the gate.
 */
const visitorRealms: ReadonlySet<string> = new Set([localRealm, "origin", "jwt", "proxy"]);

/** True for an account of `ADMIN_USERS`: changing it requires `EXPORT_KEY` as well. */
export const isAdminUser = (
  { adminUsers }: Pick<Config, "adminUsers">,
  realm: string,
  username: string,
): boolean =>
  adminUsers.size > 0 &&
  visitorRealms.has(realm) &&
  // An external account can have upper case in its name. ADMIN_USERS covers every spelling.
  adminUsers.has(canonicalizeUsername(username) ?? username);

/** What is compared with `ADMIN_USERS`: an account that a call would change, or a name that a call would give to an account. */
export interface AdminUsersCheckInput {
  /** The id in the column `users.id`, for the audit event. Null: the account does not exist yet. */
  readonly id: string | null;
  readonly username: string;
}

/**
 * Requires `EXPORT_KEY` when one of the accounts is in `ADMIN_USERS`, from every caller, also with `ADMIN_KEY` (INC-29).
 * Every use case of this folder that creates, changes or deletes an account calls this, or
 * {@link requireExportKeyIfTargetIsAdminUser}, first.
 *
 * @param eventType the audit event that the change will write
 * @returns null when the change is allowed
 * @throws StoreUnavailableError as {@link requireAndAuditExportKey}
 */
export async function requireExportKeyForAdminUsers(
  deps: Deps,
  call: Pick<UserServiceCall, "client" | "now" | "realm" | "exportKey">,
  eventType: AuditEventType,
  ...accounts: readonly AdminUsersCheckInput[]
): Promise<Failure | null> {
  const account = accounts.find(({ username }) => isAdminUser(deps.config, call.realm, username));
  if (account === undefined) return null;
  return requireAndAuditExportKey(deps, call, { eventType, userId: account.id, username: account.username });
}

/**
 * {@link requireExportKeyForAdminUsers} for a use case that has not read the account. Makes no read when `ADMIN_USERS` is
 * empty.
 */
export async function requireExportKeyIfTargetIsAdminUser(
  deps: Deps,
  call: Pick<UserServiceCall, "client" | "now" | "realm" | "exportKey" | "userId" | "known">,
  eventType: AuditEventType,
): Promise<Failure | null> {
  if (deps.config.adminUsers.size === 0 || !visitorRealms.has(call.realm)) return null;
  const user = await findTargetUser(deps, call);
  return user === null ? null : requireExportKeyForAdminUsers(deps, call, eventType, user);
}
