import type { AccessDenied } from "../domain/access/access.ts";
import type { AppContext } from "./context.ts";
import { respondWithFailure } from "./problem/failure-response.tsx";
import type { AnyFailure } from "./problem/http-failure.ts";

/** The request that was refused: the one that came, or the one that a proxy asks about. */
export interface Wanted {
  readonly method: string;
  /** Path and query, to come back to. */
  readonly uri: string;
}

/** The request that came. */
export function wantedOf(c: AppContext): Wanted {
  const { pathname, search } = c.get("url")();
  return { method: c.req.method, uri: pathname + search };
}

/**
 * Answers somebody who may not pass yet. A page load is sent to the page that helps; anything else gets a 401 that
 * names this page, and so does a form, because a redirect would lose what was in it.
 */
export function redirectOrUnauthorized(c: AppContext, refusal: AccessDenied, wanted: Wanted): Response {
  if (refusal.reason === "account_disabled")
    return respondWithFailure(c, { ok: false, reason: "account_disabled" });
  if (isPageLoad(c, wanted)) return c.redirect(helpfulPage(c, refusal, wanted.uri), 303);
  // Whoever has sent a form comes back to the page with the form in it.
  const back = isSafe(wanted) ? wanted.uri : refererPath(c);
  const page = helpfulPage(c, refusal, back);
  return respondWithFailure(c, toFailure(refusal), { status: 401, signIn: page, formLost: !isSafe(wanted) });
}

const isSafe = ({ method }: Wanted) => method === "GET" || method === "HEAD";

/** Browsers say `navigate`; where nothing is said, who asks for HTML is taken for a browser. */
export function isPageLoad(c: AppContext, wanted: Wanted): boolean {
  if (!isSafe(wanted)) return false;
  const mode = c.req.header("Sec-Fetch-Mode");
  return mode === undefined ? acceptsHtml(c) : mode === "navigate";
}

/** Does whoever asks want to look at the answer? */
export function acceptsHtml(c: AppContext): boolean {
  return c.req.header("Accept")?.includes("text/html") ?? false;
}

function refererPath(c: AppContext): string {
  const referer = URL.parse(c.req.header("Referer") ?? "");
  return referer !== null && referer.host === new URL(c.req.url).host
    ? referer.pathname + referer.search
    : "/";
}

type HelpedRefusal = Exclude<AccessDenied, { reason: "account_disabled" }>;

/** The address of the page that helps after this refusal. */
export function helpfulPage(c: AppContext, refusal: HelpedRefusal, returnPath: string): string {
  return pageUrl(c, helpfulPages[refusal.reason], returnPath, refusal.reason === "sign_in_again");
}

const helpfulPages: Record<HelpedRefusal["reason"], string> = {
  not_signed_in: "/sign-in",
  sign_in_again: "/sign-in",
  enrolment_required: "/account/two-factor",
  second_factor_required: "/second-factor",
  step_up_required: "/second-factor",
};

/**
 * The address of a page of the Worker.
 *
 * @param returnPath where the visitor goes on when the page is done with
 * @param again sign in anew, although a session is there
 */
export function pageUrl(c: AppContext, page: string, returnPath = "/", again = false): string {
  const query = new URLSearchParams();
  if (returnPath !== "/") query.set("rd", returnPath);
  if (again) query.set("again", "1");
  const search = query.size === 0 ? "" : `?${query}`;
  return c.var.config.basePath + page + search;
}

function toFailure(refusal: HelpedRefusal): AnyFailure {
  switch (refusal.reason) {
    case "not_signed_in":
      return { ok: false, reason: "unauthenticated" };
    case "sign_in_again":
      return { ok: false, reason: "session_over" };
    case "enrolment_required":
    case "second_factor_required":
      return { ok: false, reason: "second_factor_required" };
    case "step_up_required":
      return { ok: false, reason: "step_up_required", maxAgeSeconds: refusal.maxAgeSeconds };
  }
}
