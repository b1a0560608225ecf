import * as z from "zod/mini";
import { formatSvgDataUri, renderQrSvg } from "../../../core/lib/qr.ts";
import { disableTotp } from "../../../domain/second-factor/disable-totp.ts";
import {
  type ConfirmEnrolmentResult,
  confirmEnrolment,
  enrolmentTtlSeconds,
  type GeneratedTotpSecret,
  startEnrolment,
} from "../../../domain/second-factor/enrolment.ts";
import { clearHandOverCookie, readKnownDevicesCookie, setSessionCookie } from "../../cookies.ts";
import type { AnyFailure } from "../../problem/http-failure.ts";
import { setRateLimitHeaders } from "../../rate-limit.ts";
import { defineOperation } from "../define-operation.ts";
import { passwordSchema, totpCodeSchema, totpOrBackupCodeSchema } from "../fields.ts";
import type { Operation } from "../operation.ts";
import {
  bodySchemaWithSuccessStatus,
  defineDataResponse,
  defineJsonResponse,
  withSuccessStatus,
} from "../success-response.ts";
import { exampleBackupCodesData, setCookieHeaderDescription } from "./visitor-schemas.ts";

const tag = "Own second factor";
const enableBody = () =>
  z.strictObject({
    code: totpCodeSchema(),
    secret: z.optional(z.string("must be a string").check(z.maxLength(128))),
  });
const disableBody = () =>
  z.strictObject({ code: totpOrBackupCodeSchema(), password: z.optional(passwordSchema()) });
const setUp = () =>
  z.object({
    secret: z.string(),
    qr_code: z.string(),
    provisioning_uri: z.string(),
    expires_in: z.int(),
  });
const enabled = "Two-factor authentication enabled";
const disabled = "Two-factor authentication disabled";

/** Every failure of a code in a session. */
const codeFailures: readonly AnyFailure["reason"][] = [
  "session_over",
  "wrong_code",
  "too_many_attempts",
  "second_factor_disabled",
];

/** Two-factor authentication of the caller's account, on and off: `/totp/setup`, `/totp/enable`, `/totp/disable`. */
export const enableAndDisableOwnTotpOperations: readonly Operation[] = [
  defineOperation({
    id: "setUpOwnTotp",
    method: "post",
    path: "/totp/setup",
    tag,
    summary: "Start to set up two-factor authentication",
    description:
      "Nothing changes until the first code is confirmed with POST /totp/enable. If it is on already, the second factor must not be older than 5 minutes.",
    access: "session",
    response: defineDataResponse({
      data: setUp,
      example: {
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        qr_code: "data:image/svg+xml;base64,PHN2Zy8+",
        provisioning_uri: "otpauth://totp/Sallyport:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        expires_in: enrolmentTtlSeconds,
      },
      headers: {
        RateLimit: "How many set-ups the account can still start, and when the limit grows again",
        "RateLimit-Policy": "The limit that this request counts towards",
      },
      present: ({ secret, keyUri, expiresInSeconds }: GeneratedTotpSecret) => ({
        secret,
        qr_code: formatSvgDataUri(renderQrSvg(keyUri)),
        provisioning_uri: keyUri,
        expires_in: expiresInSeconds,
      }),
    }),
    failures: ["session_over", "step_up_required", "too_many_attempts"],
    run: async (c, { session }) => {
      const enrolment = await startEnrolment(c.var.deps, session, c.var.client, c.var.now);
      if (enrolment.ok) setRateLimitHeaders(c, "setup", enrolment.quota);
      return enrolment;
    },
  }),
  defineOperation({
    id: "enableOwnTotp",
    method: "post",
    path: "/totp/enable",
    tag,
    summary: "Switch two-factor authentication on with the first code",
    description:
      "Sallyport knows the secret. If the request has one, it must be the same. Every other session of the account ends.",
    access: "session",
    body: enableBody,
    bodyExample: { code: "123456" },
    response: defineJsonResponse({
      schema: () =>
        bodySchemaWithSuccessStatus({
          message: z.string(),
          data: z.object({ backup_codes: z.array(z.string()) }),
        }),
      example: { status: "success", message: enabled, data: exampleBackupCodesData },
      headers: setCookieHeaderDescription,
      present: ({ backupCodes }: ConfirmEnrolmentResult) =>
        withSuccessStatus({
          message: enabled,
          data: { backup_codes: [...backupCodes] },
        }),
    }),
    failures: [...codeFailures, "already_enabled", "enrolment_expired", "other_enrolment"],
    run: async (c, { session, carrier, body }) => {
      const enrolled = await confirmEnrolment(c.var.deps, {
        session,
        code: body.code,
        secret: body.secret ?? null,
        callerSession: carrier === "cookie" ? "replace" : "keep",
        client: c.var.client,
        now: c.var.now,
      });
      if (enrolled.ok && enrolled.issued !== null) setSessionCookie(c, enrolled.issued);
      if (enrolled.ok) clearHandOverCookie(c);
      return enrolled;
    },
  }),
  defineOperation({
    id: "disableOwnTotp",
    method: "post",
    path: "/totp/disable",
    tag,
    summary: "Switch two-factor authentication off",
    description: "An account with a password must send it too. Every other session of the account ends.",
    access: "session",
    body: disableBody,
    bodyExample: { code: "123456", password: "correct horse battery" },
    response: defineJsonResponse({
      schema: () => bodySchemaWithSuccessStatus({ message: z.string() }),
      example: { status: "success", message: disabled },
      headers: setCookieHeaderDescription,
      present: () => withSuccessStatus({ message: disabled }),
    }),
    failures: [...codeFailures, "not_enabled", "wrong_credentials"],
    run: async (c, { session, carrier, body }) => {
      const result = await disableTotp(c.var.deps, {
        session,
        code: body.code,
        password: body.password ?? null,
        callerSession: carrier === "cookie" ? "replace" : "keep",
        devices: readKnownDevicesCookie(c),
        client: c.var.client,
        now: c.var.now,
      });
      if (result.ok && result.issued !== null) setSessionCookie(c, result.issued);
      return result;
    },
  }),
];
