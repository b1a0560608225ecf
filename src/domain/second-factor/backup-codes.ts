import type { CodeInput } from "../../core/parsing/code-input.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import type { FullSession } from "../sessions/sessions.ts";
import { generateSealedBackupCodes } from "./sealed-backup-codes.ts";
import type { AcceptancePlan, AccountView } from "./submitted-code.ts";
import { verifyCode } from "./verify-code.ts";

export interface BackupCodesRequest {
  readonly session: FullSession;
  readonly code: CodeInput;
  readonly client: ClientContext;
  readonly now: Date;
}

/** What an accepted code brings about where new backup codes are asked for, by whoever asks. */
export async function planNewBackupCodes(
  deps: Deps,
  { user }: AccountView,
): Promise<AcceptancePlan<readonly string[]>> {
  const { codes, envelope } = await generateSealedBackupCodes(deps, user.id);
  return {
    effects: [
      { kind: "replace_backup_codes", envelope },
      { kind: "record", eventId: generateEventId(), type: "backup_codes.regenerated" },
    ],
    outcome: codes,
  };
}

/** Makes ten new backup codes, to be shown once; all earlier ones are void at the same moment (BC-07). */
export async function regenerateBackupCodes(
  deps: Deps,
  request: BackupCodesRequest,
): Promise<{ ok: true; backupCodes: readonly string[] } | Failure> {
  const accepted = await verifyCode(deps, {
    ...request,
    subject: { kind: "session", session: request.session },
    against: "second_factor",
    planAcceptance: (view) => planNewBackupCodes(deps, view),
  });
  return accepted.ok ? { ok: true, backupCodes: accepted.outcome } : accepted;
}
