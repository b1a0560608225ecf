import { classifyImportedHash } from "../../core/crypto/imported-password.ts";
import { comparePassword } from "../../core/crypto/password-hash.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";

/**
 * Whether a password is the account's. It costs the same hash whether or not there is such an account, and whatever is
 * stored for it (TH-10, INC-30).
 *
 * A stored hash that no import would take now (an older row, or one that was written past the API) is a wrong password to
 * the client and an error line to the operator. One that waits for a reset is expected, and says so in the user's status.
 *
 * @param user null: there is no such account
 */
export async function isPasswordOf(
  deps: Deps,
  password: string,
  user: Pick<User, "id" | "passwordHash"> | null,
): Promise<boolean> {
  const stored = user?.passwordHash ?? null;
  const { kind } = await comparePassword(password, stored);
  if (kind === "not_comparable" && user !== null && stored !== null) {
    const verdict = classifyImportedHash(stored);
    if (verdict.kind !== "reset_required")
      deps.log("error", "password_hash.unusable", {
        user_id: user.id,
        why: verdict.kind === "unsupported" ? verdict.detail : `it can't be computed (${verdict.kind})`,
      });
  }
  return kind === "match";
}
