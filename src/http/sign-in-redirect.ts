import { maxReturnPathCharacters } from "../core/parsing/return-path.ts";
import type { AccessDenied } from "../domain/access/access.ts";
import type { AppContext } from "./context.ts";
import { isPageNavigation } from "./page-navigation.ts";
import { respondWithFailure } from "./problem/failure-response.tsx";
import type { AnyFailure } from "./problem/http-failure.ts";
import { handOverPath } from "./request-source.ts";

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
  const page = pagePathForDenial(c, denial, target);
  if (isPageLoad(c, target)) return c.redirect(page, 303);
  const handOver = c.var.source?.mayHandOver === true && nextPages[denial.reason] !== "/sign-in";
  return respondWithFailure(c, toFailure(denial), {
    status: 401,
    signIn: page,
    handOver: handOver ? c.var.config.basePath + handOverPath : null,
    formLost: !isSafe(target),
  });
}

const isSafe = ({ method }: TargetMethodAndUri) => method === "GET" || method === "HEAD";

/** True for a GET or HEAD of a client that shows the response as a page. */
export function isPageLoad(c: AppContext, target: TargetMethodAndUri): boolean {
  return isSafe(target) && isPageNavigation(c);
}

/**
 * Returns the path to which the visitor returns after sign-in. For a page load it is the requested page. For a form or a script's request
 * it is the page in `Referer`, because the requested address is no page. Without a usable `Referer` it is the requested address for a GET
 * or HEAD, which may come from a program, and `/` for other methods.
 */
function returnPathOf(c: AppContext, target: TargetMethodAndUri): string {
  return isPageLoad(c, target) ? target.uri : (refererPath(c) ?? (isSafe(target) ? target.uri : "/"));
}

/**
 * Returns the path and query of a `Referer` on this host. A proxy sends the visitor's host in `X-Forwarded-Host`. The header need not be
 * trusted here: a page of another site can't set it, and the result is always a path on this host.
 */
function refererPath(c: AppContext): string | null {
  const referer = URL.parse(c.req.header("Referer") ?? "");
  const isOwnHost =
    referer !== null && [c.var.url().host, c.req.header("X-Forwarded-Host")].includes(referer.host);
  return isOwnHost ? referer.pathname + referer.search : null;
}

type RemediableDenial = Exclude<AccessDenied, { reason: "account_disabled" }>;

/** Returns path and query of the page of Sallyport on which the visitor can get the access that was denied. */
export function pagePathForDenial(
  c: AppContext,
  denial: RemediableDenial,
  target: TargetMethodAndUri,
): string {
  return ownPagePath(c, nextPages[denial.reason], returnPathOf(c, target), {
    again: denial.reason === "sign_in_again",
  });
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
  // The page would reject a longer `rd`, and a very long `Location` exceeds the header limits of some proxies.
  if (returnPath !== "/" && returnPath.length <= maxReturnPathCharacters) query.set("rd", returnPath);
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
