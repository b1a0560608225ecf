import { removeSecondFactorOnce, unlockUserOnce } from "../../store/service/user-writes.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { requireExportKeyForAdminUsers } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { auditEventOf, findTargetUser, targetPlaceOf } from "./target-user.ts";
import { toUserResult, type UserResult } from "./users.ts";

/**
 * An administrator's answer to a lost phone and lost backup codes: the second factor is gone, with its failures, and
 * the account is signed out everywhere. No secret is shown or set (EN-12).
 */
export async function resetSecondFactor(
  deps: Deps,
  call: UserServiceCall<UserResult>,
): Promise<UserResult | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const guarded = await requireExportKeyForAdminUsers(deps, call, "second_factor.reset", user);
  if (guarded !== null) return guarded;
  const after = { ...user, totpEnabled: false, totpSetupAt: null, updatedAt: call.now };
  const done = await removeSecondFactorOnce(deps.db, targetPlaceOf(call), true, {
    event: auditEventOf(call, "second_factor.reset", user.id),
    answer: await call.keep({ ok: true, user: after, created: false }),
    now: call.now,
  });
  return toUserResult(done, "no_such_user");
}

/** Takes back the failures of a second factor that is still its owner's: cool-down and disabling end. */
export async function unlockSecondFactor(
  deps: Deps,
  call: UserServiceCall<UserResult>,
): Promise<UserResult | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const guarded = await requireExportKeyForAdminUsers(deps, call, "second_factor.unlocked", user);
  if (guarded !== null) return guarded;
  const done = await unlockUserOnce(deps.db, targetPlaceOf(call), {
    event: auditEventOf(call, "second_factor.unlocked", user.id, { failures: user.secondFactorFailures }),
    answer: await call.keep({ ok: true, user: { ...user, updatedAt: call.now }, created: false }),
    now: call.now,
  });
  return toUserResult(done, "no_such_user");
}
