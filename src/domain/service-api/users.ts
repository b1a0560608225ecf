import { findPasswordWeakness, hashPassword, isVerifiable } from "../../core/crypto/password-hash.ts";
import { possibleUserIds, storedUserId } from "../../core/parsing/user-id.ts";
import { canonicalUsername } from "../../core/parsing/username.ts";
import { drawApprovalPeriodId } from "../../store/second-factor/approvals.ts";
import type { Done } from "../../store/service/idempotent-write.ts";
import {
  deleteUserOnce,
  insertUserOnce,
  type UserChanges,
  updateUserOnce,
} from "../../store/service/user-writes.ts";
import { listUsers as listStoredUsers, newUserRow, type User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { isSecondFactorDisabled } from "../second-factor/code-budget.ts";
import { countBackupCodes } from "../second-factor/sealed-backup-codes.ts";
import { guardAccounts } from "./admin-users.ts";
import type { BackendCall, UserCall } from "./service-caller.ts";
import { eventOf, findSubject, placeOf } from "./subject.ts";

/** What a backend says about a user. Undefined: it says nothing, and nothing changes. */
export interface UserFields {
  /** Canonical: `core/parsing/username.ts`. */
  readonly username?: string | undefined;
  readonly email?: string | null | undefined;
  readonly password?: string | undefined;
}

export type UserResult = { readonly ok: true; readonly user: User; readonly created: boolean };

/**
 * Creates a user: under the id that the backend gives, or a random one.
 *
 * @param id as the backend names the user; null: it takes what it gets
 */
export async function createUser(
  deps: Deps,
  call: BackendCall<UserResult>,
  id: string | null,
  fields: UserFields & { readonly username: string },
): Promise<UserResult | Failure> {
  const guarded = await guardAccounts(deps, call, "user.created", { id: null, username: fields.username });
  if (guarded !== null) return guarded;
  const weakness = await findWeakness(deps, fields, fields.username, fields.email ?? null);
  if (weakness !== null) return weakness;
  const row = await newUser(call, id, fields);
  const place = { realm: call.realm, ids: id === null ? [row.id] : possibleUserIds(call.realm, id) };
  const done = await insertUserOnce(deps.db, place, row, {
    event: eventOf(call, "user.created", row.id),
    answer: await call.keep({ ok: true, user: row, created: true }),
    now: call.now,
  });
  if (done.happened) return { ok: true, user: row, created: true };
  return { ok: false, reason: done.respondedBefore ? "answered_before" : "user_exists" };
}

/** Creates the user of this id, or changes what is said of it. */
export async function putUser(
  deps: Deps,
  call: UserCall<UserResult>,
  fields: UserFields,
): Promise<UserResult | Failure> {
  // The insertion asks the primary by itself, so who is not in the copy is not looked for there first.
  const known = call.known === undefined ? await findSubject(deps, call) : call.known;
  if (known !== null) return changeUser(deps, call, known, fields);
  const username = fields.username ?? canonicalUsername(call.userId) ?? call.userId;
  const created = await createUser(deps, call, call.userId, { ...fields, username });
  if (created.ok || created.reason !== "user_exists") return created;
  // Somebody else may have created it meanwhile; or the name is another user's.
  const now = await findSubject(deps, call);
  return now === null ? created : changeUser(deps, call, now, fields);
}

async function changeUser(
  deps: Deps,
  call: UserCall<UserResult>,
  known: User,
  { username, email, password }: UserFields,
): Promise<UserResult | Failure> {
  const [name, address] = [username ?? known.username, email === undefined ? known.email : email];
  // An account that takes a name of ADMIN_USERS would be one of them from then on.
  const guarded = await guardAccounts(deps, call, "user.updated", known, { id: known.id, username: name });
  if (guarded !== null) return guarded;
  const weakness = await findWeakness(deps, { password }, name, address);
  if (weakness !== null) return weakness;
  // What the API calls an account is its canonical name. One that bears an exact spelling of it keeps that.
  const renamed = username !== undefined && username !== known.canonicalName;
  const changes: UserChanges = {
    ...(renamed ? { username, canonicalName: null } : {}),
    ...(email === undefined ? {} : { email }),
    ...(password === undefined ? {} : { passwordHash: await hashPassword(password) }),
  };
  const user = { ...known, ...changes, updatedAt: call.now };
  return settle(
    await updateUserOnce(deps.db, placeOf(call), changes, {
      event: eventOf(call, "user.updated", known.id, { fields: fieldsOf(changes) }),
      answer: await call.keep({ ok: true, user, created: false }),
      now: call.now,
    }),
    "user_exists",
  );
}

/** What has been changed, as audit events name it. */
const fieldsOf = ({ canonicalName: _, ...changes }: UserChanges): string => Object.keys(changes).join(",");

/** Closes an account, or opens it again. That it was so already is no failure, and is written down like the rest. */
export async function setUserDisabled(
  deps: Deps,
  call: UserCall<UserResult>,
  disabled: boolean,
): Promise<UserResult | Failure> {
  const known = await findSubject(deps, call);
  if (known === null) return { ok: false, reason: "no_such_user" };
  const deed = disabled ? "user.disabled" : "user.enabled";
  const guarded = await guardAccounts(deps, call, deed, known);
  if (guarded !== null) return guarded;
  const disabledAt = disabled ? (known.disabledAt ?? call.now) : null;
  const user = { ...known, disabledAt, updatedAt: call.now };
  const done = await updateUserOnce(
    deps.db,
    placeOf(call),
    { disabledAt },
    {
      event: eventOf(call, deed, known.id),
      answer: await call.keep({ ok: true, user, created: false }),
      now: call.now,
    },
  );
  return settle(done, "no_such_user");
}

/** Deletes a user, with everything but the record of what happened. */
export async function deleteUser(deps: Deps, call: UserCall): Promise<{ ok: true } | Failure> {
  const known = await findSubject(deps, call);
  if (known === null) return { ok: false, reason: "no_such_user" };
  const guarded = await guardAccounts(deps, call, "user.deleted", known);
  if (guarded !== null) return guarded;
  const { happened } = await deleteUserOnce(deps.db, placeOf(call), {
    event: eventOf(call, "user.deleted", known.id),
    answer: null,
    now: call.now,
  });
  return happened ? { ok: true } : { ok: false, reason: "no_such_user" };
}

/** What a deed for an account came to: the account as it is now, or why it did not happen. */
export function settle(done: Done<User>, otherwise: "no_such_user" | "user_exists"): UserResult | Failure {
  const [user] = done.rows;
  if (done.happened && user !== undefined) return { ok: true, user, created: false };
  if (done.respondedBefore) return { ok: false, reason: "answered_before" };
  return { ok: false, reason: user === undefined ? "no_such_user" : otherwise };
}

/** One page of a realm's users by name. */
export async function listUsers(
  deps: Deps,
  { realm }: BackendCall,
  page: { readonly afterName: string; readonly limit: number; readonly username: string | null },
): Promise<readonly User[]> {
  return listStoredUsers(deps.db, realm, page);
}

/** Everything that a backend may know of a user in one look; never a secret (EN-06). */
export interface UserStatus {
  readonly ok: true;
  readonly user: User;
  readonly backupCodesRemaining: number;
  /** Until when no code is evaluated. Null: codes are. */
  readonly blockedUntil: Date | null;
  /** After too many failures; until it is reset or unlocked. */
  readonly secondFactorDisabled: boolean;
  /** `reset_required`: it was imported with a hash that can't be verified here. */
  readonly password: "none" | "set" | "reset_required";
}

/** Tells how things stand with a user. One read, or none if it has just been read. */
export async function getUserStatus(deps: Deps, call: UserCall): Promise<UserStatus | Failure> {
  const { client, now } = call;
  const user = await findSubject(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const counted = await countBackupCodes(deps, { user, client, now });
  if (!counted.ok) return counted;
  const { secondFactorBlockedUntil: until, passwordHash } = user;
  return {
    ok: true,
    user,
    backupCodesRemaining: counted.remaining,
    blockedUntil: until !== null && until > now ? until : null,
    secondFactorDisabled: isSecondFactorDisabled(user),
    password: passwordHash === null ? "none" : isVerifiable(passwordHash) ? "set" : "reset_required",
  };
}

async function newUser(
  { realm, now }: Pick<BackendCall, "realm" | "now">,
  id: string | null,
  { username, email, password }: UserFields & { readonly username: string },
): Promise<User> {
  return newUserRow({
    id: id === null ? crypto.randomUUID() : storedUserId(realm, id),
    realm,
    username,
    // In the realm of an external source, the account is for the first subject of that name (`store/users/external-names.ts`).
    canonicalName: null,
    email: email ?? null,
    passwordHash: password === undefined ? null : await hashPassword(password),
    approvalPeriodId: drawApprovalPeriodId(),
    createdAt: now,
  });
}

async function findWeakness(
  { config }: Deps,
  { password }: UserFields,
  username: string,
  email: string | null,
): Promise<Failure | null> {
  if (password === undefined) return null;
  const context = [username, config.issuer, ...(email === null ? [] : [email])];
  const weakness = await findPasswordWeakness(password, context);
  return weakness === null ? null : { ok: false, reason: "weak_password", weakness };
}
