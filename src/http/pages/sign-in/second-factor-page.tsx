import { Hono } from "hono";
import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { parseSubmittedCode } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import { stepUp } from "../../../domain/sessions/step-up.ts";
import { completeSignInWithCode } from "../../../domain/sign-in/complete-sign-in.ts";
import { findPendingSession, findSessionCallerByTokenAndSource } from "../../caller.ts";
import type { AppContext, AppEnv } from "../../context.ts";
import {
  clearHandOverCookie,
  clearSessionCookies,
  setSessionCookie,
  setSignInCookies,
} from "../../cookies.ts";
import { signInWithExternalFirstFactor } from "../../external-first-factor.ts";
import { readFormOrThrow } from "../../form-body.ts";
import { respondWithFailure } from "../../problem/failure-response.tsx";
import type { HttpFailure } from "../../problem/http-failure.ts";
import { ownPagePath } from "../../sign-in-redirect.ts";
import { showChallengeCodePage, submitChallengeCode } from "../challenge/challenge-code.tsx";
import { MessagePage } from "../layout/message.tsx";
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
import { SecondFactorPage } from "./second-factor-view.tsx";
import { rerenderSignInPageOrRedirect } from "./sign-in-page.tsx";
import { SignInPage } from "./sign-in-view.tsx";

const codeFormSchema = lazy(() =>
  z.strictObject({
    code: requiredTextFieldSchema(1024),
    rd: returnPathSchema(),
    challenge: z.optional(requiredTextFieldSchema(64)),
  }),
);

/** `/second-factor`: the code of a sign-in, a fresh code within a session, or the code of a hosted challenge. */
export const secondFactorPageRoutes = new Hono<AppEnv>()
  .get("/second-factor", async (c) => {
    const challenge = c.req.query("challenge");
    if (challenge !== undefined) return showChallengeCodePage(c, challenge);
    const returnPath = readReturnPath(c);
    const step = await findStep(c);
    if (step !== null) return showPage(c, secondFactorPage(c, step.mode, returnPath));
    const signedIn = await signInWithExternalFirstFactor(c);
    if (signedIn.kind === "pending") return showPage(c, secondFactorPage(c, "sign_in", returnPath));
    return c.redirect(
      ownPagePath(c, signedIn.kind === "full" ? "/account/two-factor" : "/sign-in", returnPath),
      303,
    );
  })
  .post("/second-factor", async (c) => {
    const form = await readFormOrThrow(c, codeFormSchema());
    if (form.challenge !== undefined) return submitChallengeCode(c, form.challenge, form.code);
    const step = await findStep(c);
    if (step === null)
      return rerenderSignInPageOrRedirect(c, { ok: false, reason: "pending_session_over" }, form.rd);
    const code = parseSubmittedCode(form.code);
    if (code === null) {
      const detail = "Type the six digits that your app shows, or a backup code such as 7K3F-9QWX.";
      return respondToFailure(c, step.mode, { ok: false, reason: "invalid_format", detail }, form.rd);
    }
    const { deps, source, client, now } = c.var;
    const result =
      step.mode === "sign_in"
        ? await completeSignInWithCode(deps, { session: step.session, source, code, client, now })
        : await stepUp(deps, { session: step.session, code, client, now });
    if (!result.ok) return respondToFailure(c, step.mode, result, form.rd, code.kind === "backup_code");
    if (step.mode === "sign_in") await setSignInCookies(c, result.issued);
    else {
      setSessionCookie(c, result.issued);
      clearHandOverCookie(c);
    }
    return c.redirect(redirectPathAfterPage(c, form.rd), 303);
  });

/** Finds what the code is for: a pending sign-in if there is one, because it is newer, or else the full session. */
async function findStep(c: AppContext) {
  const pending = await findPendingSession(c);
  if (pending !== null) return { mode: "sign_in", session: pending } as const;
  const caller = await findSessionCallerByTokenAndSource(c);
  return caller === null ? null : ({ mode: "step_up", session: caller.session } as const);
}

type Mode = "sign_in" | "step_up";

function secondFactorPage(c: AppContext, mode: Mode, returnPath: string, state: object = {}) {
  const serverNowMs = c.var.now.getTime();
  return (
    <SecondFactorPage
      {...pageProps(c)}
      mode={mode}
      returnPath={returnPath}
      serverNowMs={serverNowMs}
      {...state}
    />
  );
}

/** Shows the page that helps after this failure: the same one, or one that begins anew. */
function respondToFailure(
  c: AppContext,
  mode: Mode,
  failure: Failure | HttpFailure,
  returnPath: string,
  triedBackupCode = false,
): PageResponse {
  switch (failure.reason) {
    case "pending_session_over":
    case "session_over":
      clearSessionCookies(c);
      return rerenderSignInPageOrRedirect(c, failure, returnPath);
    case "not_enabled":
      return c.redirect(ownPagePath(c, "/account/two-factor", returnPath), 303);
    case "second_factor_disabled":
    case "field_unreadable":
      return respondWithFailure(c, failure);
    case "too_many_attempts":
      if (failure.startOver !== true) break;
      clearSessionCookies(c);
      return showStartOver(c, failure, returnPath);
  }
  return rerenderWithFailure(
    c,
    failure,
    secondFactorPage(c, mode, returnPath, { ...toErrorOrRetryAfterProps(failure), triedBackupCode }),
  );
}

function showStartOver(c: AppContext, failure: Failure, returnPath: string): PageResponse {
  if (c.var.source !== null) {
    const actions = [{ href: ownPagePath(c, "/second-factor", returnPath), label: "Begin again" }];
    const message = "Too many wrong codes. Begin again.";
    const page = (
      <MessagePage
        {...pageProps(c)}
        kind="error"
        title="Too many attempts"
        message={message}
        actions={actions}
      />
    );
    return rerenderWithFailure(c, failure, page);
  }
  const error = "Too many wrong codes. Sign in again.";
  return rerenderWithFailure(
    c,
    failure,
    <SignInPage {...pageProps(c)} returnPath={returnPath} error={error} />,
  );
}
