import { parseSubmittedCode } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import type { ChallengeSession } from "../../../domain/second-factor/challenge-session.ts";
import { verifyCodeAndCompleteChallenge } from "../../../domain/second-factor/challenges.ts";
import { findChallengeSession } from "../../caller.ts";
import { type AppContext, publicBaseUrl } from "../../context.ts";
import type { HttpFailure } from "../../problem/http-failure.ts";
import {
  type PageResponse,
  pageProps,
  rerenderWithFailure,
  showPage,
  toErrorOrRetryAfterProps,
} from "../layout/page.ts";
import { SecondFactorPage } from "../sign-in/second-factor-view.tsx";
import {
  buildChallengePagePath,
  challengeOverFailure,
  clearCookieAndShowChallengeEndedPage,
  showChallengeEndedPage,
  showChallengeOutcome,
  showReturnPage,
  toChallengeInfo,
} from "./challenge-page.tsx";

/** `GET /second-factor?challenge=…`: shows the form for the code of a hosted challenge. */
export async function showChallengeCodePage(c: AppContext, id: string): Promise<Response> {
  const session = await findChallengeSession(c, id);
  return session === null
    ? showChallengeEndedPage(c, challengeOverFailure)
    : showPage(c, codePage(c, session));
}

/** `POST /second-factor` with `challenge`: checks the code of a hosted challenge. */
export async function submitChallengeCode(c: AppContext, id: string, text: string): Promise<Response> {
  const session = await findChallengeSession(c, id);
  if (session === null) return showChallengeEndedPage(c, challengeOverFailure);
  const code = parseSubmittedCode(text);
  if (code === null) {
    const detail = "Type the six digits that your app shows, or a backup code such as 7K3F-9QWX.";
    return respondToFailure(c, session, { ok: false, reason: "invalid_format", detail });
  }
  const { deps, client, now } = c.var;
  const result = await verifyCodeAndCompleteChallenge(deps, { session, code, client, now }, publicBaseUrl(c));
  if (result.ok) return showReturnPage(c, session, result.address);
  return respondToFailure(c, session, result, code.kind === "backup_code");
}

/** Shows the page, or redirects to it, on which the visitor can continue after this failure. */
function respondToFailure(
  c: AppContext,
  session: ChallengeSession,
  failure: Failure | HttpFailure,
  triedBackupCode = false,
): PageResponse {
  switch (failure.reason) {
    case "challenge_over":
      return showChallengeOutcome(c, session);
    case "not_enabled":
      return c.redirect(buildChallengePagePath(c, "/account/two-factor", session.challenge.id), 303);
    case "second_factor_disabled":
    case "field_unreadable":
      return clearCookieAndShowChallengeEndedPage(c, session, failure);
    case "too_many_attempts":
      if (failure.startOver === true) return clearCookieAndShowChallengeEndedPage(c, session, failure);
  }
  return rerenderWithFailure(
    c,
    failure,
    codePage(c, session, { ...toErrorOrRetryAfterProps(failure), triedBackupCode }),
  );
}

function codePage(c: AppContext, session: ChallengeSession, state: object = {}) {
  const serverNowMs = c.var.now.getTime();
  return (
    <SecondFactorPage
      {...pageProps(c)}
      mode="step_up"
      challenge={toChallengeInfo(session)}
      returnPath="/"
      serverNowMs={serverNowMs}
      {...state}
    />
  );
}
