import * as z from "zod/mini";
import { formatSvgDataUri, renderQrSvg } from "../../../core/lib/qr.ts";
import type { GeneratedTotpSecret } from "../../../domain/second-factor/enrolment.ts";
import { resetSecondFactor, unlockSecondFactor } from "../../../domain/service-api/reset-and-unlock.ts";
import {
  type ConfirmedEnrolment,
  confirmUserEnrolment,
  type RegeneratedBackupCodes,
  regenerateUserBackupCodes,
  removeUserSecondFactorWithoutCode,
  startUserEnrolment,
} from "../../../domain/service-api/service-enrolment.ts";
import { type VerifiedUserCode, verifyUserCode } from "../../../domain/service-api/verify-user-code.ts";
import type { WriteUserRowResult } from "../../../domain/service-api/write-user.ts";
import { publicBaseUrl } from "../../context.ts";
import type { AnyFailure } from "../../problem/http-failure.ts";
import { defineOperation } from "../define-operation.ts";
import {
  auditEventIpAddressSchema,
  receiptActionOrNonceSchema,
  totpCodeSchema,
  totpOrBackupCodeSchema,
} from "../fields.ts";
import { defineDataResponse } from "../success-response.ts";
import { exampleUser, toUserBody, userSchema } from "./service-schemas.ts";

const tag = "Second factor";
const exampleCodes = ["7K3F-9QWX", "0ABC-D123"];
const backupCodes = () => z.object({ backup_codes: z.array(z.string()) });
const present = ({ user: row }: WriteUserRowResult) => toUserBody(row);
const userResponse = defineDataResponse({ data: userSchema, example: exampleUser, present });
const userWithoutTotpResponse = defineDataResponse({
  data: userSchema,
  example: { ...exampleUser, totp_enabled: false, totp_setup_at: null },
  present,
});

/** Every failure of a code. */
const codeFailures: readonly AnyFailure["reason"][] = [
  "no_such_user",
  "account_disabled",
  "wrong_code",
  "too_many_attempts",
  "second_factor_disabled",
  "not_enabled",
];

/** The operations on a user's second factor: `/v1/users/{id}/verify`, `/totp`, `/backup-codes`, `/reset`, `/unlock`. */
export const userSecondFactorOperations = [
  defineOperation({
    id: "verifyCode",
    method: "post",
    path: "/v1/users/:id/verify",
    tag,
    summary: "Check a code of an authenticator app, or a backup code",
    description:
      "Each code is accepted once, on every path. The receipt is a JWT (EdDSA). Verify it with the keys at /.well-known/jwks.json.",
    access: "verify",
    body: () =>
      z.strictObject({
        code: totpOrBackupCodeSchema(),
        action: z.optional(receiptActionOrNonceSchema()),
        nonce: z.optional(receiptActionOrNonceSchema()),
        ip: z.optional(auditEventIpAddressSchema()),
      }),
    bodyExample: { code: "123456", action: "transfer", nonce: "n-81", ip: "198.51.100.7" },
    response: defineDataResponse({
      data: () =>
        z.object({
          method: z.enum(["totp", "backup_code"]),
          backup_codes_remaining: z.int(),
          receipt: z.string(),
        }),
      example: { method: "totp", backup_codes_remaining: 10, receipt: "eyJhbGciOiJFZERTQSJ9.e30.c2ln" },
      present: ({ evidence, outcome }: VerifiedUserCode) => ({
        method: evidence.method,
        backup_codes_remaining: evidence.backupCodesRemaining,
        receipt: outcome.receipt,
      }),
    }),
    failures: ["export_key_required", ...codeFailures],
    run: (c, { call, body }) => {
      const { action, nonce, ip } = body;
      const client = { ...call.client, address: ip ?? call.client.address };
      const approval = {
        code: body.code,
        action: action ?? null,
        nonce: nonce ?? null,
        issuer: publicBaseUrl(c),
      };
      return verifyUserCode(c.var.deps, { ...call, client }, approval);
    },
  }),
  defineOperation({
    id: "startTotp",
    method: "post",
    path: "/v1/users/:id/totp",
    tag,
    summary: "Start to set up two-factor authentication",
    description:
      "Nothing changes until the first code is confirmed. For a user with a second factor, send a code of it: it stays in use until then.",
    access: "users:write",
    body: () => z.strictObject({ code: z.optional(totpOrBackupCodeSchema()) }),
    response: defineDataResponse({
      data: () =>
        z.object({
          secret: z.string(),
          provisioning_uri: z.string(),
          qr_code: z.string(),
          expires_in: z.int(),
        }),
      example: {
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        provisioning_uri: "otpauth://totp/Shop:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Shop",
        qr_code: "data:image/svg+xml;base64,PHN2Zy8+",
        expires_in: 600,
      },
      present: ({ secret, keyUri, expiresInSeconds }: GeneratedTotpSecret) => ({
        secret,
        provisioning_uri: keyUri,
        qr_code: formatSvgDataUri(renderQrSvg(keyUri)),
        expires_in: expiresInSeconds,
      }),
    }),
    failures: ["export_key_required", ...codeFailures, "already_enabled"],
    run: (c, { call, body }) => startUserEnrolment(c.var.deps, call, body.code ?? null),
  }),
  defineOperation({
    id: "confirmTotp",
    method: "post",
    path: "/v1/users/:id/totp/confirm",
    tag,
    summary: "Switch two-factor authentication on with the first code",
    access: "users:write",
    body: () => z.strictObject({ code: totpCodeSchema() }),
    bodyExample: { code: "123456" },
    response: defineDataResponse({
      data: backupCodes,
      example: { backup_codes: exampleCodes },
      present: ({ evidence }: ConfirmedEnrolment) => ({ backup_codes: [...(evidence.newBackupCodes ?? [])] }),
    }),
    failures: ["export_key_required", ...codeFailures, "enrolment_expired", "already_enabled"],
    run: (c, { call, body }) => confirmUserEnrolment(c.var.deps, call, body.code),
  }),
  defineOperation({
    id: "removeTotp",
    method: "delete",
    path: "/v1/users/:id/totp",
    tag,
    summary: "Switch two-factor authentication off",
    description:
      "Needs no code: authenticate the user first, for example with verify. Failed codes still count, and a disabled second factor stays disabled.",
    access: "users:write",
    response: userWithoutTotpResponse,
    failures: ["export_key_required", "no_such_user", "not_enabled"],
    run: (c, { call }) => removeUserSecondFactorWithoutCode(c.var.deps, call),
  }),
  defineOperation({
    id: "regenerateBackupCodes",
    method: "post",
    path: "/v1/users/:id/backup-codes",
    tag,
    summary: "Create ten new backup codes; all earlier ones become invalid",
    access: "users:write",
    body: () => z.strictObject({ code: totpOrBackupCodeSchema() }),
    bodyExample: { code: "123456" },
    response: defineDataResponse({
      data: backupCodes,
      example: { backup_codes: exampleCodes },
      present: ({ outcome }: RegeneratedBackupCodes) => ({ backup_codes: [...outcome] }),
    }),
    failures: ["export_key_required", ...codeFailures],
    run: (c, { call, body }) => regenerateUserBackupCodes(c.var.deps, call, body.code),
  }),
  defineOperation({
    id: "resetUser",
    method: "post",
    path: "/v1/users/:id/reset",
    tag,
    summary:
      "Remove the second factor and its failed attempts, for a user who has lost phone and backup codes",
    access: "admin",
    response: userWithoutTotpResponse,
    failures: ["export_key_required", "no_such_user"],
    run: (c, { call }) => resetSecondFactor(c.var.deps, call),
  }),
  defineOperation({
    id: "unlockUser",
    method: "post",
    path: "/v1/users/:id/unlock",
    tag,
    summary: "Clear the failed attempts of a second factor that is blocked or disabled",
    access: "admin",
    response: userResponse,
    failures: ["export_key_required", "no_such_user"],
    run: (c, { call }) => unlockSecondFactor(c.var.deps, call),
  }),
] as const;
