import type { ClientAndActor } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { type FullSession, type RecheckedSession, recheckSession } from "../sessions/sessions.ts";
import { countBackupCodes } from "./sealed-backup-codes.ts";

/** The second factor of an account, without its secrets (EN-06). */
export interface SecondFactorStatus {
  readonly ok: true;
  readonly enabled: boolean;
  readonly setupAt: Date | null;
  readonly backupCodesRemaining: number;
  /** The caller's session, confirmed and renewed. */
  readonly checked: RecheckedSession;
}

/** Rechecks the session and returns the second-factor status of its account. One trip. */
export async function recheckSessionAndGetSecondFactorStatus(
  deps: Deps,
  session: FullSession,
  client: ClientAndActor,
  now: Date,
): Promise<SecondFactorStatus | Failure> {
  const checked = await recheckSession(deps, session, now);
  if (checked === null) return { ok: false, reason: "session_over" };
  const { user } = checked;
  const counted = await countBackupCodes(deps, { user, client, now });
  if (!counted.ok) return counted;
  return {
    ok: true,
    enabled: user.totpEnabled,
    setupAt: user.totpSetupAt,
    backupCodesRemaining: counted.remaining,
    checked,
  };
}
