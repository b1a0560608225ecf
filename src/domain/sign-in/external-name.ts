import { canonicalSubject } from "../../core/parsing/external-subject.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";

/**
 * How the store knows the account of a subject (INC-27).
 *
 * @param username as `ExternalIdentity` has it
 * @returns `canonicalName` null where names are not told apart: then `username` is canonical
 */
export const storedName = (
  { config }: Deps,
  username: string,
): { readonly username: string; readonly canonicalName: string | null } => ({
  username,
  canonicalName: config.firstFactor.names === "exact" ? canonicalSubject(username) : null,
});

/**
 * Has no exact name claimed this account of an external realm? Its second factor is required of every spelling of its
 * name, and it is not said of any of them which account this is: its id would be the same for all.
 */
export const isUnclaimed = ({ config }: Deps, { canonicalName }: Pick<User, "canonicalName">): boolean =>
  config.firstFactor.names === "exact" && canonicalName === null;

/** Is this the account of the subject still? A backend may have renamed it, or another spelling may have claimed it. */
export function isAccountOf(
  { config }: Deps,
  { username: name, canonicalName }: Pick<User, "username" | "canonicalName">,
  username: string,
): boolean {
  if (canonicalName === null) return name === canonicalSubject(username);
  return config.firstFactor.names === "exact" ? name === username : canonicalName === username;
}
