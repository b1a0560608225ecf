import { Hono } from "hono";
import { addChallengeResultParameters } from "../../../core/parsing/return-address.ts";
import type { ChallengeInToken } from "../../../core/tokens/session-token.ts";
import type { Failure } from "../../../domain/failure.ts";
import type { ChallengeSession } from "../../../domain/second-factor/challenge-session.ts";
import {
  getCompletedChallengeReturnUrl,
  redeemChallengeUrl,
} from "../../../domain/second-factor/challenges.ts";
import { findChallengeSession } from "../../caller.ts";
import { type AppContext, type AppEnv, publicBaseUrl } from "../../context.ts";
import { clearChallengeCookie, setChallengeCookie } from "../../cookies.ts";
import { toProblem } from "../../problem/problem.ts";
import { MessagePage } from "../layout/message.tsx";
import { type PageResponse, pageProps, rerenderWithFailure, showPage } from "../layout/page.ts";
import { type ChallengeInfo, ReturnToSitePage } from "./challenge-view.tsx";

/** The failure for a challenge that is over, and for one that this browser has not opened. */
export const challengeOverFailure: Failure = { ok: false, reason: "challenge_over" };

/** `/challenge`: the one-time address to which a backend sends a browser, and the return to the backend's site. */
export const challengeAddressRoutes = new Hono<AppEnv>()
  // One route for `done` and for secrets, because the router does not allow a fixed segment beside a parameter.
  .get("/challenge/:secret", async (c) => {
    if (!isNavigation(c)) return c.body(null, 403);
    const secret = c.req.param("secret");
    if (secret === "done") return showDone(c);
    const { deps, client, now } = c.var;
    const { challenge, enrolled, issued } = await redeemChallengeUrl(deps, { secret, client, now });
    if (challenge === null) return showChallengeEndedPage(c, challengeOverFailure);
    const page = enrolled ? "/second-factor" : "/account/two-factor";
    if (issued !== null) {
      setChallengeCookie(c, issued);
      return c.redirect(buildChallengePagePath(c, page, challenge.id), 303);
    }
    // The challenge is already open. Only the browser that opened it may continue.
    if ((await findChallengeSession(c, challenge.id)) === null)
      return showChallengeEndedPage(c, challengeOverFailure, challenge);
    const done = challenge.completedAt !== null;
    return c.redirect(buildChallengePagePath(c, done ? "/challenge/done" : page, challenge.id), 303);
  });

async function showDone(c: AppContext): Promise<Response> {
  const session = await findChallengeSession(c, c.req.query("challenge") ?? "");
  return session === null
    ? showChallengeEndedPage(c, challengeOverFailure)
    : showChallengeOutcome(c, session);
}

/** True for a navigation by a visitor. False for a link preview, a `HEAD` request, and a browser's prefetch or prerender. */
function isNavigation(c: AppContext): boolean {
  const header = (name: string) => c.req.header(name) ?? "";
  return (
    c.req.method === "GET" &&
    !/prefetch|prerender|preview/.test(header("Sec-Purpose") + header("Purpose")) &&
    /^(document)?$/.test(header("Sec-Fetch-Dest"))
  );
}

/** Returns the address of a page with this challenge in its query. */
export const buildChallengePagePath = (c: AppContext, page: string, id: string): string =>
  `${c.var.config.basePath}${page}?challenge=${id}`;

const siteOf = (returnTo: string): string => new URL(returnTo).host;

/** Returns the facts of a challenge that its pages show. */
export function toChallengeInfo({
  username,
  challenge: { id, action, returnTo },
}: ChallengeSession): ChallengeInfo {
  const cancelHref = addChallengeResultParameters(returnTo, { challenge: id });
  return { id, action, site: siteOf(returnTo), account: username, cancelHref };
}

/**
 * Clears the challenge's cookie and responds with a page that redirects the browser to the return address. A 303 would not
 * work: the request came from a form, and `form-action 'self'` also applies to redirects in the response to a form.
 */
export function showReturnPage(c: AppContext, session: ChallengeSession, href: string) {
  clearChallengeCookie(c);
  return showPage(c, <ReturnToSitePage {...pageProps(c)} site={toChallengeInfo(session).site} href={href} />);
}

/** For a challenge that accepts no more codes: returns the browser to the site when it was completed, else shows that it has ended. */
export async function showChallengeOutcome(c: AppContext, session: ChallengeSession): Promise<Response> {
  const result = await getCompletedChallengeReturnUrl(c.var.deps, session, publicBaseUrl(c), c.var.now);
  return result.ok
    ? showReturnPage(c, session, result.address)
    : clearCookieAndShowChallengeEndedPage(c, session, result);
}

/** Clears the challenge's cookie and shows that the challenge has ended without a receipt. */
export function clearCookieAndShowChallengeEndedPage(
  c: AppContext,
  { challenge }: ChallengeSession,
  failure: Failure,
) {
  clearChallengeCookie(c);
  return showChallengeEndedPage(c, failure, challenge);
}

/** Shows that a challenge has ended, with a link back to the site if it is known. Keeps the cookie, which may belong to another challenge. */
export function showChallengeEndedPage(
  c: AppContext,
  failure: Failure,
  challenge?: Pick<ChallengeInToken, "id" | "returnTo">,
): PageResponse {
  const { title, detail, code } = toProblem(failure);
  const hasTooManyFailures = failure.reason === "too_many_attempts";
  const page = (
    <MessagePage
      {...pageProps(c)}
      kind="error"
      title={failure.reason === "challenge_over" ? "This confirmation has ended" : title}
      message={hasTooManyFailures ? "Too many wrong codes. Go back to the site and begin again." : detail}
      code={code}
      requestId={c.var.client.requestId}
      actions={challenge === undefined ? [] : [linkBack(challenge)]}
    />
  );
  return rerenderWithFailure(c, failure, page);
}

const linkBack = ({ id, returnTo }: Pick<ChallengeInToken, "id" | "returnTo">) => ({
  href: addChallengeResultParameters(returnTo, { challenge: id }),
  label: `Go back to ${siteOf(returnTo)}`,
});
