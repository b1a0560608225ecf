import { classifyImportedPasswordHash } from "../../core/crypto/imported-password.ts";
import { comparePassword } from "../../core/crypto/password-hash.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";

/**
 * True when the password matches the account's stored hash. It computes one hash in every case: also for an unknown
 * account, and for a stored hash that cannot be computed (TH-10, INC-30).
 *
 * A stored hash that today's import would refuse gives false, and logs an error for the operator. An imported hash of an
 * unknown kind gives false without an error: the user's status in the service API says `reset_required`.
 *
 * @param user null: there is no such account
 */
export async function isPasswordOfUser(
  deps: Deps,
  password: string,
  user: Pick<User, "id" | "passwordHash"> | null,
): Promise<boolean> {
  const stored = user?.passwordHash ?? null;
  const { kind } = await comparePassword(password, stored);
  if (kind === "not_comparable" && user !== null && stored !== null) {
    const support = classifyImportedPasswordHash(stored);
    // Earlier versions stored imported scrypt hashes in other spellings, such as with padding. Those need a reset, too.
    const isForReset =
      support.kind === "reset_required" || (support.kind === "verifiable" && support.stored !== stored);
    if (!isForReset)
      deps.log("error", "password_hash.unusable", {
        user_id: user.id,
        why: support.kind === "unsupported" ? support.detail : `it can't be computed (${support.kind})`,
      });
  }
  return kind === "match";
}
