import type { AccessDenied } from "../domain/access/access.ts";
import type { AppContext } from "./context.ts";
import { respondWithFailure } from "./problem/failure-response.tsx";
import type { AnyFailure } from "./problem/http-failure.ts";

/** The request that access is decided for: the client's own, or the one that a proxy asks about. */
export interface TargetMethodAndUri {
  readonly method: string;
  /** Path and query. The visitor returns there after sign-in. */
  readonly uri: string;
}

/** Returns the client's own request. */
export function methodAndUriOfCurrentRequest(c: AppContext): TargetMethodAndUri {
  const { pathname, search } = c.get("url")();
  return { method: c.req.method, uri: pathname + search };
}

/**
 * Returns the response to a request that was denied, for whatever reason. A page load gets a 303 to the page on which the
 * visitor can continue: sign-in, second factor or set-up. Any other request gets a 401 that names this page in `sign_in`; so
 * does a form, because a redirect would lose its fields. A disabled account gets a 403: no page can help.
 */
export function redirectOrRefuseDeniedRequest(
  c: AppContext,
  denial: AccessDenied,
  target: TargetMethodAndUri,
): Response {
  if (denial.reason === "account_disabled")
    return respondWithFailure(c, { ok: false, reason: "account_disabled" });
  if (isPageLoad(c, target)) return c.redirect(pagePathForDenial(c, denial, target.uri), 303);
  // After a form, the visitor returns to the page with the form.
  const back = isSafe(target) ? target.uri : refererPath(c);
  const page = pagePathForDenial(c, denial, back);
  return respondWithFailure(c, toFailure(denial), { status: 401, signIn: page, formLost: !isSafe(target) });
}

const isSafe = ({ method }: TargetMethodAndUri) => method === "GET" || method === "HEAD";

/**
 * True for a GET or HEAD of a browser that loads a page: `Sec-Fetch-Mode` is `navigate`, or is absent and `Accept` contains
 * `text/html`.
 */
export function isPageLoad(c: AppContext, target: TargetMethodAndUri): boolean {
  if (!isSafe(target)) return false;
  const mode = c.req.header("Sec-Fetch-Mode");
  return mode === undefined ? acceptsHtml(c) : mode === "navigate";
}

/** True when `Accept` contains `text/html`. */
export function acceptsHtml(c: AppContext): boolean {
  return c.req.header("Accept")?.includes("text/html") ?? false;
}

function refererPath(c: AppContext): string {
  const referer = URL.parse(c.req.header("Referer") ?? "");
  return referer !== null && referer.host === new URL(c.req.url).host
    ? referer.pathname + referer.search
    : "/";
}

type RemediableDenial = Exclude<AccessDenied, { reason: "account_disabled" }>;

/** Returns path and query of the page of Sallyport on which the visitor can get the access that was denied. */
export function pagePathForDenial(c: AppContext, denial: RemediableDenial, returnPath: string): string {
  return ownPagePath(c, nextPages[denial.reason], returnPath, { again: denial.reason === "sign_in_again" });
}

const nextPages: Record<RemediableDenial["reason"], string> = {
  not_signed_in: "/sign-in",
  sign_in_again: "/sign-in",
  enrolment_required: "/account/two-factor",
  second_factor_required: "/second-factor",
  step_up_required: "/second-factor",
};

/**
 * Returns path and query of one of Sallyport's own pages.
 *
 * @param page the path below `BASE_PATH`, such as `/sign-in`
 * @param returnPath the path that the page sends the visitor to at its end
 * @param options `again`: the visitor must sign in, even with a valid session
 */
export function ownPagePath(
  c: AppContext,
  page: string,
  returnPath = "/",
  { again = false }: { readonly again?: boolean } = {},
): string {
  const query = new URLSearchParams();
  if (returnPath !== "/") query.set("rd", returnPath);
  if (again) query.set("again", "1");
  const search = query.size === 0 ? "" : `?${query}`;
  return c.var.config.basePath + page + search;
}

function toFailure(denial: RemediableDenial): AnyFailure {
  switch (denial.reason) {
    case "not_signed_in":
      return { ok: false, reason: "unauthenticated" };
    case "sign_in_again":
      return { ok: false, reason: "session_over" };
    case "enrolment_required":
    case "second_factor_required":
      return { ok: false, reason: "second_factor_required" };
    case "step_up_required":
      return { ok: false, reason: "step_up_required", maxAgeSeconds: denial.maxAgeSeconds };
  }
}
