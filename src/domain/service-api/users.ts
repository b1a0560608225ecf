import {
  findPasswordWeakness,
  hashPassword,
  isVerifiablePasswordHash,
} from "../../core/crypto/password-hash.ts";
import { listPossibleStoredUserIds, toStoredUserId } from "../../core/parsing/user-id.ts";
import { canonicalizeUsername } from "../../core/parsing/username.ts";
import { generateApprovalPeriodId } from "../../store/second-factor/approvals.ts";
import {
  deleteUserOnce,
  insertUserOnce,
  type UserChanges,
  updateUserOnce,
} from "../../store/service/user-writes.ts";
import { listUsers as listStoredUsers, newUserRow, type User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { isSecondFactorDisabledByFailures } from "../second-factor/code-budget.ts";
import { countBackupCodes } from "../second-factor/sealed-backup-codes.ts";
import { requireExportKeyForAdminUsers } from "./admin-users.ts";
import type { ServiceCall, UserServiceCall } from "./service-caller.ts";
import { prepareStoredResponse } from "./stored-response.ts";
import { createServiceAuditEvent, findTargetUser, targetUserRefOf } from "./target-user.ts";
import { type WriteUserRowResult, writeUser } from "./write-user.ts";

/** The fields of a user that a service caller may set. An undefined field is not changed. */
export interface UserFieldsInput {
  /** The user name in canonical form (`core/parsing/username.ts`). */
  readonly username?: string | undefined;
  readonly email?: string | null | undefined;
  readonly password?: string | undefined;
}

/**
 * Creates a user, unless its id or its name is taken in the realm (`user_exists`).
 *
 * @param id the caller's id of the user; null for a random id
 */
export async function createUser(
  deps: Deps,
  call: ServiceCall<WriteUserRowResult>,
  id: string | null,
  fields: UserFieldsInput & { readonly username: string },
): Promise<WriteUserRowResult | Failure> {
  const refusal = await requireExportKeyForAdminUsers(deps, call, "user.created", {
    id: null,
    username: fields.username,
  });
  if (refusal !== null) return refusal;
  const weak = await checkPasswordStrength(deps, fields, fields.username, fields.email ?? null);
  if (weak !== null) return weak;
  const row = await buildUserRow(call, id, fields);
  const place = {
    realm: call.realm,
    ids: id === null ? [row.id] : listPossibleStoredUserIds(call.realm, id),
  };
  const done = await insertUserOnce(deps.db, place, row, {
    event: createServiceAuditEvent(call, "user.created", row.id),
    response: await prepareStoredResponse(
      deps,
      call.idempotency,
      { ok: true, user: row, created: true },
      call.now,
    ),
    now: call.now,
  });
  if (done.happened) return { ok: true, user: row, created: true };
  return { ok: false, reason: done.respondedBefore ? "already_responded" : "user_exists" };
}

/** Creates the user with this id, or updates its fields that are given. */
export async function putUser(
  deps: Deps,
  call: UserServiceCall<WriteUserRowResult>,
  fields: UserFieldsInput,
): Promise<WriteUserRowResult | Failure> {
  // A user that the read replica does not have is not looked up on the primary: the insertion itself checks there.
  const known = call.known === undefined ? await findTargetUser(deps, call) : call.known;
  if (known !== null) return updateUser(deps, call, known, fields);
  const username = fields.username ?? canonicalizeUsername(call.userId) ?? call.userId;
  const created = await createUser(deps, call, call.userId, { ...fields, username });
  if (created.ok || created.reason !== "user_exists") return created;
  // Either another request created the user since the read, or the name belongs to another user.
  const current = await findTargetUser(deps, call);
  return current === null ? created : updateUser(deps, call, current, fields);
}

async function updateUser(
  deps: Deps,
  call: UserServiceCall<WriteUserRowResult>,
  known: User,
  { username, email, password }: UserFieldsInput,
): Promise<WriteUserRowResult | Failure> {
  const newUsername = username ?? known.username;
  const newEmail = email === undefined ? known.email : email;
  // An account that takes a name of ADMIN_USERS becomes one of them: the old and the new name count.
  const renamed = { id: known.id, username: newUsername };
  const refusal = await requireExportKeyForAdminUsers(deps, call, "user.updated", known, renamed);
  if (refusal !== null) return refusal;
  const weak = await checkPasswordStrength(deps, { password }, newUsername, newEmail);
  if (weak !== null) return weak;
  // The API shows the canonical name. Setting that name again leaves the exact spelling of an account as it is.
  const changesName = username !== undefined && username !== known.canonicalName;
  const changes: UserChanges = {
    ...(changesName ? { username, canonicalName: null } : {}),
    ...(email === undefined ? {} : { email }),
    ...(password === undefined ? {} : { passwordHash: await hashPassword(password) }),
  };
  const event = createServiceAuditEvent(call, "user.updated", known.id, {
    fields: listChangedFields(changes),
  });
  const after = { ...known, ...changes, updatedAt: call.now };
  return writeUser(deps, call, { event, after, otherwise: "user_exists" }, (input) =>
    updateUserOnce(deps.db, targetUserRefOf(call), changes, input),
  );
}

/** The names of the changed fields, for the detail of the audit event. */
const listChangedFields = ({ canonicalName: _, ...changes }: UserChanges): string =>
  Object.keys(changes).join(",");

/** Disables an account and ends its sessions. Repeating it succeeds, keeps the first time, and is audited again. */
export const disableUser = (
  deps: Deps,
  call: UserServiceCall<WriteUserRowResult>,
): Promise<WriteUserRowResult | Failure> =>
  updateDisabledAt(deps, call, "user.disabled", (user) => user.disabledAt ?? call.now);

/** Enables a disabled account again. Repeating it succeeds and is audited again. */
export const enableUser = (
  deps: Deps,
  call: UserServiceCall<WriteUserRowResult>,
): Promise<WriteUserRowResult | Failure> => updateDisabledAt(deps, call, "user.enabled", () => null);

async function updateDisabledAt(
  deps: Deps,
  call: UserServiceCall<WriteUserRowResult>,
  eventType: "user.disabled" | "user.enabled",
  disabledAtOf: (user: User) => Date | null,
): Promise<WriteUserRowResult | Failure> {
  const known = await findTargetUser(deps, call);
  if (known === null) return { ok: false, reason: "no_such_user" };
  const refusal = await requireExportKeyForAdminUsers(deps, call, eventType, known);
  if (refusal !== null) return refusal;
  const disabledAt = disabledAtOf(known);
  const event = createServiceAuditEvent(call, eventType, known.id);
  const after = { ...known, disabledAt, updatedAt: call.now };
  return writeUser(deps, call, { event, after, otherwise: "no_such_user" }, (input) =>
    updateUserOnce(deps.db, targetUserRefOf(call), { disabledAt }, input),
  );
}

/** Deletes a user and everything stored for it, except audit events. */
export async function deleteUser(deps: Deps, call: UserServiceCall): Promise<{ ok: true } | Failure> {
  const known = await findTargetUser(deps, call);
  if (known === null) return { ok: false, reason: "no_such_user" };
  const refusal = await requireExportKeyForAdminUsers(deps, call, "user.deleted", known);
  if (refusal !== null) return refusal;
  const { happened } = await deleteUserOnce(deps.db, targetUserRefOf(call), {
    event: createServiceAuditEvent(call, "user.deleted", known.id),
    response: null,
    now: call.now,
  });
  return happened ? { ok: true } : { ok: false, reason: "no_such_user" };
}

/** Lists one page of the realm's users, in the order of their names. */
export async function listUsers(
  deps: Deps,
  { realm }: ServiceCall,
  page: { readonly afterName: string; readonly limit: number; readonly username: string | null },
): Promise<readonly User[]> {
  return listStoredUsers(deps.db, realm, page);
}

/** What a service caller may read of a user: never a secret (EN-06). */
export interface UserStatus {
  readonly ok: true;
  readonly user: User;
  readonly backupCodesRemaining: number;
  /** The end of the cool-down. Null: there is none, and codes are evaluated. */
  readonly blockedUntil: Date | null;
  /** True after too many failures, until a reset or an unlock. */
  readonly secondFactorDisabled: boolean;
  readonly password: PasswordState;
}

/** `reset_required`: the password was imported as a hash of a kind that Sallyport can't verify. */
export type PasswordState = "none" | "set" | "reset_required";

export function passwordStateOf({ passwordHash }: Pick<User, "passwordHash">): PasswordState {
  if (passwordHash === null) return "none";
  return isVerifiablePasswordHash(passwordHash) ? "set" : "reset_required";
}

/** Reads the status of a user. One read, or none when the call brings the row. */
export async function getUserStatus(deps: Deps, call: UserServiceCall): Promise<UserStatus | Failure> {
  const { client, now } = call;
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const counted = await countBackupCodes(deps, { user, client, now });
  if (!counted.ok) return counted;
  const { secondFactorBlockedUntil: until } = user;
  return {
    ok: true,
    user,
    backupCodesRemaining: counted.remaining,
    blockedUntil: until !== null && until > now ? until : null,
    secondFactorDisabled: isSecondFactorDisabledByFailures(user),
    password: passwordStateOf(user),
  };
}

async function buildUserRow(
  { realm, now }: Pick<ServiceCall, "realm" | "now">,
  id: string | null,
  { username, email, password }: UserFieldsInput & { readonly username: string },
): Promise<User> {
  return newUserRow({
    id: id === null ? crypto.randomUUID() : toStoredUserId(realm, id),
    realm,
    username,
    // No external subject has claimed the account. In the realm of an external source, a subject whose name has `username` as
    // its canonical form can claim it, and that sets this column (`store/users/external-names.ts`). Elsewhere it stays null.
    canonicalName: null,
    email: email ?? null,
    passwordHash: password === undefined ? null : await hashPassword(password),
    approvalPeriodId: generateApprovalPeriodId(),
    createdAt: now,
  });
}

/** Null when no password is given, or when it is strong enough. */
async function checkPasswordStrength(
  { config }: Deps,
  { password }: UserFieldsInput,
  username: string,
  email: string | null,
): Promise<Failure | null> {
  if (password === undefined) return null;
  const context = [username, config.issuer, ...(email === null ? [] : [email])];
  const weakness = await findPasswordWeakness(password, context);
  return weakness === null ? null : { ok: false, reason: "weak_password", weakness };
}
