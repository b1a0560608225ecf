import { parseCodeInput } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import type { ChallengeSession } from "../../../domain/second-factor/challenge-session.ts";
import { completeChallenge } from "../../../domain/second-factor/challenges.ts";
import { findChallengeSession } from "../../caller.ts";
import type { AppContext } from "../../context.ts";
import type { HttpFailure } from "../../problem/http-failure.ts";
import { chrome, explain, rerenderWithFailure, showPage } from "../layout/page.ts";
import { SecondFactorPage } from "../sign-in/second-factor-view.tsx";
import {
  askedBy,
  challengeUrl,
  endChallenge,
  issuerOf,
  sendBack,
  settle,
  showEnd,
} from "./challenge-page.tsx";

type Answer = Response | Promise<Response>;

const over: Failure = { ok: false, reason: "challenge_over" };

/** `GET /second-factor?challenge=…`: asks for the code of a hosted challenge. */
export async function askForChallenge(c: AppContext, id: string): Promise<Response> {
  const session = await findChallengeSession(c, id);
  return session === null ? showEnd(c, over) : showPage(c, codePage(c, session));
}

/** `POST /second-factor` with `challenge`: the code of a hosted challenge. */
export async function takeChallengeCode(c: AppContext, id: string, text: string): Promise<Response> {
  const session = await findChallengeSession(c, id);
  if (session === null) return showEnd(c, over);
  const code = parseCodeInput(text);
  if (code === null) {
    const detail = "Type the six digits that your app shows, or a backup code such as 7K3F-9QWX.";
    return showAgain(c, session, { ok: false, reason: "invalid_format", detail });
  }
  const { deps, client, now } = c.var;
  const result = await completeChallenge(deps, { session, code, client, now }, issuerOf(c));
  if (result.ok) return sendBack(c, session, result.address);
  return showAgain(c, session, result, code.kind === "backup_code");
}

/** Shows the page that helps after this failure. */
function showAgain(
  c: AppContext,
  session: ChallengeSession,
  failure: Failure | HttpFailure,
  triesBackupCode = false,
): Answer {
  switch (failure.reason) {
    case "challenge_over":
      return settle(c, session);
    case "not_enabled":
      return c.redirect(challengeUrl(c, "/account/two-factor", session.challenge.id), 303);
    case "second_factor_disabled":
    case "field_unreadable":
      return endChallenge(c, session, failure);
    case "too_many_attempts":
      if (failure.startOver === true) return endChallenge(c, session, failure);
  }
  return rerenderWithFailure(c, failure, codePage(c, session, { ...explain(failure), triesBackupCode }));
}

function codePage(c: AppContext, session: ChallengeSession, why: object = {}) {
  const serverNowMs = c.var.now.getTime();
  return (
    <SecondFactorPage
      {...chrome(c)}
      mode="step_up"
      asked={askedBy(session)}
      returnPath="/"
      serverNowMs={serverNowMs}
      {...why}
    />
  );
}
