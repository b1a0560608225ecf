import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { regenerateBackupCodes } from "../../../domain/second-factor/backup-codes.ts";
import { getSecondFactorStatus } from "../../../domain/second-factor/second-factor-status.ts";
import { stepUp } from "../../../domain/sessions/step-up.ts";
import { getCaller } from "../../caller.ts";
import { setSessionCookie } from "../../cookies.ts";
import { readJson } from "../../json-body.ts";
import type { AnyFailure } from "../../problem/problem.ts";
import { refuse } from "../../problem/refusal.tsx";
import { code } from "../fields.ts";
import type { Operation } from "../operation.ts";
import {
  done,
  evidence,
  exampleCodes,
  exampleEvidence,
  exampleToken,
  givesCookie,
  type ResponseOf,
  succeeded,
} from "./success.ts";

const tag = "Own second factor";
const codeBody = lazy(() => z.strictObject({ code: code() }));
const bodyExample = { code: "123456" };

const time = z.iso.datetime;
const statusAnswer = () =>
  succeeded({
    data: z.object({ enabled: z.boolean(), setup_at: z.nullable(time()), backup_codes_remaining: z.int() }),
  });
const stepUpAnswer = () =>
  succeeded({ session_token: z.string(), data: z.extend(evidence(), { auth_time: time() }) });
const codesAnswer = () => succeeded({ data: z.object({ backup_codes: z.array(z.string()) }) });

/** Whatever a code can meet in a session. */
const codeFailures: readonly AnyFailure["reason"][] = [
  "session_over",
  "wrong_code",
  "too_many_attempts",
  "second_factor_disabled",
  "not_enabled",
];

/** The second factor of the caller's account: `GET /totp`, `/step-up`, `/backup-codes`. */
export const secondFactorOperations: readonly Operation[] = [
  {
    id: "getOwnTotp",
    method: "get",
    path: "/totp",
    tag,
    summary: "Is two-factor authentication on, since when, and how many backup codes are left?",
    access: "session",
    successes: done(
      statusAnswer,
      {
        status: "success",
        data: { enabled: true, setup_at: "2026-11-22T09:30:00.000Z", backup_codes_remaining: 10 },
      },
      givesCookie,
    ),
    failures: ["session_over"],
    handle: async (c) => {
      const { session, carrier } = await getCaller(c);
      const status = await getSecondFactorStatus(c.var.deps, session, c.var.client, c.var.now);
      if (!status.ok) return refuse(c, status);
      if (carrier === "cookie") setSessionCookie(c, status.checked);
      const data = {
        enabled: status.enabled,
        setup_at: status.setupAt?.toISOString() ?? null,
        backup_codes_remaining: status.backupCodesRemaining,
      };
      return c.json({ status: "success", data } satisfies ResponseOf<typeof statusAnswer>);
    },
  },
  {
    id: "stepUp",
    method: "post",
    path: "/step-up",
    tag,
    summary: "Make the session's second factor fresh",
    access: "session",
    body: codeBody,
    bodyExample,
    successes: done(
      stepUpAnswer,
      {
        status: "success",
        session_token: exampleToken,
        data: { ...exampleEvidence, auth_time: "2026-11-22T09:30:00.000Z" },
      },
      givesCookie,
    ),
    failures: codeFailures,
    handle: async (c) => {
      const { session, carrier } = await getCaller(c);
      const body = await readJson(c, codeBody());
      const { deps, client, now } = c.var;
      const result = await stepUp(deps, { session, code: body.code, client, now });
      if (!result.ok) return refuse(c, result);
      if (carrier === "cookie") setSessionCookie(c, result.issued);
      const { method, backupCodesRemaining } = result.evidence;
      const data = { method, backup_codes_remaining: backupCodesRemaining, auth_time: now.toISOString() };
      return c.json({
        status: "success",
        session_token: result.issued.token,
        data,
      } satisfies ResponseOf<typeof stepUpAnswer>);
    },
  },
  {
    id: "regenerateOwnBackupCodes",
    method: "post",
    path: "/backup-codes",
    tag,
    summary: "Make ten new backup codes; all earlier ones are void",
    access: "session",
    body: codeBody,
    bodyExample,
    successes: done(codesAnswer, { status: "success", data: exampleCodes }),
    failures: codeFailures,
    handle: async (c) => {
      const { session } = await getCaller(c);
      const body = await readJson(c, codeBody());
      const { deps, client, now } = c.var;
      const result = await regenerateBackupCodes(deps, { session, code: body.code, client, now });
      if (!result.ok) return refuse(c, result);
      return c.json({
        status: "success",
        data: { backup_codes: [...result.backupCodes] },
      } satisfies ResponseOf<typeof codesAnswer>);
    },
  },
];
