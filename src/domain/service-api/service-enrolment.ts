import { generateTotpSecret } from "../../core/crypto/totp.ts";
import type { ParsedCode } from "../../core/parsing/code-input.ts";
import { formatOtpauthUri } from "../../core/parsing/key-uri.ts";
import { generateRandomEventId } from "../../store/service/audit.ts";
import {
  removeSecondFactorKeepingFailuresOnce,
  startEnrolmentOnce,
} from "../../store/service/user-writes.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttemptsFailure } from "../failure.ts";
import { planBackupCodeRegeneration } from "../second-factor/backup-codes.ts";
import { enrolmentTtlSeconds, type GeneratedTotpSecret } from "../second-factor/enrolment.ts";
import { sealUserField } from "../second-factor/sealed-fields.ts";
import type { AcceptedCode } from "../second-factor/submitted-code.ts";
import { verifyCode } from "../second-factor/verify-code.ts";
import { enrolmentCounter } from "../sign-in/throttle.ts";
import { requireExportKeyForAdminUsers, requireExportKeyIfTargetIsAdminUser } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { prepareStoredResponse } from "./stored-response.ts";
import { createServiceAuditEvent, findTargetUser, targetUserRefOf } from "./target-user.ts";
import { toWriteUserRowResultOrFailure, type WriteUserRowResult } from "./write-user.ts";

/**
 * Begins to set up a second factor for a user: generates a secret and stores it as pending. An existing second factor
 * stays in force until a code of the new secret is confirmed, and replacing it requires one of its codes (EN-03, EN-04).
 *
 * @param code a code of the second factor in force; null when there is none
 */
export async function startUserEnrolment(
  deps: Deps,
  call: UserServiceCall<GeneratedTotpSecret>,
  code: ParsedCode | null,
): Promise<GeneratedTotpSecret | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const refusal = await requireExportKeyForAdminUsers(deps, call, "totp.setup_started", user);
  if (refusal !== null) return refusal;
  const { enrolment, pending } = await prepareEnrolment(deps, call, user);
  if (code !== null) return beginReplacement(deps, call, code, enrolment, pending);
  const counter = await enrolmentCounter(deps.config.keyring, user.id);
  const done = await startEnrolmentOnce(
    deps.db,
    targetUserRefOf(call),
    { ...pending, counter },
    {
      event: createServiceAuditEvent(call, "totp.setup_started", user.id),
      response: await prepareStoredResponse(deps, call.idempotency, enrolment, call.now),
      now: call.now,
    },
  );
  if (done.happened) return enrolment;
  const [row] = done.rows;
  if (done.respondedBefore) return { ok: false, reason: "already_responded" };
  if (row === undefined) return { ok: false, reason: "no_such_user" };
  if (row.setupBlockedUntil !== null && row.setupBlockedUntil > call.now)
    return tooManyAttemptsFailure(row.setupBlockedUntil, call.now, "setup");
  return { ok: false, reason: row.disabledAt === null ? "already_enabled" : "account_disabled" };
}

/** The secret that is being set up, as it is stored. */
interface PendingSecret {
  readonly secretEnvelope: string;
  readonly expiresAt: Date;
}

async function prepareEnrolment({ config }: Deps, { now }: UserServiceCall<GeneratedTotpSecret>, user: User) {
  const secret = generateTotpSecret();
  const field = { userId: user.id, column: "totpPendingSecret" } as const;
  const pending: PendingSecret = {
    secretEnvelope: await sealUserField(config.keyring, field, secret),
    expiresAt: new Date(now.getTime() + enrolmentTtlSeconds * 1000),
  };
  const keyUri = formatOtpauthUri({ issuer: config.issuer, account: user.username, secret });
  const enrolment: GeneratedTotpSecret = { ok: true, secret, keyUri, expiresInSeconds: enrolmentTtlSeconds };
  return { enrolment, pending };
}

async function beginReplacement(
  deps: Deps,
  call: UserServiceCall<GeneratedTotpSecret>,
  code: ParsedCode,
  enrolment: GeneratedTotpSecret,
  pending: PendingSecret,
): Promise<GeneratedTotpSecret | Failure> {
  const { idempotency } = call;
  const accepted = await verifyCode(deps, {
    subject: { kind: "service", ...targetUserRefOf(call), known: call.known },
    code,
    against: "second_factor",
    client: call.client,
    now: call.now,
    idempotency: idempotency && {
      ...idempotency,
      render: (result) => idempotency.render(result.ok ? enrolment : result),
    },
    planAcceptance: async () => ({
      effects: [
        { kind: "start_enrolment", ...pending },
        { kind: "record", eventId: generateRandomEventId(), type: "totp.setup_started" },
      ],
      outcome: null,
    }),
  });
  return accepted.ok ? enrolment : accepted;
}

/** The result of a confirmed enrolment. */
export type ConfirmedEnrolment = AcceptedCode<null>;

/** Enables the second factor when the code of the pending secret is right. The code is spent (OTP-12). */
export async function confirmUserEnrolment(
  deps: Deps,
  call: UserServiceCall<ConfirmedEnrolment>,
  code: ParsedCode,
): Promise<ConfirmedEnrolment | Failure> {
  const refusal = await requireExportKeyIfTargetIsAdminUser(deps, call, "totp.enabled");
  if (refusal !== null) return refusal;
  return verifyCode(deps, {
    subject: { kind: "service", ...targetUserRefOf(call), known: call.known },
    code,
    against: { pendingSecret: null },
    client: call.client,
    now: call.now,
    idempotency: call.idempotency,
    planAcceptance: async () => ({
      effects: [
        { kind: "end_other_sessions", keep: null },
        { kind: "record", eventId: generateRandomEventId(), type: "totp.enabled" },
      ],
      outcome: null,
    }),
  });
}

/**
 * Removes the second factor without a code: the caller has verified the user by other means. The failure counter stays,
 * so a removal and a new set-up don't lift a disabling: only a reset or an unlock clears the counter.
 */
export async function removeUserSecondFactorWithoutCode(
  deps: Deps,
  call: UserServiceCall<WriteUserRowResult>,
): Promise<WriteUserRowResult | Failure> {
  const user = await findTargetUser(deps, call);
  if (user === null) return { ok: false, reason: "no_such_user" };
  const refusal = await requireExportKeyForAdminUsers(deps, call, "totp.disabled", user);
  if (refusal !== null) return refusal;
  const done = await removeSecondFactorKeepingFailuresOnce(deps.db, targetUserRefOf(call), {
    event: createServiceAuditEvent(call, "totp.disabled", user.id),
    response: null,
    now: call.now,
  });
  const result = toWriteUserRowResultOrFailure(done, "no_such_user");
  return !result.ok && done.rows.length > 0 ? { ok: false, reason: "not_enabled" } : result;
}

/** The ten new backup codes. They are shown once. */
export type RegeneratedBackupCodes = AcceptedCode<readonly string[]>;

/** Replaces the backup codes of a user when the code is right. All earlier backup codes are void (BC-07). */
export async function regenerateUserBackupCodes(
  deps: Deps,
  call: UserServiceCall<RegeneratedBackupCodes>,
  code: ParsedCode,
): Promise<RegeneratedBackupCodes | Failure> {
  const refusal = await requireExportKeyIfTargetIsAdminUser(deps, call, "backup_codes.regenerated");
  if (refusal !== null) return refusal;
  return verifyCode(deps, {
    subject: { kind: "service", ...targetUserRefOf(call), known: call.known },
    code,
    against: "second_factor",
    client: call.client,
    now: call.now,
    idempotency: call.idempotency,
    planAcceptance: (view) => planBackupCodeRegeneration(deps, view),
  });
}
