import { Hono } from "hono";
import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { renderQrSvg } from "../../../core/lib/qr.ts";
import { parseCodeInput } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import {
  beginEnrolment,
  confirmEnrolment,
  replacementMaxAgeSeconds,
} from "../../../domain/second-factor/enrolment.ts";
import { type FullSession, recheckSession } from "../../../domain/sessions/sessions.ts";
import { findCaller } from "../../caller.ts";
import type { AppContext, AppEnv } from "../../context.ts";
import { clearCookies, setSessionCookie } from "../../cookies.ts";
import { signInExternally } from "../../external-first-factor.ts";
import { readForm } from "../../form-body.ts";
import type { HttpFailure } from "../../problem/problem.ts";
import { refuse } from "../../problem/refusal.tsx";
import { pageUrl } from "../../sign-in-redirect.ts";
import { beginChallengeSetup, takeChallengeSetup } from "../challenge/challenge-setup.tsx";
import {
  chrome,
  destination,
  explain,
  rerenderWithFailure,
  returnPathField,
  returnPathOf,
  showPage,
  textField,
} from "../layout/page.ts";
import { BackupCodesPage } from "./backup-codes-view.tsx";
import { SetupConfirmPage, SetupScanPage, SetupStartPage } from "./two-factor-setup-view.tsx";

const path = "/account/two-factor";

const wizardForm = lazy(() =>
  z.strictObject({
    step: z.enum(["start", "confirm"], "must be start or confirm"),
    /** What is confirmed with. */
    code: z.optional(textField(1024)),
    rd: returnPathField(),
    challenge: z.optional(textField(64)),
  }),
);

/** `/account/two-factor`, the wizard: start, scan, confirm, save the backup codes. The secret is in no address. */
export const twoFactorPages = new Hono<AppEnv>()
  .get(path, async (c) => {
    const challenge = c.req.query("challenge");
    if (challenge !== undefined) return beginChallengeSetup(c, challenge);
    const returnPath = returnPathOf(c);
    const caller = await findCaller(c);
    const checked = caller === null ? null : await recheckSession(c.var.deps, caller.session, c.var.now);
    if (checked === null) return showArrival(c, returnPath);
    setSessionCookie(c, checked);
    if (checked.user.totpEnabled && !canReplace(checked.session, c.var.now)) return toStepUp(c, returnPath);
    return showPage(c, startPage(c, returnPath, checked.user.totpEnabled));
  })
  .post(path, async (c) => {
    const form = await readForm(c, wizardForm());
    const code = form.step === "start" ? null : (form.code ?? "");
    if (form.challenge !== undefined) return takeChallengeSetup(c, form.challenge, code);
    const caller = await findCaller(c);
    if (caller === null) return toSignIn(c, form.rd);
    return code === null ? showSecret(c, caller.session, form.rd) : confirm(c, caller.session, code, form.rd);
  });

/** Somebody without a session: who is known to the first factor's source may go on here. */
async function showArrival(c: AppContext, returnPath: string) {
  const arrival = await signInExternally(c);
  if (arrival.kind === "full") return showPage(c, startPage(c, returnPath, false));
  return arrival.kind === "pending" ? toStepUp(c, returnPath) : toSignIn(c, returnPath);
}

async function showSecret(c: AppContext, session: FullSession, returnPath: string) {
  const enrolment = await beginEnrolment(c.var.deps, session, c.var.client, c.var.now);
  if (!enrolment.ok) {
    if (enrolment.reason !== "too_many_attempts") return showAgain(c, enrolment, returnPath);
    const page = startPage(c, returnPath, session.enrolled, errorText(enrolment));
    return rerenderWithFailure(c, enrolment, page);
  }
  const page = (
    <SetupScanPage
      {...chrome(c)}
      returnPath={returnPath}
      account={session.username}
      qrSvg={renderQrSvg(enrolment.keyUri)}
      secret={enrolment.secret}
      provisioningUri={enrolment.keyUri}
      expiresInSeconds={enrolment.expiresInSeconds}
      serverNowMs={c.var.now.getTime()}
    />
  );
  return showPage(c, page);
}

async function confirm(c: AppContext, session: FullSession, text: string, returnPath: string) {
  const code = parseCodeInput(text);
  if (code?.kind !== "totp") {
    const detail = "Type the six digits that your app shows.";
    return showAgain(c, { ok: false, reason: "invalid_format", detail }, returnPath);
  }
  const { deps, client, now } = c.var;
  const enrolled = await confirmEnrolment(deps, {
    session,
    code,
    secret: null,
    canTakeNewToken: true,
    client,
    now,
  });
  if (!enrolled.ok) return showAgain(c, enrolled, returnPath);
  if (enrolled.issued !== null) setSessionCookie(c, enrolled.issued);
  const goesOn = returnPath !== "/" || c.var.config.originUrl !== null;
  const page = (
    <BackupCodesPage
      {...chrome(c)}
      codes={[...enrolled.backupCodes]}
      reason="enabled"
      continueHref={destination(c, returnPath)}
      continueLabel={goesOn ? "I have saved them: go on" : "I have saved them: to my account"}
    />
  );
  return showPage(c, page);
}

/** Shows the step that helps after this failure. */
function showAgain(
  c: AppContext,
  failure: Failure | HttpFailure,
  returnPath: string,
): Response | Promise<Response> {
  switch (failure.reason) {
    case "session_over":
      clearCookies(c);
      return toSignIn(c, returnPath);
    case "step_up_required":
      return toStepUp(c, returnPath);
    case "already_enabled":
      return c.redirect(pageUrl(c, "/account"), 303);
    case "enrolment_expired": {
      const error = "That took longer than ten minutes. Begin again with a new QR code.";
      return rerenderWithFailure(c, failure, startPage(c, returnPath, false, error));
    }
    case "wrong_code":
    case "replayed_code":
    case "invalid_format":
    case "too_many_attempts":
      return rerenderWithFailure(c, failure, confirmPage(c, returnPath, failure));
  }
  return refuse(c, failure);
}

function confirmPage(c: AppContext, returnPath: string, failure: Failure | HttpFailure) {
  const state = { returnPath, serverNowMs: c.var.now.getTime(), error: errorText(failure) };
  return <SetupConfirmPage {...chrome(c)} {...state} />;
}

function errorText(failure: Failure | HttpFailure): string {
  const why = explain(failure);
  return "error" in why ? why.error : `Too many attempts. Try again in ${why.retryAfterSeconds} seconds.`;
}

function startPage(c: AppContext, returnPath: string, replacing: boolean, error?: string) {
  const required = c.var.config.enrolment === "required" && !replacing;
  const state = { returnPath, replacing, required, error };
  return <SetupStartPage {...chrome(c)} {...state} />;
}

function canReplace({ secondFactorAt }: FullSession, now: Date): boolean {
  return (
    secondFactorAt !== null && now.getTime() - secondFactorAt.getTime() < replacementMaxAgeSeconds * 1000
  );
}

const toSignIn = (c: AppContext, returnPath: string) =>
  c.redirect(pageUrl(c, "/sign-in", here(c, returnPath)), 303);

const toStepUp = (c: AppContext, returnPath: string) =>
  c.redirect(pageUrl(c, "/second-factor", here(c, returnPath)), 303);

/** This page, as the return path of another one. */
const here = (c: AppContext, returnPath: string) => pageUrl(c, path, returnPath);
