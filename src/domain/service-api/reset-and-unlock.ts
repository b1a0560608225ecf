import {
  clearSecondFactorFailuresOnce,
  resetSecondFactorAndFailuresOnce,
} from "../../store/service/user-writes.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { requireExportKeyForAdminUsers } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { createServiceAuditEvent, findTargetUser, targetUserRefOf } from "./target-user.ts";
import { type WriteUserRowResult, writeUser } from "./write-user.ts";

/**
 * Removes the second factor and its failures, and ends every session of the account. For a user who has lost the
 * authenticator and the backup codes. No secret is returned or set (EN-12).
 */
export async function resetSecondFactor(
  deps: Deps,
  call: UserServiceCall<WriteUserRowResult>,
): Promise<WriteUserRowResult | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const refusal = await requireExportKeyForAdminUsers(deps, call, "second_factor.reset", user);
  if (refusal !== null) return refusal;
  const after = { ...user, totpEnabled: false, totpSetupAt: null, updatedAt: call.now };
  const event = createServiceAuditEvent(call, "second_factor.reset", user.id);
  return writeUser(deps, call, { event, after, otherwise: "no_such_user" }, (input) =>
    resetSecondFactorAndFailuresOnce(deps.db, targetUserRefOf(call), input),
  );
}

/**
 * Clears the failures of a second factor, which ends its cool-down or its disabling, and keeps the secret. For a user who
 * still has the authenticator.
 */
export async function unlockSecondFactor(
  deps: Deps,
  call: UserServiceCall<WriteUserRowResult>,
): Promise<WriteUserRowResult | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const refusal = await requireExportKeyForAdminUsers(deps, call, "second_factor.unlocked", user);
  if (refusal !== null) return refusal;
  const after = { ...user, updatedAt: call.now };
  const event = createServiceAuditEvent(call, "second_factor.unlocked", user.id, {
    failures: user.secondFactorFailures,
  });
  return writeUser(deps, call, { event, after, otherwise: "no_such_user" }, (input) =>
    clearSecondFactorFailuresOnce(deps.db, targetUserRefOf(call), input),
  );
}
