import { Hono } from "hono";
import { withReturnParameters } from "../../../core/parsing/return-address.ts";
import type { ChallengeClaims } from "../../../core/tokens/session-token.ts";
import type { Failure } from "../../../domain/failure.ts";
import type { ChallengeSession } from "../../../domain/second-factor/challenge-session.ts";
import { buildReturnUrl, openChallenge } from "../../../domain/second-factor/challenges.ts";
import { findChallengeSession } from "../../caller.ts";
import type { AppContext, AppEnv } from "../../context.ts";
import { clearChallengeCookie, setChallengeCookie } from "../../cookies.ts";
import { describeFailure } from "../../problem/problem.ts";
import { MessagePage } from "../layout/message.tsx";
import { chrome, rerenderWithFailure, showPage } from "../layout/page.ts";
import { type Asked, GoBackPage } from "./challenge-view.tsx";

const over: Failure = { ok: false, reason: "challenge_over" };

/** `/challenge`: the one-time address that a backend sends a browser to, and the way back. */
export const challengePages = new Hono<AppEnv>()
  // One route for `done` and every secret: the router takes no fixed name beside a parameter.
  .get("/challenge/:secret", async (c) => {
    if (!isVisit(c)) return c.body(null, 403);
    const secret = c.req.param("secret");
    if (secret === "done") return showDone(c);
    const { deps, client, now } = c.var;
    const { challenge, enrolled, issued } = await openChallenge(deps, { secret, client, now });
    if (challenge === null) return showEnd(c, over);
    const page = enrolled ? "/second-factor" : "/account/two-factor";
    if (issued !== null) {
      setChallengeCookie(c, issued);
      return c.redirect(challengeUrl(c, page, challenge.id), 303);
    }
    // The same browser once more: it has opened it itself.
    if ((await findChallengeSession(c, challenge.id)) === null) return showEnd(c, over, challenge);
    const done = challenge.completedAt !== null;
    return c.redirect(challengeUrl(c, done ? "/challenge/done" : page, challenge.id), 303);
  });

async function showDone(c: AppContext): Promise<Response> {
  const session = await findChallengeSession(c, c.req.query("challenge") ?? "");
  return session === null ? showEnd(c, over) : settle(c, session);
}

/** Somebody goes there: not a program that looks, nor a browser that loads what may be wanted next. */
function isVisit(c: AppContext): boolean {
  const header = (name: string) => c.req.header(name) ?? "";
  return (
    c.req.method === "GET" &&
    !/prefetch|prerender|preview/.test(header("Sec-Purpose") + header("Purpose")) &&
    /^(document)?$/.test(header("Sec-Fetch-Dest"))
  );
}

/** The address of a page that works for this challenge. */
export const challengeUrl = (c: AppContext, page: string, id: string): string =>
  `${c.var.config.basePath}${page}?challenge=${id}`;

/** Where the Worker answers, as receipts name it. */
export const issuerOf = (c: AppContext): string => c.var.publicOrigin + c.var.config.basePath;

const siteOf = (returnTo: string): string => new URL(returnTo).host;

/** What the pages of a challenge say about it. */
export function askedBy({ username, challenge: { id, action, returnTo } }: ChallengeSession): Asked {
  const cancelHref = withReturnParameters(returnTo, { challenge: id });
  return { id, action, site: siteOf(returnTo), account: username, cancelHref };
}

/**
 * Sends the browser back with its receipt. A page does it, because a redirect would be no way: the form of the page
 * before has brought it here, and `form-action 'self'` goes for every address that a form's answer redirects to.
 */
export function sendBack(c: AppContext, session: ChallengeSession, href: string) {
  clearChallengeCookie(c);
  return showPage(c, <GoBackPage {...chrome(c)} site={askedBy(session).site} href={href} />);
}

/** A challenge that takes no code any more: the browser goes back if it is done, and learns that it is over if not. */
export async function settle(c: AppContext, session: ChallengeSession): Promise<Response> {
  const result = await buildReturnUrl(c.var.deps, session, issuerOf(c), c.var.now);
  return result.ok ? sendBack(c, session, result.address) : endChallenge(c, session, result);
}

/** A challenge that comes to nothing in the browser that has opened it. */
export function endChallenge(c: AppContext, { challenge }: ChallengeSession, failure: Failure) {
  clearChallengeCookie(c);
  return showEnd(c, failure, challenge);
}

/** Says that a challenge takes nothing more, with the way back where it is known. The cookie may be another one's. */
export function showEnd(
  c: AppContext,
  failure: Failure,
  challenge?: Pick<ChallengeClaims, "id" | "returnTo">,
): Response | Promise<Response> {
  const { title, detail, code } = describeFailure(failure);
  const exhausted = failure.reason === "too_many_attempts";
  const page = (
    <MessagePage
      {...chrome(c)}
      kind="error"
      title={failure.reason === "challenge_over" ? "This confirmation is over" : title}
      message={exhausted ? "That was one wrong code too many. Go back, and begin again." : detail}
      code={code}
      requestId={c.var.client.requestId}
      actions={challenge === undefined ? [] : [wayBack(challenge)]}
    />
  );
  return rerenderWithFailure(c, failure, page);
}

const wayBack = ({ id, returnTo }: Pick<ChallengeClaims, "id" | "returnTo">) => ({
  href: withReturnParameters(returnTo, { challenge: id }),
  label: `Go back to ${siteOf(returnTo)}`,
});
