import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { renderQrSvg, svgDataUri } from "../../../core/lib/qr.ts";
import { disableTotp } from "../../../domain/second-factor/disable-totp.ts";
import {
  confirmEnrolment,
  enrolmentTtlSeconds,
  startEnrolment,
} from "../../../domain/second-factor/enrolment.ts";
import { getCaller } from "../../caller.ts";
import { readDevices, setSessionCookie } from "../../cookies.ts";
import { readJson } from "../../json-body.ts";
import type { AnyFailure } from "../../problem/problem.ts";
import { refuse } from "../../problem/refusal.tsx";
import { rateLimitHeaders } from "../../rate-limit.ts";
import { code, nothing, password, totpCode } from "../fields.ts";
import type { Operation } from "../operation.ts";
import { done, exampleCodes, givesCookie, type ResponseOf, succeeded } from "./success.ts";

const tag = "Own second factor";
const enableBody = lazy(() =>
  z.strictObject({
    code: totpCode(),
    secret: z.optional(z.string("must be a string").check(z.maxLength(128))),
  }),
);
const disableBody = lazy(() => z.strictObject({ code: code(), password: z.optional(password()) }));
const bodyExample = { code: "123456" };

const setupAnswer = () =>
  succeeded({
    data: z.object({
      secret: z.string(),
      qr_code: z.string(),
      provisioning_uri: z.string(),
      expires_in: z.int(),
    }),
  });
const enableAnswer = () =>
  succeeded({
    message: z.string(),
    data: z.object({ backup_codes: z.array(z.string()) }),
  });
const disableAnswer = () => succeeded({ message: z.string() });

/** Whatever a code can meet in a session. */
const codeFailures: readonly AnyFailure["reason"][] = [
  "session_over",
  "wrong_code",
  "too_many_attempts",
  "second_factor_disabled",
];

/** Two-factor authentication of the caller's account, on and off: `/totp/setup`, `/totp/enable`, `/totp/disable`. */
export const enrolmentOperations: readonly Operation[] = [
  {
    id: "setUpOwnTotp",
    method: "post",
    path: "/totp/setup",
    tag,
    summary: "Begin to set up two-factor authentication",
    description:
      "Nothing changes until the first code is confirmed with POST /totp/enable. Where it is on already, the second factor must not be older than 5 minutes.",
    access: "session",
    successes: done(
      setupAnswer,
      {
        status: "success",
        data: {
          secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
          qr_code: "data:image/svg+xml;base64,PHN2Zy8+",
          provisioning_uri: "otpauth://totp/Sallyport:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
          expires_in: enrolmentTtlSeconds,
        },
      },
      { RateLimit: "What the account may still begin", "RateLimit-Policy": "The limit that this counts for" },
    ),
    failures: ["session_over", "step_up_required", "too_many_attempts"],
    handle: async (c) => {
      const { session } = await getCaller(c);
      await readJson(c, nothing());
      const enrolment = await startEnrolment(c.var.deps, session, c.var.client, c.var.now);
      if (!enrolment.ok) return refuse(c, enrolment);
      for (const header of Object.entries(rateLimitHeaders("setup", enrolment.quota))) c.header(...header);
      const data = {
        secret: enrolment.secret,
        qr_code: svgDataUri(renderQrSvg(enrolment.keyUri)),
        provisioning_uri: enrolment.keyUri,
        expires_in: enrolment.expiresInSeconds,
      };
      return c.json({ status: "success", data } satisfies ResponseOf<typeof setupAnswer>);
    },
  },
  {
    id: "enableOwnTotp",
    method: "post",
    path: "/totp/enable",
    tag,
    summary: "Switch two-factor authentication on with the first code",
    description:
      "The secret is the server's own. Send it only to be sure: another one is refused. Every other session ends.",
    access: "session",
    body: enableBody,
    bodyExample,
    successes: done(
      enableAnswer,
      { status: "success", message: "Two-factor authentication enabled", data: exampleCodes },
      givesCookie,
    ),
    failures: [...codeFailures, "already_enabled", "enrolment_expired", "other_enrolment"],
    handle: async (c) => {
      const { session, carrier } = await getCaller(c);
      const body = await readJson(c, enableBody());
      const enrolled = await confirmEnrolment(c.var.deps, {
        session,
        code: body.code,
        secret: body.secret ?? null,
        callerSession: carrier === "cookie" ? "replace" : "keep",
        client: c.var.client,
        now: c.var.now,
      });
      if (!enrolled.ok) return refuse(c, enrolled);
      if (enrolled.issued !== null) setSessionCookie(c, enrolled.issued);
      return c.json({
        status: "success",
        message: "Two-factor authentication enabled",
        data: { backup_codes: [...enrolled.backupCodes] },
      } satisfies ResponseOf<typeof enableAnswer>);
    },
  },
  {
    id: "disableOwnTotp",
    method: "post",
    path: "/totp/disable",
    tag,
    summary: "Switch two-factor authentication off",
    description: "Who has a password here sends it too. Every other session ends.",
    access: "session",
    body: disableBody,
    bodyExample: { code: "123456", password: "correct horse battery" },
    successes: done(
      disableAnswer,
      { status: "success", message: "Two-factor authentication disabled" },
      givesCookie,
    ),
    failures: [...codeFailures, "not_enabled", "wrong_credentials"],
    handle: async (c) => {
      const { session, carrier } = await getCaller(c);
      const body = await readJson(c, disableBody());
      const { deps, client, now } = c.var;
      const callerSession = carrier === "cookie" ? "replace" : "keep";
      const request = {
        session,
        code: body.code,
        password: body.password ?? null,
        callerSession,
        devices: readDevices(c),
        client,
        now,
      } as const;
      const disabled = await disableTotp(deps, request);
      if (!disabled.ok) return refuse(c, disabled);
      if (disabled.issued !== null) setSessionCookie(c, disabled.issued);
      return c.json({
        status: "success",
        message: "Two-factor authentication disabled",
      } satisfies ResponseOf<typeof disableAnswer>);
    },
  },
];
