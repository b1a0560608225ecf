import {
  countUnspent,
  encodeBackupCodeHashes,
  findBackupCode,
  generateBackupCodes,
  hashBackupCode,
  markBackupCodeSpent,
  parseBackupCodeHashes,
} from "../../core/crypto/backup-code-hashes.ts";
import { decodeTotpSecret, findMatchingStep } from "../../core/crypto/totp.ts";
import type { CodeInput } from "../../core/parsing/code-input.ts";
import type { ComparedWith, Spend } from "../../store/second-factor/code-attempt.ts";
import type { ClientContext } from "../../store/service/audit.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { openUserField, sealUserField } from "./sealed-fields.ts";

/** What comparing a code with an account, as it was read, came to. Nothing is decided yet. */
export interface CodeComparison {
  readonly ok: true;
  readonly comparedWith: ComparedWith;
  readonly result: "wrong" | "spent" | RightCode;
}

export interface RightCode {
  readonly spend: Spend;
  readonly evidence: Evidence;
}

/** What an accepted code proves. */
export interface Evidence {
  readonly method: "totp" | "backup_code";
  /** Unspent backup codes once this one is spent. */
  readonly backupCodesRemaining: number;
  /** Made with an enrolment, to be shown once. */
  readonly newBackupCodes: readonly string[] | null;
}

/** A code, and who it is compared for. */
export interface CodeComparisonInput {
  readonly user: User;
  readonly code: CodeInput;
  readonly client: ClientContext;
  readonly now: Date;
}

/** Compares a code with the second factor that is in force. */
export async function evaluateLive(
  deps: Deps,
  question: CodeComparisonInput,
): Promise<CodeComparison | Failure> {
  const { totpEnabled, totpSecret, backupCodes } = question.user;
  if (!totpEnabled || totpSecret === null || backupCodes === null)
    return { ok: false, reason: "not_enabled" };
  return question.code.kind === "totp"
    ? evaluateTotp(deps, question, { totpSecret, backupCodes })
    : evaluateBackupCode(deps, question, backupCodes);
}

async function evaluateTotp(
  deps: Deps,
  { user, code, client, now }: CodeComparisonInput,
  live: { totpSecret: string; backupCodes: string },
): Promise<CodeComparison | Failure> {
  const secret = await openUserField(
    deps,
    { userId: user.id, column: "totpSecret" },
    live.totpSecret,
    client,
    now,
  );
  if (!secret.ok) return secret;
  const comparedWith = { column: "totpSecret", envelope: live.totpSecret } as const;
  const step = await findMatchingStep(decodeTotpSecret(secret.text), code.code, now);
  if (step === null) return { ok: true, comparedWith, result: "wrong" };
  const hashes = await openHashes(deps, { user, client, now }, live.backupCodes);
  if (!hashes.ok) return hashes;
  const evidence = {
    method: "totp",
    backupCodesRemaining: countUnspent(hashes.hashes),
    newBackupCodes: null,
  } as const;
  return { ok: true, comparedWith, result: { spend: { kind: "totp_step", step }, evidence } };
}

async function evaluateBackupCode(
  deps: Deps,
  { user, code, client, now }: CodeComparisonInput,
  envelope: string,
): Promise<CodeComparison | Failure> {
  const opened = await openHashes(deps, { user, client, now }, envelope);
  if (!opened.ok) return opened;
  const comparedWith = { column: "backupCodes", envelope } as const;
  const found = findBackupCode(opened.hashes, await hashBackupCode(code.code));
  if (found === null) return { ok: true, comparedWith, result: "wrong" };
  if (found.state === "spent") return { ok: true, comparedWith, result: "spent" };
  const remaining = markBackupCodeSpent(opened.hashes, found.index);
  const remainingEnvelope = await sealHashes(deps, user.id, remaining);
  return {
    ok: true,
    comparedWith,
    result: {
      spend: { kind: "backup_code", remainingEnvelope },
      evidence: {
        method: "backup_code",
        backupCodesRemaining: countUnspent(remaining),
        newBackupCodes: null,
      },
    },
  };
}

/**
 * Compares a code with the secret that is being set up; a right one comes with the account's backup codes.
 *
 * @param expectedSecret the secret that the caller believes to confirm; null when it doesn't say
 */
export async function evaluateEnrolment(
  deps: Deps,
  question: CodeComparisonInput,
  expectedSecret: string | null,
): Promise<CodeComparison | Failure> {
  const { user, code, client, now } = question;
  const envelope = user.totpPendingSecret;
  if (envelope === null)
    return { ok: false, reason: user.totpEnabled ? "already_enabled" : "enrolment_expired" };
  if (user.totpPendingExpiresAt === null || user.totpPendingExpiresAt <= now) {
    return { ok: false, reason: "enrolment_expired" };
  }
  const secret = await openUserField(
    deps,
    { userId: user.id, column: "totpPendingSecret" },
    envelope,
    client,
    now,
  );
  if (!secret.ok) return secret;
  // Only a session of the account gets here, and it was shown the secret: there is nothing to time.
  if (expectedSecret !== null && expectedSecret !== secret.text)
    return { ok: false, reason: "other_enrolment" };
  const comparedWith = { column: "totpPendingSecret", envelope } as const;
  const step = await findMatchingStep(decodeTotpSecret(secret.text), code.code, now);
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

/** Draws ten backup codes, and seals their hashes for the account. */
export async function generateSealedBackupCodes(
  deps: Deps,
  userId: string,
): Promise<{ codes: readonly string[]; envelope: string }> {
  const codes = generateBackupCodes();
  const hashes = await Promise.all(codes.map((code) => hashBackupCode(code.replaceAll("-", ""))));
  return { codes, envelope: await sealHashes(deps, userId, hashes) };
}

/** Counts the backup codes that are left. */
export async function countBackupCodes(
  deps: Deps,
  question: Omit<CodeComparisonInput, "code">,
): Promise<{ ok: true; remaining: number } | Failure> {
  if (question.user.backupCodes === null) return { ok: true, remaining: 0 };
  const opened = await openHashes(deps, question, question.user.backupCodes);
  return opened.ok ? { ok: true, remaining: countUnspent(opened.hashes) } : opened;
}

async function openHashes(
  deps: Deps,
  { user, client, now }: Omit<CodeComparisonInput, "code">,
  envelope: string,
): Promise<{ ok: true; hashes: string[] } | Failure> {
  const opened = await openUserField(deps, { userId: user.id, column: "backupCodes" }, envelope, client, now);
  return opened.ok ? { ok: true, hashes: parseBackupCodeHashes(opened.text) } : opened;
}

function sealHashes(deps: Deps, userId: string, hashes: readonly string[]): Promise<string> {
  return sealUserField(
    deps.config.keyring,
    { userId, column: "backupCodes" },
    encodeBackupCodeHashes(hashes),
  );
}
