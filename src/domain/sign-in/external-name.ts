import { canonicalizeSubjectIfPossible } from "../../core/parsing/external-subject.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";

/**
 * The columns that name the account of an external subject (INC-27).
 *
 * @param username as in `ExternalIdentity`
 * @returns `canonicalName` null with `EXTERNAL_NAMES=canonical`: then `username` is canonical itself
 */
export const externalNameColumns = (
  { config }: Deps,
  username: string,
): { readonly username: string; readonly canonicalName: string | null } => ({
  username,
  canonicalName: config.firstFactor.names === "exact" ? canonicalizeSubjectIfPossible(username) : null,
});

/**
 * True for an account of an external realm that no exact name has claimed yet. Every spelling of its name must show its
 * second factor, and no spelling gets an identity before: the user id would be the same for all.
 */
export const isUnclaimedAccount = (
  { config }: Deps,
  { canonicalName }: Pick<User, "canonicalName">,
): boolean => config.firstFactor.names === "exact" && canonicalName === null;

/**
 * True when the account belongs to the external subject with this name. It no longer does after the service API has renamed
 * the account, or another spelling of the name has claimed it.
 *
 * @param username the subject's name, as the source of the first factor gives it
 */
export function isAccountOfExternalSubject(
  { config }: Deps,
  { username: name, canonicalName }: Pick<User, "username" | "canonicalName">,
  username: string,
): boolean {
  if (canonicalName === null) return name === canonicalizeSubjectIfPossible(username);
  return config.firstFactor.names === "exact" ? name === username : canonicalName === username;
}
