import { generateTotpSecret } from "../../core/crypto/totp.ts";
import type { CodeInput } from "../../core/parsing/code-input.ts";
import { buildKeyUri } from "../../core/parsing/key-uri.ts";
import { generateEventId } from "../../store/service/audit.ts";
import { removeSecondFactorOnce, startEnrolmentOnce } from "../../store/service/user-writes.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttempts } from "../failure.ts";
import { planNewBackupCodes } from "../second-factor/backup-codes.ts";
import { enrolmentTtlSeconds, type NewSecret } from "../second-factor/enrolment.ts";
import { sealUserField } from "../second-factor/sealed-fields.ts";
import type { AcceptedCode } from "../second-factor/submitted-code.ts";
import { verifyCode } from "../second-factor/verify-code.ts";
import { setupCounter } from "../sign-in/throttle.ts";
import { requireExportKeyForAdminUsers, requireExportKeyForTargetUser } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { auditEventOf, findTargetUser, targetPlaceOf } from "./target-user.ts";
import { toUserResult, type UserResult } from "./users.ts";

/**
 * Begins to set up the second factor of a user. Nothing changes until its first code is confirmed. A user who has one
 * shows a code of it, and keeps it until the new one is confirmed (EN-03, EN-04).
 *
 * @param code of the second factor in force; null where there is none
 */
export async function beginUserEnrolment(
  deps: Deps,
  call: UserServiceCall<NewSecret>,
  code: CodeInput | null,
): Promise<NewSecret | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const guarded = await requireExportKeyForAdminUsers(deps, call, "totp.setup_started", user);
  if (guarded !== null) return guarded;
  const { enrolment, pending } = await generateEnrolment(deps, call, user);
  if (code !== null) return replaceWithCode(deps, call, code, enrolment, pending);
  const counter = await setupCounter(deps.config.keyring, user.id);
  const done = await startEnrolmentOnce(
    deps.db,
    targetPlaceOf(call),
    { ...pending, counter },
    {
      event: auditEventOf(call, "totp.setup_started", user.id),
      answer: await call.keep(enrolment),
      now: call.now,
    },
  );
  if (done.happened) return enrolment;
  const [row] = done.rows;
  if (done.respondedBefore) return { ok: false, reason: "already_responded" };
  if (row === undefined) return { ok: false, reason: "no_such_user" };
  if (row.setupBlockedUntil !== null && row.setupBlockedUntil > call.now)
    return tooManyAttempts(row.setupBlockedUntil, call.now, "setup");
  return { ok: false, reason: row.disabledAt === null ? "already_enabled" : "account_disabled" };
}

interface PendingSecret {
  readonly secretEnvelope: string;
  readonly expiresAt: Date;
}

async function generateEnrolment({ config }: Deps, { now }: UserServiceCall<NewSecret>, user: User) {
  const secret = generateTotpSecret();
  const field = { userId: user.id, column: "totpPendingSecret" } as const;
  const pending: PendingSecret = {
    secretEnvelope: await sealUserField(config.keyring, field, secret),
    expiresAt: new Date(now.getTime() + enrolmentTtlSeconds * 1000),
  };
  const keyUri = buildKeyUri({ issuer: config.issuer, account: user.username, secret });
  const enrolment: NewSecret = { ok: true, secret, keyUri, expiresInSeconds: enrolmentTtlSeconds };
  return { enrolment, pending };
}

async function replaceWithCode(
  deps: Deps,
  call: UserServiceCall<NewSecret>,
  code: CodeInput,
  enrolment: NewSecret,
  pending: PendingSecret,
): Promise<NewSecret | Failure> {
  const accepted = await verifyCode(deps, {
    subject: { kind: "service", ...targetPlaceOf(call), known: call.known },
    code,
    against: "second_factor",
    client: call.client,
    now: call.now,
    keep: (result) => call.keep(result.ok ? enrolment : result),
    planAcceptance: async () => ({
      effects: [
        { kind: "start_enrolment", ...pending },
        { kind: "record", eventId: generateEventId(), type: "totp.setup_started" },
      ],
      outcome: null,
    }),
  });
  return accepted.ok ? enrolment : accepted;
}

/** What a backend gets when a user's second factor is on. */
export type ConfirmedEnrolment = AcceptedCode<null>;

/** Switches the second factor on with the first code of the pending secret, which it spends (OTP-12). */
export async function confirmUserEnrolment(
  deps: Deps,
  call: UserServiceCall<ConfirmedEnrolment>,
  code: CodeInput,
): Promise<ConfirmedEnrolment | Failure> {
  const guarded = await requireExportKeyForTargetUser(deps, call, "totp.enabled");
  if (guarded !== null) return guarded;
  return verifyCode(deps, {
    subject: { kind: "service", ...targetPlaceOf(call), known: call.known },
    code,
    against: { pendingSecret: null },
    client: call.client,
    now: call.now,
    keep: call.keep,
    planAcceptance: async () => ({
      effects: [
        { kind: "end_other_sessions", keep: null },
        { kind: "record", eventId: generateEventId(), type: "totp.enabled" },
      ],
      outcome: null,
    }),
  });
}

/**
 * Takes the second factor away, because the backend has made sure of the user by other means. The failures that
 * disabled one stay: only a reset or an unlock takes them back.
 */
export async function removeUserSecondFactor(
  deps: Deps,
  call: UserServiceCall<UserResult>,
): Promise<UserResult | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const guarded = await requireExportKeyForAdminUsers(deps, call, "totp.disabled", user);
  if (guarded !== null) return guarded;
  const done = await removeSecondFactorOnce(deps.db, targetPlaceOf(call), false, {
    event: auditEventOf(call, "totp.disabled", user.id),
    answer: null,
    now: call.now,
  });
  const settled = toUserResult(done, "no_such_user");
  return !settled.ok && done.rows.length > 0 ? { ok: false, reason: "not_enabled" } : settled;
}

/** Ten codes, to be shown once. */
export type RegeneratedBackupCodes = AcceptedCode<readonly string[]>;

/** New backup codes for a user who shows a code; all earlier ones are void (BC-07). */
export async function regenerateUserBackupCodes(
  deps: Deps,
  call: UserServiceCall<RegeneratedBackupCodes>,
  code: CodeInput,
): Promise<RegeneratedBackupCodes | Failure> {
  const guarded = await requireExportKeyForTargetUser(deps, call, "backup_codes.regenerated");
  if (guarded !== null) return guarded;
  return verifyCode(deps, {
    subject: { kind: "service", ...targetPlaceOf(call), known: call.known },
    code,
    against: "second_factor",
    client: call.client,
    now: call.now,
    keep: call.keep,
    planAcceptance: (view) => planNewBackupCodes(deps, view),
  });
}
