import type { Refusal } from "../domain/access.ts";
import type { AppContext } from "./context.ts";
import type { AnyFailure } from "./problem.ts";
import { refuse } from "./refusal.tsx";

/**
 * Answers somebody who may not pass yet. A page load is sent to the page that helps; anything else gets a 401,
 * and so does a form, because a redirect would lose what was in it.
 */
export function answerRefusal(c: AppContext, refusal: Refusal): Response {
  if (isPageLoad(c)) return c.redirect(helpfulPage(c, refusal), 303);
  return refuse(c, toFailure(refusal), 401);
}

/** Browsers say `navigate`; where nothing is said, who asks for HTML is taken for a browser. */
function isPageLoad(c: AppContext): boolean {
  if (c.req.method !== "GET" && c.req.method !== "HEAD") return false;
  const mode = c.req.header("Sec-Fetch-Mode");
  return mode === undefined ? acceptsHtml(c) : mode === "navigate";
}

/** Does whoever asks want to look at the answer? */
export function acceptsHtml(c: AppContext): boolean {
  return c.req.header("Accept")?.includes("text/html") ?? false;
}

function helpfulPage(c: AppContext, refusal: Refusal): string {
  const { pathname, search } = new URL(c.req.url);
  return pageUrl(c, helpfulPages[refusal.reason], pathname + search, refusal.reason === "sign_in_again");
}

const helpfulPages = {
  not_signed_in: "/sign-in",
  sign_in_again: "/sign-in",
  enrolment_required: "/account/two-factor",
  second_factor_required: "/second-factor",
  step_up_required: "/second-factor",
} as const;

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

function toFailure(refusal: Refusal): AnyFailure {
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
