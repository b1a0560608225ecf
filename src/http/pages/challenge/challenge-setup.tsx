import { renderQrSvg } from "../../../core/lib/qr.ts";
import { parseCodeInput } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import type { ChallengeSession } from "../../../domain/second-factor/challenge-session.ts";
import { enrolByChallenge } from "../../../domain/second-factor/challenges.ts";
import { startEnrolment } from "../../../domain/second-factor/enrolment.ts";
import { findChallengeSession } from "../../caller.ts";
import type { AppContext } from "../../context.ts";
import { setChallengeCookie } from "../../cookies.ts";
import type { HttpFailure } from "../../problem/http-failure.ts";
import { BackupCodesPage } from "../account/backup-codes-view.tsx";
import { SetupConfirmPage, SetupScanPage, SetupStartPage } from "../account/two-factor-setup-view.tsx";
import { chrome, explain, rerenderWithFailure, showPage } from "../layout/page.ts";
import { askedBy, challengeUrl, endChallenge, settle, showEnd } from "./challenge-page.tsx";

type Answer = Response | Promise<Response>;

const over: Failure = { ok: false, reason: "challenge_over" };

/** `GET /account/two-factor?challenge=…`: the wizard, for a hosted challenge whose user has no second factor. */
export async function beginChallengeSetup(c: AppContext, id: string): Promise<Response> {
  const session = await findChallengeSession(c, id);
  return session === null ? showEnd(c, over) : showPage(c, startPage(c, session));
}

/**
 * `POST /account/two-factor` with `challenge`.
 *
 * @param text the code; null: the first step
 */
export async function takeChallengeSetup(c: AppContext, id: string, text: string | null): Promise<Response> {
  const session = await findChallengeSession(c, id);
  if (session === null) return showEnd(c, over);
  return text === null ? showSecret(c, session) : confirm(c, session, text);
}

async function showSecret(c: AppContext, session: ChallengeSession): Promise<Response> {
  const enrolment = await startEnrolment(c.var.deps, session, c.var.client, c.var.now);
  if (!enrolment.ok) return showAgain(c, session, enrolment);
  const page = (
    <SetupScanPage
      {...common(c, session)}
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
  const code = parseCodeInput(text);
  if (code?.kind !== "totp") {
    const detail = "Type the six digits that your app shows.";
    return showAgain(c, session, { ok: false, reason: "invalid_format", detail });
  }
  const { deps, client, now } = c.var;
  const enrolled = await enrolByChallenge(deps, { session, code, client, now });
  if (!enrolled.ok) return showAgain(c, session, enrolled);
  setChallengeCookie(c, enrolled);
  const page = (
    <BackupCodesPage
      {...chrome(c)}
      codes={[...enrolled.backupCodes]}
      reason="enabled"
      continueHref={challengeUrl(c, "/challenge/done", session.challenge.id)}
      continueLabel={`I have saved them: go on to ${askedBy(session).site}`}
    />
  );
  return showPage(c, page);
}

/** Shows the step that helps after this failure. */
function showAgain(c: AppContext, session: ChallengeSession, failure: Failure | HttpFailure): Answer {
  switch (failure.reason) {
    case "challenge_over":
      return settle(c, session);
    case "already_enabled":
      return c.redirect(challengeUrl(c, "/second-factor", session.challenge.id), 303);
    case "enrolment_expired": {
      const error = "That took longer than ten minutes. Begin again with a new QR code.";
      return rerenderWithFailure(c, failure, startPage(c, session, error));
    }
    case "second_factor_disabled":
    case "field_unreadable":
      return endChallenge(c, session, failure);
    case "too_many_attempts":
      if (failure.startOver === true) return endChallenge(c, session, failure);
  }
  const why = explain(failure);
  const error =
    "error" in why ? why.error : `Too many attempts. Try again in ${why.retryAfterSeconds} seconds.`;
  const serverNowMs = c.var.now.getTime();
  const page = <SetupConfirmPage {...common(c, session)} serverNowMs={serverNowMs} error={error} />;
  return rerenderWithFailure(c, failure, page);
}

const common = (c: AppContext, session: ChallengeSession) => ({
  ...chrome(c),
  returnPath: "/",
  asked: askedBy(session),
});

function startPage(c: AppContext, session: ChallengeSession, error?: string) {
  return <SetupStartPage {...common(c, session)} replacing={false} required error={error} />;
}
