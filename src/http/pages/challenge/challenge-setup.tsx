import { renderQrSvg } from "../../../core/lib/qr.ts";
import { parseSubmittedCode } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import type { ChallengeSession } from "../../../domain/second-factor/challenge-session.ts";
import { confirmEnrolmentAndCompleteChallenge } from "../../../domain/second-factor/challenges.ts";
import { startEnrolment } from "../../../domain/second-factor/enrolment.ts";
import { findChallengeSession } from "../../caller.ts";
import type { AppContext } from "../../context.ts";
import { setChallengeCookie } from "../../cookies.ts";
import type { HttpFailure } from "../../problem/http-failure.ts";
import { NewBackupCodesPage } from "../account/backup-codes-view.tsx";
import { SetupCodeRetryPage, SetupScanPage, SetupStartPage } from "../account/two-factor-setup-view.tsx";
import {
  type PageResponse,
  pageProps,
  rerenderWithFailure,
  showPage,
  toErrorOrRetryAfterProps,
} from "../layout/page.ts";
import {
  buildChallengePagePath,
  challengeOverFailure,
  clearCookieAndShowChallengeEndedPage,
  showChallengeEndedPage,
  showChallengeOutcome,
  toChallengeInfo,
} from "./challenge-page.tsx";

/** `GET /account/two-factor?challenge=…`: starts the set-up for a hosted challenge whose user has no second factor. */
export async function showChallengeSetupStartPage(c: AppContext, id: string): Promise<Response> {
  const session = await findChallengeSession(c, id);
  return session === null
    ? showChallengeEndedPage(c, challengeOverFailure)
    : showPage(c, startPage(c, session));
}

/**
 * `POST /account/two-factor` with `challenge`: shows the secret, or confirms it with a code.
 *
 * @param text the submitted code, or null for the step that shows the secret
 */
export async function submitChallengeSetup(
  c: AppContext,
  id: string,
  text: string | null,
): Promise<Response> {
  const session = await findChallengeSession(c, id);
  if (session === null) return showChallengeEndedPage(c, challengeOverFailure);
  return text === null ? showSecret(c, session) : confirm(c, session, text);
}

async function showSecret(c: AppContext, session: ChallengeSession): Promise<Response> {
  const enrolment = await startEnrolment(c.var.deps, session, c.var.client, c.var.now);
  if (!enrolment.ok) return respondToFailure(c, session, enrolment);
  const page = (
    <SetupScanPage
      {...setupProps(c, session)}
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

async function confirm(c: AppContext, session: ChallengeSession, text: string): Promise<Response> {
  const code = parseSubmittedCode(text);
  if (code?.kind !== "totp") {
    const detail = "Type the six digits that your app shows.";
    return respondToFailure(c, session, { ok: false, reason: "invalid_format", detail });
  }
  const { deps, client, now } = c.var;
  const enrolled = await confirmEnrolmentAndCompleteChallenge(deps, { session, code, client, now });
  if (!enrolled.ok) return respondToFailure(c, session, enrolled);
  setChallengeCookie(c, enrolled);
  const page = (
    <NewBackupCodesPage
      {...pageProps(c)}
      codes={[...enrolled.backupCodes]}
      reason="enabled"
      continueHref={buildChallengePagePath(c, "/challenge/done", session.challenge.id)}
      continueLabel={`I have saved them: continue to ${toChallengeInfo(session).site}`}
    />
  );
  return showPage(c, page);
}

/** Shows the step, or redirects to the page, on which the visitor can continue after this failure. */
function respondToFailure(
  c: AppContext,
  session: ChallengeSession,
  failure: Failure | HttpFailure,
): PageResponse {
  switch (failure.reason) {
    case "challenge_over":
      return showChallengeOutcome(c, session);
    case "already_enabled":
      return c.redirect(buildChallengePagePath(c, "/second-factor", session.challenge.id), 303);
    case "enrolment_expired": {
      const error = "The ten minutes for this QR code have passed. Begin again with a new one.";
      return rerenderWithFailure(c, failure, startPage(c, session, error));
    }
    case "second_factor_disabled":
    case "field_unreadable":
      return clearCookieAndShowChallengeEndedPage(c, session, failure);
    case "too_many_attempts":
      if (failure.startOver === true) return clearCookieAndShowChallengeEndedPage(c, session, failure);
  }
  const props = toErrorOrRetryAfterProps(failure);
  const error =
    "error" in props ? props.error : `Too many attempts. Try again in ${props.retryAfterSeconds} seconds.`;
  const serverNowMs = c.var.now.getTime();
  const page = <SetupCodeRetryPage {...setupProps(c, session)} serverNowMs={serverNowMs} error={error} />;
  return rerenderWithFailure(c, failure, page);
}

const setupProps = (c: AppContext, session: ChallengeSession) => ({
  ...pageProps(c),
  returnPath: "/",
  challenge: toChallengeInfo(session),
});

function startPage(c: AppContext, session: ChallengeSession, error?: string) {
  return <SetupStartPage {...setupProps(c, session)} replacing={false} required error={error} />;
}
