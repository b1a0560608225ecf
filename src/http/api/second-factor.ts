import { Hono } from "hono";
import * as z from "zod/mini";
import { renderQrSvg, svgDataUri } from "../../core/qr.ts";
import { regenerateBackupCodes } from "../../domain/backup-codes.ts";
import { disableTotp } from "../../domain/disable-totp.ts";
import { beginEnrolment, confirmEnrolment } from "../../domain/enrolment.ts";
import { getSecondFactorStatus } from "../../domain/second-factor-status.ts";
import { stepUp } from "../../domain/step-up.ts";
import { getCaller } from "../caller.ts";
import type { AppEnv } from "../context.ts";
import { setSessionCookie } from "../cookies.ts";
import { readJson } from "../json-body.ts";
import { refuse } from "../refusal.tsx";
import { code, nothing, password, totpCode } from "./fields.ts";

const enableBody = z.strictObject({
  code: totpCode,
  secret: z.optional(z.string("must be a string").check(z.maxLength(128))),
});
const disableBody = z.strictObject({ code, password: z.optional(password) });
const codeBody = z.strictObject({ code });

/** The second factor of the caller's account: `/totp…`, `/step-up`, `/backup-codes`. */
export const secondFactorApi = new Hono<AppEnv>()
  .get("/totp", async (c) => {
    const { session, carrier } = await getCaller(c);
    const status = await getSecondFactorStatus(c.var.deps, session, c.var.client, c.var.now);
    if (!status.ok) return refuse(c, status);
    if (carrier === "cookie") setSessionCookie(c, status.checked);
    const data = {
      enabled: status.enabled,
      setup_at: status.setupAt?.toISOString() ?? null,
      backup_codes_remaining: status.backupCodesRemaining,
    };
    return c.json({ status: "success", data });
  })
  .post("/totp/setup", async (c) => {
    const { session } = await getCaller(c);
    await readJson(c, nothing);
    const enrolment = await beginEnrolment(c.var.deps, session, c.var.client, c.var.now);
    if (!enrolment.ok) return refuse(c, enrolment);
    const data = {
      secret: enrolment.secret,
      qr_code: svgDataUri(renderQrSvg(enrolment.keyUri)),
      provisioning_uri: enrolment.keyUri,
      expires_in: enrolment.expiresInSeconds,
    };
    return c.json({ status: "success", data });
  })
  .post("/totp/enable", async (c) => {
    const { session, carrier } = await getCaller(c);
    const body = await readJson(c, enableBody);
    const enrolled = await confirmEnrolment(c.var.deps, {
      session,
      code: body.code,
      secret: body.secret ?? null,
      canTakeNewToken: carrier === "cookie",
      client: c.var.client,
      now: c.var.now,
    });
    if (!enrolled.ok) return refuse(c, enrolled);
    if (enrolled.issued !== null) setSessionCookie(c, enrolled.issued);
    return c.json({
      status: "success",
      message: "Two-factor authentication enabled",
      data: { backup_codes: enrolled.backupCodes },
    });
  })
  .post("/totp/disable", async (c) => {
    const { session, carrier } = await getCaller(c);
    const body = await readJson(c, disableBody);
    const { deps, client, network, now } = c.var;
    const canTakeNewToken = carrier === "cookie";
    const request = {
      session,
      code: body.code,
      password: body.password ?? null,
      canTakeNewToken,
      network,
      client,
      now,
    };
    const disabled = await disableTotp(deps, request);
    if (!disabled.ok) return refuse(c, disabled);
    if (disabled.issued !== null) setSessionCookie(c, disabled.issued);
    return c.json({ status: "success", message: "Two-factor authentication disabled" });
  })
  .post("/step-up", async (c) => {
    const { session, carrier } = await getCaller(c);
    const body = await readJson(c, codeBody);
    const { deps, client, now } = c.var;
    const result = await stepUp(deps, { session, code: body.code, client, now });
    if (!result.ok) return refuse(c, result);
    if (carrier === "cookie") setSessionCookie(c, result.issued);
    const { method, backupCodesRemaining } = result.evidence;
    const data = { method, backup_codes_remaining: backupCodesRemaining, auth_time: now.toISOString() };
    return c.json({ status: "success", session_token: result.issued.token, data });
  })
  .post("/backup-codes", async (c) => {
    const { session } = await getCaller(c);
    const body = await readJson(c, codeBody);
    const { deps, client, now } = c.var;
    const result = await regenerateBackupCodes(deps, { session, code: body.code, client, now });
    if (!result.ok) return refuse(c, result);
    return c.json({ status: "success", data: { backup_codes: result.backupCodes } });
  });
