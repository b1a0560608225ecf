import { parseBackupCodeHashes, splitStoredBackupCode } from "../../core/crypto/backup-code-hashes.ts";
import { isVerifiable, needsRehash } from "../../core/crypto/password-hash.ts";
import type { SealedColumn } from "../../store/platform/schema.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { openUserField } from "../second-factor/sealed-fields.ts";
import type { ImportedUser, LineFailure } from "./imported-user.ts";
import type { ServiceCall } from "./service-caller.ts";

/**
 * Whether an account is the one that a line describes. What the line does not say is not compared, and what moves by
 * being used may have moved on: a later step, spent backup codes, a password that was hashed anew or reset as it had
 * to be. So an import that was cut off can be repeated while its first users sign in already.
 */
export async function compareWithImport(
  deps: Deps,
  call: ServiceCall,
  row: User,
  user: ImportedUser,
): Promise<"unchanged" | LineFailure> {
  const differs = { ok: false, reason: "user_differs" } as const;
  if (!isSameAccount(row, user) || !isSamePassword(row.passwordHash, user.passwordHash)) return differs;
  if (user.secret === undefined) return "unchanged";
  const { totpSecret, backupCodes } = row;
  if (!row.totpEnabled || totpSecret === null || backupCodes === null) return differs;
  const open = (column: SealedColumn, envelope: string) =>
    openUserField(deps, { userId: row.id, column }, envelope, call.client, call.now);
  const secret = await open("totpSecret", totpSecret);
  if (!secret.ok) return secret;
  if (secret.text !== user.secret) return differs;
  if (user.backupCodes === undefined) return "unchanged";
  const codes = await open("backupCodes", backupCodes);
  if (!codes.ok) return codes;
  return areSameCodes(parseBackupCodeHashes(codes.text), user.backupCodes) ? "unchanged" : differs;
}

const isSaid = <T extends string | Date>(said: T | undefined, stored: T | null): boolean =>
  said === undefined || said.valueOf() === stored?.valueOf();

/** A line with a canonical name is also of the account that an exact spelling of it has claimed since. */
const isSameName = (row: User, { username, canonicalName }: ImportedUser): boolean =>
  row.username === username || (canonicalName === null && row.canonicalName === username);

function isSameAccount(row: User, user: ImportedUser): boolean {
  return (
    isSameName(row, user) &&
    isSaid(user.email, row.email) &&
    isSaid(user.createdAt, row.createdAt) &&
    isSaid(user.disabledAt, row.disabledAt) &&
    isSaid(user.totpSetupAt, row.totpSetupAt) &&
    row.totpLastStep >= (user.totpLastStep ?? 0)
  );
}

function isSamePassword(stored: string | null, said: string | undefined): boolean {
  if (said === undefined || said === stored) return true;
  const isRenewed = stored !== null && isVerifiable(stored) && !needsRehash(stored);
  return isRenewed && (!isVerifiable(said) || needsRehash(said));
}

function areSameCodes(stored: readonly string[], said: readonly string[]): boolean {
  return (
    stored.length === said.length &&
    stored.every((entry, index) => {
      const [there, here] = [splitStoredBackupCode(entry), splitStoredBackupCode(said[index] ?? "")];
      return there.hash === here.hash && (there.spent || !here.spent);
    })
  );
}
