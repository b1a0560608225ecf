import type { ParsedCode } from "../../core/parsing/code-input.ts";
import { type ClientAndActor, generateRandomEventId } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import type { FullSession } from "../sessions/sessions.ts";
import { generateSealedBackupCodes } from "./sealed-backup-codes.ts";
import type { AcceptedCodeEffectsAndOutcome, UserWithOptionalSession } from "./submitted-code.ts";
import { verifyCode } from "./verify-code.ts";

export interface RegenerateBackupCodesInput {
  readonly session: FullSession;
  readonly code: ParsedCode;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/** Generates ten backup codes that replace all earlier ones when the code is accepted. For sessions and the service API. */
export async function planBackupCodeRegeneration(
  deps: Deps,
  { user }: UserWithOptionalSession,
): Promise<AcceptedCodeEffectsAndOutcome<readonly string[]>> {
  const { codes, envelope } = await generateSealedBackupCodes(deps, user.id);
  return {
    effects: [
      { kind: "replace_backup_codes", envelope },
      { kind: "record", eventId: generateRandomEventId(), type: "backup_codes.regenerated" },
    ],
    outcome: codes,
  };
}

/** Replaces the backup codes of the account by ten new ones, which are shown once (BC-07). One read and one batch. */
export async function regenerateBackupCodes(
  deps: Deps,
  request: RegenerateBackupCodesInput,
): Promise<{ ok: true; backupCodes: readonly string[] } | Failure> {
  const accepted = await verifyCode(deps, {
    ...request,
    subject: { kind: "session", session: request.session },
    against: "second_factor",
    planAcceptance: (view) => planBackupCodeRegeneration(deps, view),
  });
  return accepted.ok ? { ok: true, backupCodes: accepted.outcome } : accepted;
}
