import { Hono } from "hono";
import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { renderQrSvg } from "../../../core/lib/qr.ts";
import { parseSubmittedCode } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import {
  confirmEnrolment,
  maxFactorAgeForSecretReplacementSeconds,
  startEnrolment,
} from "../../../domain/second-factor/enrolment.ts";
import { type FullSession, recheckSession } from "../../../domain/sessions/sessions.ts";
import { findSessionCallerByTokenAndSource } from "../../caller.ts";
import type { AppContext, AppEnv } from "../../context.ts";
import { clearHandOverCookie, clearSessionCookies, setSessionCookie } from "../../cookies.ts";
import { signInWithExternalFirstFactor } from "../../external-first-factor.ts";
import { readFormOrThrow } from "../../form-body.ts";
import { respondWithFailure } from "../../problem/failure-response.tsx";
import type { HttpFailure } from "../../problem/http-failure.ts";
import { ownPagePath } from "../../sign-in-redirect.ts";
import { showChallengeSetupStartPage, submitChallengeSetup } from "../challenge/challenge-setup.tsx";
import {
  type PageResponse,
  pageProps,
  readReturnPath,
  redirectPathAfterPage,
  requiredTextFieldSchema,
  rerenderWithFailure,
  returnPathSchema,
  showPage,
  toErrorOrRetryAfterProps,
} from "../layout/page.ts";
import { NewBackupCodesPage } from "./backup-codes-view.tsx";
import { SetupCodeRetryPage, SetupScanPage, SetupStartPage } from "./two-factor-setup-view.tsx";

const path = "/account/two-factor";

const setupFormSchema = lazy(() =>
  z.strictObject({
    step: z.enum(["start", "confirm"], "must be start or confirm"),
    /** Required with `confirm`. */
    code: z.optional(requiredTextFieldSchema(1024)),
    rd: returnPathSchema(),
    challenge: z.optional(requiredTextFieldSchema(64)),
  }),
);

/** `/account/two-factor`, the set-up: start, scan, confirm, save the backup codes. No URL contains the secret. */
export const twoFactorPageRoutes = new Hono<AppEnv>()
  .get(path, async (c) => {
    const challenge = c.req.query("challenge");
    if (challenge !== undefined) return showChallengeSetupStartPage(c, challenge);
    const returnPath = readReturnPath(c);
    const caller = await findSessionCallerByTokenAndSource(c);
    const checked = caller === null ? null : await recheckSession(c.var.deps, caller.session, c.var.now);
    if (checked === null) return showSetupForExternalVisitor(c, returnPath);
    setSessionCookie(c, checked);
    if (checked.user.totpEnabled && !canReplace(checked.session, c.var.now)) return toStepUp(c, returnPath);
    return showPage(c, startPage(c, returnPath, { replacing: checked.user.totpEnabled }));
  })
  .post(path, async (c) => {
    const form = await readFormOrThrow(c, setupFormSchema());
    const code = form.step === "start" ? null : (form.code ?? "");
    if (form.challenge !== undefined) return submitChallengeSetup(c, form.challenge, code);
    const caller = await findSessionCallerByTokenAndSource(c);
    if (caller === null) return toSignIn(c, form.rd);
    return code === null ? showSecret(c, caller.session, form.rd) : confirm(c, caller.session, code, form.rd);
  });

/** For a visitor without a session: starts the set-up if the external first factor knows the visitor, else redirects. */
async function showSetupForExternalVisitor(c: AppContext, returnPath: string) {
  const signedIn = await signInWithExternalFirstFactor(c);
  if (signedIn.kind === "full") return showPage(c, startPage(c, returnPath, { replacing: false }));
  return signedIn.kind === "pending" ? toStepUp(c, returnPath) : toSignIn(c, returnPath);
}

async function showSecret(c: AppContext, session: FullSession, returnPath: string) {
  const enrolment = await startEnrolment(c.var.deps, session, c.var.client, c.var.now);
  if (!enrolment.ok) {
    if (enrolment.reason !== "too_many_attempts") return respondToFailure(c, enrolment, returnPath);
    const page = startPage(c, returnPath, { replacing: session.enrolled, error: errorText(enrolment) });
    return rerenderWithFailure(c, enrolment, page);
  }
  const page = (
    <SetupScanPage
      {...pageProps(c)}
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
  const code = parseSubmittedCode(text);
  if (code?.kind !== "totp") {
    const detail = "Type the six digits that your app shows.";
    return respondToFailure(c, { ok: false, reason: "invalid_format", detail }, returnPath);
  }
  const { deps, client, now } = c.var;
  const enrolled = await confirmEnrolment(deps, {
    session,
    code,
    secret: null,
    callerSession: "replace",
    client,
    now,
  });
  if (!enrolled.ok) return respondToFailure(c, enrolled, returnPath);
  if (enrolled.issued !== null) setSessionCookie(c, enrolled.issued);
  clearHandOverCookie(c);
  const hasSite = returnPath !== "/" || c.var.config.originUrl !== null;
  const page = (
    <NewBackupCodesPage
      {...pageProps(c)}
      codes={[...enrolled.backupCodes]}
      reason="enabled"
      continueHref={redirectPathAfterPage(c, returnPath)}
      continueLabel={hasSite ? "I have saved them: continue" : "I have saved them: to my account"}
    />
  );
  return showPage(c, page);
}

/** Shows the step, or redirects to the page, on which the visitor can continue after this failure. */
function respondToFailure(c: AppContext, failure: Failure | HttpFailure, returnPath: string): PageResponse {
  switch (failure.reason) {
    case "session_over":
      clearSessionCookies(c);
      return toSignIn(c, returnPath);
    case "step_up_required":
      return toStepUp(c, returnPath);
    case "already_enabled":
      return c.redirect(ownPagePath(c, "/account"), 303);
    case "enrolment_expired": {
      const error = "The ten minutes for this QR code have passed. Begin again with a new one.";
      return rerenderWithFailure(c, failure, startPage(c, returnPath, { replacing: false, error }));
    }
    case "wrong_code":
    case "replayed_code":
    case "invalid_format":
    case "too_many_attempts":
      return rerenderWithFailure(c, failure, confirmPage(c, returnPath, failure));
  }
  return respondWithFailure(c, failure);
}

function confirmPage(c: AppContext, returnPath: string, failure: Failure | HttpFailure) {
  const state = { returnPath, serverNowMs: c.var.now.getTime(), error: errorText(failure) };
  return <SetupCodeRetryPage {...pageProps(c)} {...state} />;
}

function errorText(failure: Failure | HttpFailure): string {
  const props = toErrorOrRetryAfterProps(failure);
  return "error" in props
    ? props.error
    : `Too many attempts. Try again in ${props.retryAfterSeconds} seconds.`;
}

function startPage(
  c: AppContext,
  returnPath: string,
  { replacing, error }: { readonly replacing: boolean; readonly error?: string | undefined },
) {
  const required = c.var.config.enrolment === "required" && !replacing;
  const state = { returnPath, replacing, required, error };
  return <SetupStartPage {...pageProps(c)} {...state} />;
}

function canReplace({ secondFactorAt }: FullSession, now: Date): boolean {
  return (
    secondFactorAt !== null &&
    now.getTime() - secondFactorAt.getTime() < maxFactorAgeForSecretReplacementSeconds * 1000
  );
}

const toSignIn = (c: AppContext, returnPath: string) =>
  c.redirect(ownPagePath(c, "/sign-in", here(c, returnPath)), 303);

const toStepUp = (c: AppContext, returnPath: string) =>
  c.redirect(ownPagePath(c, "/second-factor", here(c, returnPath)), 303);

/** Returns the path of this page, for the `rd` of another page. */
const here = (c: AppContext, returnPath: string) => ownPagePath(c, path, returnPath);
