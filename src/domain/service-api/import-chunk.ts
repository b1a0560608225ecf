import { encodeBackupCodeHashes } from "../../core/crypto/backup-code-hashes.ts";
import { isRandomUserId, listPossibleStoredUserIds, toStoredUserId } from "../../core/parsing/user-id.ts";
import { generateApprovalPeriodId } from "../../store/second-factor/approvals.ts";
import {
  findUsersWithIdsOrNames,
  type ImportedUserInput,
  insertImportedUsersSkippingConflicts,
} from "../../store/users/imported-rows.ts";
import { newUserRow, type User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { sealUserField } from "../second-factor/sealed-fields.ts";
import { isExternalRealm } from "../sign-in/external-realm.ts";
import { isAdminUser, requireExportKeyForAdminUsers } from "./admin-users.ts";
import { compareUserWithImport } from "./import-comparison.ts";
import type { ImportedUser, ImportLineFailure } from "./imported-user.ts";
import type { ServiceCall } from "./service-caller.ts";
import { createServiceAuditEvent } from "./target-user.ts";
import { passwordStateOf } from "./users.ts";

/** The outcome of one line. */
export type ImportLineOutcome = "created" | "unchanged" | ImportLineFailure;

/**
 * A line waits for the next round when an earlier line of the chunk has the same id or name, or when another request
 * creates the account between the read and the batch. A line that is still open after these rounds fails.
 */
const maxRounds = 4;

/**
 * Creates the accounts of one chunk that do not exist yet. Each round is one read, and one batch that inserts the new accounts.
 *
 * @param planned null: accounts are created. Otherwise the call is part of a dry run: it writes no account, treats the accounts in
 *   `planned` as existing, and appends those that an import would create
 */
export async function createMissingUsersOfChunk(
  deps: Deps,
  call: ServiceCall,
  users: readonly ImportedUser[],
  planned: User[] | null,
): Promise<ReadonlyMap<ImportedUser, ImportLineOutcome>> {
  const outcomes = await refuseAdminUsers(deps, call, users);
  for (let round = 0; round < maxRounds && outcomes.size < users.length; round++) {
    const open = users.filter((user) => !outcomes.has(user));
    const existing = await readExistingUsers(deps, call, open, planned ?? []);
    const compared = await Promise.all(open.map((user) => compareWithExisting(deps, call, user, existing)));
    for (const [index, user] of open.entries()) {
      const outcome = compared[index];
      if (outcome !== null && outcome !== undefined) outcomes.set(user, outcome);
    }
    const distinct = withoutDuplicates(
      call.realm,
      open.filter((user) => !outcomes.has(user)),
    );
    for (const user of await insertUsers(deps, call, distinct, { existing, planned }))
      outcomes.set(user, "created");
  }
  for (const user of users)
    if (!outcomes.has(user)) outcomes.set(user, { ok: false, reason: "user_differs" });
  return outcomes;
}

/**
 * Returns a failure for each line about an account of `ADMIN_USERS`, unless the call has `EXPORT_KEY`. Writes one audit
 * event for each of these accounts, however many lines are about it.
 */
async function refuseAdminUsers(
  deps: Deps,
  call: ServiceCall,
  users: readonly ImportedUser[],
): Promise<Map<ImportedUser, ImportLineOutcome>> {
  const refusals = new Map<string, Failure | null>();
  const outcomes = new Map<ImportedUser, ImportLineOutcome>();
  for (const user of users) {
    const { username } = user;
    if (!isAdminUser(deps.config, call.realm, username)) continue;
    let refusal = refusals.get(username);
    if (refusal === undefined) {
      refusal = await requireExportKeyForAdminUsers(deps, call, "user.imported", { id: null, username });
      refusals.set(username, refusal);
    }
    if (refusal !== null) outcomes.set(user, refusal);
  }
  return outcomes;
}

/** The stored users with an id or a name of the lines and, in a dry run, all users that an import would have created so far. */
interface ExistingUsers {
  /** Users of the realm, by stored id. */
  readonly byId: ReadonlyMap<string, User>;
  /** Users of the realm, by exact name and by canonical name. */
  readonly byName: ReadonlyMap<string, User>;
  /** Stored ids that belong to users of other realms. */
  readonly idsOfOtherRealms: ReadonlySet<string>;
}

async function readExistingUsers(
  deps: Deps,
  { realm }: ServiceCall,
  users: readonly ImportedUser[],
  planned: readonly User[],
): Promise<ExistingUsers> {
  const rows = await findUsersWithIdsOrNames(deps.db, realm, {
    ids: users.flatMap(({ id }) => (id === undefined ? [] : listPossibleStoredUserIds(realm, id))),
    usernames: users.map(({ username }) => username),
    canonicalNames: isExternalRealm(realm) ? users.map(({ username }) => username) : [],
  });
  const own = [...rows.filter((row) => row.realm === realm), ...planned];
  return {
    byId: new Map(own.map((row) => [row.id, row])),
    byName: new Map([...own.map(byCanonicalName), ...own.map(byUsername)]),
    idsOfOtherRealms: new Set(rows.filter((row) => row.realm !== realm).map(({ id }) => id)),
  };
}

const byUsername = (row: User) => [row.username, row] as const;

/** An account with an exact name is also found under its canonical name. */
const byCanonicalName = (row: User) => [row.canonicalName ?? row.username, row] as const;

/** Compares a line with the stored user that has its id or name. Null: there is none, and the line is a new user. */
async function compareWithExisting(
  deps: Deps,
  call: ServiceCall,
  user: ImportedUser,
  { byId, byName }: ExistingUsers,
): Promise<ImportLineOutcome | null> {
  if (user.canonicalName !== null && !isExternalRealm(call.realm)) return exactNameNotAllowed;
  const found = byName.get(user.username);
  const namesake = user.id !== undefined && found?.username !== user.username ? undefined : found;
  const ids = user.id === undefined ? [] : listPossibleStoredUserIds(call.realm, user.id);
  const row =
    user.id === undefined ? namesake : ids.map((id) => byId.get(id)).find((found) => found !== undefined);
  if (row !== undefined) return compareUserWithImport(deps, call, row, user);
  return namesake === undefined ? null : { ok: false, reason: "user_exists" };
}

const exactNameNotAllowed: ImportLineFailure = {
  ok: false,
  reason: "invalid_format",
  detail: "exact_name: only accounts of an external first factor have one",
};

/** The users that share no id and no name with an earlier one in the list. */
function withoutDuplicates(realm: string, users: readonly ImportedUser[]): ImportedUser[] {
  const seen = new Set<string>();
  return users.filter(({ id, username }) => {
    // A name has no control characters, so this key is never equal to an id.
    const keys = [`\n${username}`, ...(id === undefined ? [] : listPossibleStoredUserIds(realm, id))];
    if (keys.some((key) => seen.has(key))) return false;
    for (const key of keys) seen.add(key);
    return true;
  });
}

/** Inserts the users, and returns those whose ids and names were free. In a dry run it adds them to `planned` instead. */
async function insertUsers(
  deps: Deps,
  call: ServiceCall,
  users: readonly ImportedUser[],
  { existing, planned }: { readonly existing: ExistingUsers; readonly planned: User[] | null },
): Promise<readonly ImportedUser[]> {
  if (users.length === 0) return [];
  const imports = await Promise.all(users.map((user) => buildUserImport(deps, call, user, existing)));
  if (planned !== null) {
    planned.push(...imports.map(({ row }) => row));
    return users;
  }
  const created = await insertImportedUsersSkippingConflicts(deps.db, call.realm, imports);
  return users.filter((_, index) => created.has(imports[index]?.row.id ?? ""));
}

async function buildUserImport(
  { config: { keyring } }: Deps,
  call: ServiceCall,
  user: ImportedUser,
  { idsOfOtherRealms }: ExistingUsers,
): Promise<ImportedUserInput> {
  const { realm, now } = call;
  const { secret, passwordHash } = user;
  const id = chooseId(realm, user.id, idsOfOtherRealms);
  const seal = (column: "totpSecret" | "backupCodes", text: string) =>
    secret === undefined ? null : sealUserField(keyring, { userId: id, column }, text);
  const row: User = {
    ...newUserRow({
      id,
      realm,
      username: user.username,
      canonicalName: user.canonicalName,
      email: user.email ?? null,
      passwordHash: passwordHash ?? null,
      approvalPeriodId: generateApprovalPeriodId(),
      createdAt: user.createdAt ?? now,
    }),
    totpEnabled: secret !== undefined,
    totpSecret: await seal("totpSecret", secret ?? ""),
    totpSetupAt: secret === undefined ? null : (user.totpSetupAt ?? now),
    backupCodes: await seal("backupCodes", encodeBackupCodeHashes(user.backupCodes ?? [])),
    totpLastStep: user.totpLastStep ?? 0,
    secondFactorFailures: user.secondFactorFailures ?? 0,
    secondFactorBlockedUntil: user.secondFactorBlockedUntil ?? null,
    updatedAt: now,
    disabledAt: user.disabledAt ?? null,
  };
  const password = passwordStateOf(row);
  const event = createServiceAuditEvent(call, "user.imported", id, { totp: row.totpEnabled, password });
  const possibleIds = user.id === undefined ? [] : listPossibleStoredUserIds(realm, user.id);
  return { row, alias: possibleIds.find((possible) => possible !== id) ?? id, event };
}

/**
 * Returns the stored id of a new user. An id in the form of a random UUID is kept, because origins know the user by it:
 * it is the `sub` of assertions. When a user of another realm has that id, it gets the realm's prefix like any other id.
 */
function chooseId(realm: string, id: string | undefined, idsOfOtherRealms: ReadonlySet<string>): string {
  if (id === undefined) return crypto.randomUUID();
  return isRandomUserId(id) && !idsOfOtherRealms.has(id) ? id : toStoredUserId(realm, id);
}
