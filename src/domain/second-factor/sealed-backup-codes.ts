import {
  countUnspentBackupCodes,
  decodeBackupCodeHashes,
  encodeBackupCodeHashes,
  generateBackupCodes,
  sha256BackupCode,
} from "../../core/crypto/backup-code-hashes.ts";
import type { ClientAndActor } from "../../store/service/audit.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { openUserFieldOrReportUnreadable, sealUserField } from "./sealed-fields.ts";

interface HashesInput {
  readonly user: User;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/** Generates ten backup codes, and seals their hashes for the account. */
export async function generateSealedBackupCodes(
  deps: Deps,
  userId: string,
): Promise<{ codes: readonly string[]; envelope: string }> {
  const codes = generateBackupCodes();
  const hashes = await Promise.all(codes.map((code) => sha256BackupCode(code.replaceAll("-", ""))));
  return { codes, envelope: await sealBackupCodeHashes(deps, userId, hashes) };
}

/** Counts the unspent backup codes of an account. */
export async function countBackupCodes(
  deps: Deps,
  input: HashesInput,
): Promise<{ ok: true; remaining: number } | Failure> {
  if (input.user.backupCodes === null) return { ok: true, remaining: 0 };
  const opened = await openBackupCodeHashes(deps, input, input.user.backupCodes);
  return opened.ok ? { ok: true, remaining: countUnspentBackupCodes(opened.hashes) } : opened;
}

/** Decrypts the hashes of an account's backup codes. The hash of a spent code is still in the list, with the prefix `spent:`. */
export async function openBackupCodeHashes(
  deps: Deps,
  { user, client, now }: HashesInput,
  envelope: string,
): Promise<{ ok: true; hashes: string[] } | Failure> {
  const opened = await openUserFieldOrReportUnreadable(
    deps,
    { userId: user.id, column: "backupCodes" },
    envelope,
    client,
    now,
  );
  return opened.ok ? { ok: true, hashes: decodeBackupCodeHashes(opened.text) } : opened;
}

/** Seals the hashes of an account's backup codes for its row. */
export function sealBackupCodeHashes(deps: Deps, userId: string, hashes: readonly string[]): Promise<string> {
  return sealUserField(
    deps.config.keyring,
    { userId, column: "backupCodes" },
    encodeBackupCodeHashes(hashes),
  );
}
