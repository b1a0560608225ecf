import * as z from "zod/mini";
import { regenerateBackupCodes } from "../../../domain/second-factor/backup-codes.ts";
import {
  recheckSessionAndGetSecondFactorStatus,
  type SecondFactorStatus,
} from "../../../domain/second-factor/second-factor-status.ts";
import type { RightCodeDetails } from "../../../domain/second-factor/submitted-code.ts";
import type { IssuedSession } from "../../../domain/sessions/sessions.ts";
import { stepUp } from "../../../domain/sessions/step-up.ts";
import { clearHandOverCookie, setSessionCookie } from "../../cookies.ts";
import type { AnyFailure } from "../../problem/http-failure.ts";
import { defineOperation } from "../define-operation.ts";
import { totpOrBackupCodeSchema } from "../fields.ts";
import type { Operation } from "../operation.ts";
import {
  bodySchemaWithSuccessStatus,
  defineDataResponse,
  defineJsonResponse,
  withSuccessStatus,
} from "../success-response.ts";
import {
  acceptedCodeDataSchema,
  exampleAcceptedCodeData,
  exampleBackupCodesData,
  exampleSessionToken,
  setCookieHeaderDescription,
} from "./visitor-schemas.ts";

const tag = "Own second factor";
const codeBody = () => z.strictObject({ code: totpOrBackupCodeSchema() });
const bodyExample = { code: "123456" };
const time = z.iso.datetime;

interface StepUpResult {
  readonly ok: true;
  readonly issued: IssuedSession;
  readonly evidence: RightCodeDetails;
  readonly authenticatedAt: Date;
}

interface BackupCodesResult {
  readonly ok: true;
  readonly backupCodes: readonly string[];
}

/** Every failure of a code in a session. */
const codeFailures: readonly AnyFailure["reason"][] = [
  "session_over",
  "wrong_code",
  "too_many_attempts",
  "second_factor_disabled",
  "not_enabled",
];

/** The second factor of the caller's account: `GET /totp`, `/step-up`, `/backup-codes`. */
export const stepUpAndBackupCodeOperations: readonly Operation[] = [
  defineOperation({
    id: "getOwnTotp",
    method: "get",
    path: "/totp",
    tag,
    summary: "Get whether two-factor authentication is on, since when, and how many backup codes are left",
    access: "session",
    response: defineDataResponse({
      data: () =>
        z.object({ enabled: z.boolean(), setup_at: z.nullable(time()), backup_codes_remaining: z.int() }),
      example: { enabled: true, setup_at: "2026-11-22T09:30:00.000Z", backup_codes_remaining: 10 },
      headers: setCookieHeaderDescription,
      present: ({ enabled, setupAt, backupCodesRemaining }: SecondFactorStatus) => ({
        enabled,
        setup_at: setupAt?.toISOString() ?? null,
        backup_codes_remaining: backupCodesRemaining,
      }),
    }),
    failures: ["session_over"],
    run: async (c, { session, carrier }) => {
      const status = await recheckSessionAndGetSecondFactorStatus(
        c.var.deps,
        session,
        c.var.client,
        c.var.now,
      );
      if (status.ok && carrier === "cookie") setSessionCookie(c, status.checked);
      return status;
    },
  }),
  defineOperation({
    id: "stepUp",
    method: "post",
    path: "/step-up",
    tag,
    summary: "Show a fresh second factor for this session",
    access: "session",
    body: codeBody,
    bodyExample,
    response: defineJsonResponse({
      schema: () =>
        bodySchemaWithSuccessStatus({
          session_token: z.string(),
          data: z.extend(acceptedCodeDataSchema(), { auth_time: time() }),
        }),
      example: {
        status: "success",
        session_token: exampleSessionToken,
        data: { ...exampleAcceptedCodeData, auth_time: "2026-11-22T09:30:00.000Z" },
      },
      headers: setCookieHeaderDescription,
      present: ({ issued, evidence: shown, authenticatedAt }: StepUpResult) =>
        withSuccessStatus({
          session_token: issued.token,
          data: {
            method: shown.method,
            backup_codes_remaining: shown.backupCodesRemaining,
            auth_time: authenticatedAt.toISOString(),
          },
        }),
    }),
    failures: codeFailures,
    run: async (c, { session, carrier, body }) => {
      const { deps, client, now } = c.var;
      const result = await stepUp(deps, { session, code: body.code, client, now });
      if (!result.ok) return result;
      if (carrier === "cookie") setSessionCookie(c, result.issued);
      clearHandOverCookie(c);
      return { ...result, authenticatedAt: now };
    },
  }),
  defineOperation({
    id: "regenerateOwnBackupCodes",
    method: "post",
    path: "/backup-codes",
    tag,
    summary: "Create ten new backup codes; all earlier ones become invalid",
    access: "session",
    body: codeBody,
    bodyExample,
    response: defineDataResponse({
      data: () => z.object({ backup_codes: z.array(z.string()) }),
      example: exampleBackupCodesData,
      present: ({ backupCodes }: BackupCodesResult) => ({ backup_codes: [...backupCodes] }),
    }),
    failures: codeFailures,
    run: (c, { session, body }) => {
      const { deps, client, now } = c.var;
      return regenerateBackupCodes(deps, { session, code: body.code, client, now });
    },
  }),
];
