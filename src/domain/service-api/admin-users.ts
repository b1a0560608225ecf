import type { Config } from "../../config/config.ts";
import { canonicalUsername } from "../../core/parsing/username.ts";
import type { AuditEventType } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { localRealm } from "../sign-in/password-sign-in.ts";
import { requireExportKey } from "./export-key.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { findTargetUser } from "./target-user.ts";

/**
 * The realms whose accounts pass the gate: `local`, and those of the external first factors. The users of any other
 * realm belong to the backend that named them.
 */
const visitorRealms: ReadonlySet<string> = new Set([localRealm, "origin", "jwt", "proxy"]);

/** Whether an account is one that `ADMIN_KEY` alone can't change. */
export const isAdminUser = (
  { adminUsers }: Pick<Config, "adminUsers">,
  realm: string,
  username: string,
): boolean =>
  adminUsers.size > 0 &&
  visitorRealms.has(realm) &&
  // The name of an external account can have upper case: it counts in every spelling.
  adminUsers.has(canonicalUsername(username) ?? username);

/** An account that a call is about to change, or a name that it is about to give to one. */
export interface TouchedAccount {
  /** In the store. Null: it is not there yet. */
  readonly id: string | null;
  readonly username: string;
}

/**
 * The one place that decides whether a call may change accounts: those of `ADMIN_USERS` need `EXPORT_KEY`
 * from every caller (INC-29). Every use case of this folder that changes, creates or deletes an account asks here first.
 *
 * @param deed the event that the change is recorded as
 * @returns null when the change may go on
 * @throws StoreUnavailable as {@link requireExportKey}
 */
export async function requireExportKeyForAdminUsers(
  deps: Deps,
  call: Pick<UserServiceCall, "client" | "now" | "realm" | "exportKey">,
  deed: AuditEventType,
  ...touched: readonly TouchedAccount[]
): Promise<Failure | null> {
  const account = touched.find(({ username }) => isAdminUser(deps.config, call.realm, username));
  if (account === undefined) return null;
  return requireExportKey(deps, call, { deed, userId: account.id, username: account.username });
}

/** The same for a use case that does not read the account by itself. No read where there are no `ADMIN_USERS`. */
export async function requireExportKeyForTargetUser(
  deps: Deps,
  call: Pick<UserServiceCall, "client" | "now" | "realm" | "exportKey" | "userId" | "known">,
  deed: AuditEventType,
): Promise<Failure | null> {
  if (deps.config.adminUsers.size === 0 || !visitorRealms.has(call.realm)) return null;
  const user = await findTargetUser(deps, call);
  return user === null ? null : requireExportKeyForAdminUsers(deps, call, deed, user);
}
