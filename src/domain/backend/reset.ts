import { removeSecondFactorOnce, unlockUserOnce } from "../../store/user-deeds.ts";
import { findUser } from "../../store/users.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import type { UserCall } from "./caller.ts";
import { eventOf, placeOf, settle, type UserResult } from "./users.ts";

/**
 * An administrator's answer to a lost phone and lost backup codes: the second factor is gone, with its failures, and
 * the account is signed out everywhere. No secret is shown or set (STANDARDS EN-12).
 */
export async function resetSecondFactor(
  deps: Deps,
  call: UserCall<UserResult>,
): Promise<UserResult | Failure> {
  const user = call.known ?? (await findUser(deps.db, call.realm, placeOf(call).ids));
  if (user === null) return { ok: false, reason: "no_such_user" };
  const done = await removeSecondFactorOnce(deps.db, placeOf(call), true, {
    event: eventOf(call, "second_factor.reset", user.id),
    answer: await call.keep({ ok: true, user, created: false }),
    now: call.now,
  });
  return settle(done, "no_such_user");
}

/** Takes back the failures of a second factor that is still its owner's: cool-down and disabling end. */
export async function unlockSecondFactor(
  deps: Deps,
  call: UserCall<UserResult>,
): Promise<UserResult | Failure> {
  const user = call.known ?? (await findUser(deps.db, call.realm, placeOf(call).ids));
  if (user === null) return { ok: false, reason: "no_such_user" };
  const done = await unlockUserOnce(deps.db, placeOf(call), {
    event: eventOf(call, "second_factor.unlocked", user.id, { failures: user.secondFactorFailures }),
    answer: await call.keep({ ok: true, user, created: false }),
    now: call.now,
  });
  return settle(done, "no_such_user");
}
