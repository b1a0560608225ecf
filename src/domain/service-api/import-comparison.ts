import { decodeBackupCodeHashes, splitStoredBackupCodeEntry } from "../../core/crypto/backup-code-hashes.ts";
import { classifyImportedPasswordHash } from "../../core/crypto/imported-password.ts";
import { hasOutdatedScryptParameters, isVerifiablePasswordHash } from "../../core/crypto/password-hash.ts";
import type { SealedColumn } from "../../store/platform/schema.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { openUserFieldOrReportUnreadable } from "../second-factor/sealed-fields.ts";
import type { ImportedUser, ImportLineFailure } from "./imported-user.ts";
import type { ServiceCall } from "./service-caller.ts";

/**
 * Returns "unchanged" when the stored account is the one that the line describes. Fields that the line leaves out are not
 * compared. State that use advances may be ahead of the line: a later time step, spent backup codes, a password that was
 * rehashed, or set anew after `reset_required`. So an interrupted import can be repeated after its first users have signed
 * in.
 */
export async function compareUserWithImport(
  deps: Deps,
  call: ServiceCall,
  row: User,
  user: ImportedUser,
): Promise<"unchanged" | ImportLineFailure> {
  const differs = { ok: false, reason: "user_differs" } as const;
  if (!isSameAccount(row, user) || !isSamePassword(row.passwordHash, user.passwordHash)) return differs;
  if (user.secret === undefined) return "unchanged";
  const { totpSecret, backupCodes } = row;
  if (!row.totpEnabled || totpSecret === null || backupCodes === null) return differs;
  const open = (column: SealedColumn, envelope: string) =>
    openUserFieldOrReportUnreadable(deps, { userId: row.id, column }, envelope, call.client, call.now);
  const secret = await open("totpSecret", totpSecret);
  if (!secret.ok) return secret;
  if (secret.text !== user.secret) return differs;
  if (user.backupCodes === undefined) return "unchanged";
  const codes = await open("backupCodes", backupCodes);
  if (!codes.ok) return codes;
  return areSameCodes(decodeBackupCodeHashes(codes.text), user.backupCodes) ? "unchanged" : differs;
}

const isEqualIfGiven = <T extends string | Date>(imported: T | undefined, stored: T | null): boolean =>
  imported === undefined || imported.valueOf() === stored?.valueOf();

/** A line with a canonical name also matches the account that a subject with an exact name has claimed since. */
const isSameName = (row: User, { username, canonicalName }: ImportedUser): boolean =>
  row.username === username || (canonicalName === null && row.canonicalName === username);

function isSameAccount(row: User, user: ImportedUser): boolean {
  return (
    isSameName(row, user) &&
    isEqualIfGiven(user.email, row.email) &&
    isEqualIfGiven(user.createdAt, row.createdAt) &&
    isEqualIfGiven(user.disabledAt, row.disabledAt) &&
    isEqualIfGiven(user.totpSetupAt, row.totpSetupAt) &&
    row.totpLastStep >= (user.totpLastStep ?? 0)
  );
}

/**
 * True when both are equal, when the import has no hash, when the stored hash is an earlier spelling of the imported one, and when the
 * stored hash has replaced an imported one that is unverifiable or due for a rehash.
 */
function isSamePassword(stored: string | null, imported: string | undefined): boolean {
  if (imported === undefined || imported === stored) return true;
  const support = stored === null ? null : classifyImportedPasswordHash(stored);
  if (support?.kind === "verifiable" && support.stored === imported) return true;
  const isRenewed =
    stored !== null && isVerifiablePasswordHash(stored) && !hasOutdatedScryptParameters(stored);
  return isRenewed && (!isVerifiablePasswordHash(imported) || hasOutdatedScryptParameters(imported));
}

/** True when the hashes are the same in the same order, and no code is unspent here that the line has as spent. */
function areSameCodes(stored: readonly string[], imported: readonly string[]): boolean {
  return (
    stored.length === imported.length &&
    stored.every((entry, index) => {
      const [storedCode, importedCode] = [
        splitStoredBackupCodeEntry(entry),
        splitStoredBackupCodeEntry(imported[index] ?? ""),
      ];
      return storedCode.hash === importedCode.hash && (storedCode.spent || !importedCode.spent);
    })
  );
}
