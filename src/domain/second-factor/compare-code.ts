import {
  countUnspentBackupCodes,
  findBackupCodeStateByHash,
  markBackupCodeSpent,
  sha256BackupCode,
} from "../../core/crypto/backup-code-hashes.ts";
import { decodeTotpSecret, findTimeStepOfCode } from "../../core/crypto/totp.ts";
import type { ParsedCode } from "../../core/parsing/code-input.ts";
import type { ClientAndActor } from "../../store/service/audit.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import {
  generateSealedBackupCodes,
  openBackupCodeHashes,
  sealBackupCodeHashes,
} from "./sealed-backup-codes.ts";
import { openUserFieldOrReportUnreadable, sealUserField } from "./sealed-fields.ts";
import type { CompareCodeResult } from "./submitted-code.ts";

/** A code, and the account that it is compared with. */
export interface CompareCodeInput {
  readonly user: User;
  readonly code: ParsedCode;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/** Compares a code with the second factor in force: a TOTP code with the secret, a backup code with the hashes. */
export async function compareCodeWithSecondFactor(
  deps: Deps,
  input: CompareCodeInput,
): Promise<CompareCodeResult | Failure> {
  const { totpEnabled, totpSecret, backupCodes } = input.user;
  if (!totpEnabled || totpSecret === null || backupCodes === null)
    return { ok: false, reason: "not_enabled" };
  return input.code.kind === "totp"
    ? compareTotp(deps, input, { totpSecret, backupCodes })
    : compareBackupCode(deps, input, backupCodes);
}

async function compareTotp(
  deps: Deps,
  { user, code, client, now }: CompareCodeInput,
  sealed: { totpSecret: string; backupCodes: string },
): Promise<CompareCodeResult | Failure> {
  const secret = await openUserFieldOrReportUnreadable(
    deps,
    { userId: user.id, column: "totpSecret" },
    sealed.totpSecret,
    client,
    now,
  );
  if (!secret.ok) return secret;
  const comparedWith = { column: "totpSecret", envelope: sealed.totpSecret } as const;
  const step = await findTimeStepOfCode(decodeTotpSecret(secret.text), code.code, now);
  if (step === null) return { ok: true, comparedWith, result: "wrong" };
  const hashes = await openBackupCodeHashes(deps, { user, client, now }, sealed.backupCodes);
  if (!hashes.ok) return hashes;
  const evidence = {
    method: "totp",
    backupCodesRemaining: countUnspentBackupCodes(hashes.hashes),
    newBackupCodes: null,
  } as const;
  return { ok: true, comparedWith, result: { spend: { kind: "totp_step", step }, evidence } };
}

async function compareBackupCode(
  deps: Deps,
  { user, code, client, now }: CompareCodeInput,
  envelope: string,
): Promise<CompareCodeResult | Failure> {
  const opened = await openBackupCodeHashes(deps, { user, client, now }, envelope);
  if (!opened.ok) return opened;
  const comparedWith = { column: "backupCodes", envelope } as const;
  const found = findBackupCodeStateByHash(opened.hashes, await sha256BackupCode(code.code));
  if (found === null) return { ok: true, comparedWith, result: "wrong" };
  if (found.state === "spent") return { ok: true, comparedWith, result: "spent" };
  const remaining = markBackupCodeSpent(opened.hashes, found.index);
  const remainingEnvelope = await sealBackupCodeHashes(deps, user.id, remaining);
  return {
    ok: true,
    comparedWith,
    result: {
      spend: { kind: "backup_code", remainingEnvelope },
      evidence: {
        method: "backup_code",
        backupCodesRemaining: countUnspentBackupCodes(remaining),
        newBackupCodes: null,
      },
    },
  };
}

/**
 * Compares a code with the secret that is being set up. For a right code, generates the account's backup codes.
 *
 * @param expectedSecret the Base32 secret that the caller means to confirm; null when it does not say
 */
export async function compareCodeWithPendingSecret(
  deps: Deps,
  input: CompareCodeInput,
  expectedSecret: string | null,
): Promise<CompareCodeResult | Failure> {
  const { user, code, client, now } = input;
  const envelope = user.totpPendingSecret;
  if (envelope === null)
    return { ok: false, reason: user.totpEnabled ? "already_enabled" : "enrolment_expired" };
  if (user.totpPendingExpiresAt === null || user.totpPendingExpiresAt <= now) {
    return { ok: false, reason: "enrolment_expired" };
  }
  const secret = await openUserFieldOrReportUnreadable(
    deps,
    { userId: user.id, column: "totpPendingSecret" },
    envelope,
    client,
    now,
  );
  if (!secret.ok) return secret;
  // The comparison need not take constant time: the secret was shown to this session, or to this caller of the service API.
  if (expectedSecret !== null && expectedSecret !== secret.text)
    return { ok: false, reason: "other_enrolment" };
  const comparedWith = { column: "totpPendingSecret", envelope } as const;
  const step = await findTimeStepOfCode(decodeTotpSecret(secret.text), code.code, now);
  if (step === null) return { ok: true, comparedWith, result: "wrong" };
  const backup = await generateSealedBackupCodes(deps, user.id);
  const spend = {
    kind: "enrolment_step",
    step,
    secretEnvelope: await sealUserField(
      deps.config.keyring,
      { userId: user.id, column: "totpSecret" },
      secret.text,
    ),
    backupCodesEnvelope: backup.envelope,
  } as const;
  const evidence = {
    method: "totp",
    backupCodesRemaining: backup.codes.length,
    newBackupCodes: backup.codes,
  } as const;
  return { ok: true, comparedWith, result: { spend, evidence } };
}
