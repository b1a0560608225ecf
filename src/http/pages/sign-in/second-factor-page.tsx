import { Hono } from "hono";
import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { parseCodeInput } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import { stepUp } from "../../../domain/sessions/step-up.ts";
import { completeSignIn } from "../../../domain/sign-in/complete-sign-in.ts";
import { findCaller, findPending } from "../../caller.ts";
import type { AppContext, AppEnv } from "../../context.ts";
import { clearCookies, setSessionCookie, setSignedIn } from "../../cookies.ts";
import { signInExternally } from "../../external-first-factor.ts";
import { readForm } from "../../form-body.ts";
import type { HttpFailure } from "../../problem/problem.ts";
import { refuse } from "../../problem/refusal.tsx";
import { pageUrl } from "../../sign-in-redirect.ts";
import { askForChallenge, takeChallengeCode } from "../challenge/challenge-code.tsx";
import { MessagePage } from "../layout/message.tsx";
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
import { SecondFactorPage } from "./second-factor-view.tsx";
import { signInAgain } from "./sign-in-page.tsx";
import { SignInPage } from "./sign-in-view.tsx";

const codeForm = lazy(() =>
  z.strictObject({
    code: textField(1024),
    rd: returnPathField(),
    challenge: z.optional(textField(64)),
  }),
);

/** `/second-factor`: the second door of a sign-in, a fresh code inside a session, or the code of a hosted challenge. */
export const secondFactorPages = new Hono<AppEnv>()
  .get("/second-factor", async (c) => {
    const challenge = c.req.query("challenge");
    if (challenge !== undefined) return askForChallenge(c, challenge);
    const returnPath = returnPathOf(c);
    const step = await findStep(c);
    if (step !== null) return showPage(c, secondFactorPage(c, step.mode, returnPath));
    const arrival = await signInExternally(c);
    if (arrival.kind === "pending") return showPage(c, secondFactorPage(c, "sign_in", returnPath));
    return c.redirect(
      pageUrl(c, arrival.kind === "full" ? "/account/two-factor" : "/sign-in", returnPath),
      303,
    );
  })
  .post("/second-factor", async (c) => {
    const form = await readForm(c, codeForm());
    if (form.challenge !== undefined) return takeChallengeCode(c, form.challenge, form.code);
    const step = await findStep(c);
    if (step === null) return signInAgain(c, { ok: false, reason: "pending_session_over" }, form.rd);
    const code = parseCodeInput(form.code);
    if (code === null) {
      const detail = "Type the six digits that your app shows, or a backup code such as 7K3F-9QWX.";
      return showAgain(c, step.mode, { ok: false, reason: "invalid_format", detail }, form.rd);
    }
    const { deps, source, client, now } = c.var;
    const result =
      step.mode === "sign_in"
        ? await completeSignIn(deps, { session: step.session, source, code, client, now })
        : await stepUp(deps, { session: step.session, code, client, now });
    if (!result.ok) return showAgain(c, step.mode, result, form.rd, code.kind === "backup_code");
    if (step.mode === "sign_in") await setSignedIn(c, result.issued);
    else setSessionCookie(c, result.issued);
    return c.redirect(destination(c, form.rd), 303);
  });

/** A sign-in that waits for its code comes first: it is what the visitor has just begun. */
async function findStep(c: AppContext) {
  const pending = await findPending(c);
  if (pending !== null) return { mode: "sign_in", session: pending } as const;
  const caller = await findCaller(c);
  return caller === null ? null : ({ mode: "step_up", session: caller.session } as const);
}

type Mode = "sign_in" | "step_up";

function secondFactorPage(c: AppContext, mode: Mode, returnPath: string, why: object = {}) {
  const serverNowMs = c.var.now.getTime();
  return (
    <SecondFactorPage {...chrome(c)} mode={mode} returnPath={returnPath} serverNowMs={serverNowMs} {...why} />
  );
}

/** Shows the page that helps after this failure: the same one, or one that begins anew. */
function showAgain(
  c: AppContext,
  mode: Mode,
  failure: Failure | HttpFailure,
  returnPath: string,
  triesBackupCode = false,
): Response | Promise<Response> {
  switch (failure.reason) {
    case "pending_session_over":
    case "session_over":
      clearCookies(c);
      return signInAgain(c, failure, returnPath);
    case "not_enabled":
      return c.redirect(pageUrl(c, "/account/two-factor", returnPath), 303);
    case "second_factor_disabled":
    case "field_unreadable":
      return refuse(c, failure);
    case "too_many_attempts":
      if (failure.startOver !== true) break;
      clearCookies(c);
      return showStartOver(c, failure, returnPath);
  }
  return rerenderWithFailure(
    c,
    failure,
    secondFactorPage(c, mode, returnPath, { ...explain(failure), triesBackupCode }),
  );
}

function showStartOver(c: AppContext, failure: Failure, returnPath: string): Response | Promise<Response> {
  if (c.var.source !== null) {
    const actions = [{ href: pageUrl(c, "/second-factor", returnPath), label: "Begin again" }];
    const message = "That was one wrong code too many. Begin again.";
    const page = (
      <MessagePage
        {...chrome(c)}
        kind="error"
        title="Too many attempts"
        message={message}
        actions={actions}
      />
    );
    return rerenderWithFailure(c, failure, page);
  }
  const error = "That was one wrong code too many. Sign in again.";
  return rerenderWithFailure(c, failure, <SignInPage {...chrome(c)} returnPath={returnPath} error={error} />);
}
