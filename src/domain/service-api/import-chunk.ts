import { encodeBackupCodeHashes } from "../../core/crypto/backup-code-hashes.ts";
import { isVerifiable } from "../../core/crypto/password-hash.ts";
import { isRandomUserId, possibleStoredUserIds, storedUserId } from "../../core/parsing/user-id.ts";
import { generateApprovalPeriodId } from "../../store/second-factor/approvals.ts";
import { findTaken, insertImports, type UserImport } from "../../store/users/imported-rows.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { sealUserField } from "../second-factor/sealed-fields.ts";
import { isExternalRealm } from "../sign-in/external-realm.ts";
import { isAdminUser, requireExportKeyForAdminUsers } from "./admin-users.ts";
import { compareWithImport } from "./import-comparison.ts";
import type { ImportedUser, LineFailure } from "./imported-user.ts";
import type { ServiceCall } from "./service-caller.ts";
import { auditEventOf } from "./target-user.ts";

/** What has become of one line. */
export type ImportOutcome = "created" | "unchanged" | LineFailure;

/**
 * Lines of a chunk that are about the same user wait for the first of them, and whoever is created by somebody else
 * at the same time is looked at again. More rounds than this it never takes.
 */
const mostRounds = 4;

/** Settles some lines: a read, and a batch for those that are new. */
export async function importChunk(
  deps: Deps,
  call: ServiceCall,
  users: readonly ImportedUser[],
): Promise<ReadonlyMap<ImportedUser, ImportOutcome>> {
  const outcomes = await guardLines(deps, call, users);
  for (let round = 0; round < mostRounds && outcomes.size < users.length; round++) {
    const open = users.filter((user) => !outcomes.has(user));
    const taken = await readTaken(deps, call, open);
    const judged = await Promise.all(open.map((user) => judge(deps, call, user, taken)));
    for (const [index, user] of open.entries()) {
      const outcome = judged[index];
      if (outcome !== null && outcome !== undefined) outcomes.set(user, outcome);
    }
    const fresh = withoutNamesakes(
      call.realm,
      open.filter((user) => !outcomes.has(user)),
    );
    for (const user of await create(deps, call, fresh, taken)) outcomes.set(user, "created");
  }
  for (const user of users)
    if (!outcomes.has(user)) outcomes.set(user, { ok: false, reason: "user_differs" });
  return outcomes;
}

/** The lines about accounts of `ADMIN_USERS`, where the call may not touch these. One record for each account. */
async function guardLines(
  deps: Deps,
  call: ServiceCall,
  users: readonly ImportedUser[],
): Promise<Map<ImportedUser, ImportOutcome>> {
  const refusals = new Map<string, Failure | null>();
  const outcomes = new Map<ImportedUser, ImportOutcome>();
  for (const user of users) {
    const { username } = user;
    if (!isAdminUser(deps.config, call.realm, username)) continue;
    const known = refusals.get(username);
    const refused =
      known === undefined
        ? await requireExportKeyForAdminUsers(deps, call, "user.imported", { id: null, username })
        : known;
    refusals.set(username, refused);
    if (refused !== null) outcomes.set(user, refused);
  }
  return outcomes;
}

/** Who is there already. */
interface Taken {
  readonly own: ReadonlyMap<string, User>;
  readonly byName: ReadonlyMap<string, User>;
  /** Ids in the store that belong to another realm. */
  readonly elsewhere: ReadonlySet<string>;
}

async function readTaken(deps: Deps, { realm }: ServiceCall, users: readonly ImportedUser[]): Promise<Taken> {
  const rows = await findTaken(deps.db, realm, {
    ids: users.flatMap(({ id }) => (id === undefined ? [] : possibleStoredUserIds(realm, id))),
    usernames: users.map(({ username }) => username),
    canonicalNames: isExternalRealm(realm) ? users.map(({ username }) => username) : [],
  });
  const own = rows.filter((row) => row.realm === realm);
  return {
    own: new Map(own.map((row) => [row.id, row])),
    byName: new Map([...own.map(byCanonicalName), ...own.map(byUsername)]),
    elsewhere: new Set(rows.filter((row) => row.realm !== realm).map(({ id }) => id)),
  };
}

const byUsername = (row: User) => [row.username, row] as const;

/** Under this name a line finds the account that an exact spelling of it has claimed. */
const byCanonicalName = (row: User) => [row.canonicalName ?? row.username, row] as const;

/** Null: there is nobody of this id or name. */
async function judge(
  deps: Deps,
  call: ServiceCall,
  user: ImportedUser,
  { own, byName }: Taken,
): Promise<ImportOutcome | null> {
  if (user.canonicalName !== null && !isExternalRealm(call.realm)) return noExactNames;
  const found = byName.get(user.username);
  const namesake = user.id !== undefined && found?.username !== user.username ? undefined : found;
  const ids = user.id === undefined ? [] : possibleStoredUserIds(call.realm, user.id);
  const row =
    user.id === undefined ? namesake : ids.map((id) => own.get(id)).find((found) => found !== undefined);
  if (row !== undefined) return compareWithImport(deps, call, row, user);
  return namesake === undefined ? null : { ok: false, reason: "user_exists" };
}

const noExactNames: LineFailure = {
  ok: false,
  reason: "invalid_format",
  detail: "exact_name: only accounts of an external first factor have one",
};

/** Those that have no id and no name in common with one before them. */
function withoutNamesakes(realm: string, users: readonly ImportedUser[]): ImportedUser[] {
  const seen = new Set<string>();
  return users.filter(({ id, username }) => {
    // A name has no control characters.
    const keys = [`\n${username}`, ...(id === undefined ? [] : possibleStoredUserIds(realm, id))];
    if (keys.some((key) => seen.has(key))) return false;
    for (const key of keys) seen.add(key);
    return true;
  });
}

async function create(
  deps: Deps,
  call: ServiceCall,
  users: readonly ImportedUser[],
  taken: Taken,
): Promise<ImportedUser[]> {
  if (users.length === 0) return [];
  const imports = await Promise.all(users.map((user) => draw(deps, call, user, taken)));
  const created = await insertImports(deps.db, call.realm, imports);
  return users.filter((_, index) => created.has(imports[index]?.row.id ?? ""));
}

async function draw(
  { config: { keyring } }: Deps,
  call: ServiceCall,
  user: ImportedUser,
  { elsewhere }: Taken,
): Promise<UserImport> {
  const { realm, now } = call;
  const { secret, passwordHash } = user;
  const id = chooseId(realm, user.id, elsewhere);
  const seal = (column: "totpSecret" | "backupCodes", text: string) =>
    secret === undefined ? null : sealUserField(keyring, { userId: id, column }, text);
  const row: User = {
    id,
    realm,
    username: user.username,
    canonicalName: user.canonicalName,
    email: user.email ?? null,
    passwordHash: passwordHash ?? null,
    totpEnabled: secret !== undefined,
    totpSecret: await seal("totpSecret", secret ?? ""),
    totpSetupAt: secret === undefined ? null : (user.totpSetupAt ?? now),
    backupCodes: await seal("backupCodes", encodeBackupCodeHashes(user.backupCodes ?? [])),
    totpLastStep: user.totpLastStep ?? 0,
    totpPendingSecret: null,
    totpPendingExpiresAt: null,
    secondFactorFailures: user.secondFactorFailures ?? 0,
    secondFactorBlockedUntil: user.secondFactorBlockedUntil ?? null,
    approvalPeriodId: generateApprovalPeriodId(),
    createdAt: user.createdAt ?? now,
    updatedAt: now,
    disabledAt: user.disabledAt ?? null,
  };
  const password =
    passwordHash === undefined ? "none" : isVerifiable(passwordHash) ? "set" : "reset_required";
  const event = auditEventOf(call, "user.imported", id, { totp: row.totpEnabled, password });
  const other = user.id === undefined ? [] : possibleStoredUserIds(realm, user.id);
  return { row, alias: other.find((possible) => possible !== id) ?? id, event };
}

/**
 * A random id stays what it is, because origins know its user by it: assertions have it as `sub`. Where another realm
 * has it, it is one of this realm's own names like any other.
 */
function chooseId(realm: string, id: string | undefined, elsewhere: ReadonlySet<string>): string {
  if (id === undefined) return crypto.randomUUID();
  return isRandomUserId(id) && !elsewhere.has(id) ? id : storedUserId(realm, id);
}
