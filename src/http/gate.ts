import type { VisitorContext } from "../gate/authorize.ts";
import { type ForwardRequestResult, forwardIfAuthorized } from "../gate/forward-request.ts";
import type { UnreadableRequestPart } from "../gate/request-interpretations.ts";
import { isConstructibleStatus } from "../gate/visitor-response.ts";
import { formatRootCauseForLog, log } from "../log.ts";
import { findSessionCallerByTokenOnly, type SessionCaller } from "./caller.ts";
import type { AppContext } from "./context.ts";
import { sallyportCookieNames, setSessionCookie } from "./cookies.ts";
import { respondNotFound } from "./not-found.ts";
import { respondWithFailure } from "./problem/failure-response.tsx";
import {
  isPageLoad,
  methodAndUriOfCurrentRequest,
  redirectOrRefuseDeniedRequest,
  type TargetMethodAndUri,
} from "./sign-in-redirect.ts";

/** Forwards a request to the origin if it is authorized; otherwise returns a redirect or a refusal. */
export async function respondAtGate(c: AppContext, originUrl: string | null): Promise<Response> {
  c.set("errorFormat", "by_request");
  if (originUrl === null) return respondWithFailure(c, { ok: false, reason: "no_such_page" });
  const target = methodAndUriOfCurrentRequest(c);
  const caller = await findSessionCallerByTokenOnly(c);
  const outcome = await forwardIfAuthorized(c.get("deps"), originUrl, {
    ...visitorOfRequest(c, caller, target),
    request: c.req.raw,
    url: c.get("url")(),
    ownCookies: sallyportCookieNames,
    publicOrigin: c.get("publicOrigin"),
  });
  switch (outcome.kind) {
    case "forwarded":
      return respondFromOrigin(c, outcome, caller);
    case "denied":
      return redirectOrRefuseDeniedRequest(c, outcome.denial, target);
    case "cross_origin":
      return respondWithFailure(c, { ok: false, reason: "cross_origin" });
    case "unreadable":
      return respondWithFailure(c, {
        ok: false,
        reason: "malformed_request",
        detail: unreadableDetails[outcome.part],
      });
    case "own_path":
      return respondNotFound(c);
    case "length_required":
      return respondWithFailure(c, { ok: false, reason: "length_required" });
    case "unsendable":
      logForwardingFailure(c, "info", "request.unsendable", outcome);
      return respondWithFailure(c, { ok: false, reason: "malformed_request", detail: unsendableDetail });
    case "origin_unavailable":
      logForwardingFailure(c, "error", "origin.unavailable", outcome);
      return respondWithFailure(c, { ok: false, reason: "origin_unavailable" });
  }
}

const unsendableDetail = "The request can't be forwarded to the site: a part of it is invalid or missing.";

/** Logs the cause of a failed forwarding, and the address at the origin. `target` has no query, because a query can contain tokens (LG-03). */
function logForwardingFailure(
  c: AppContext,
  level: "info" | "error",
  event: string,
  { target, error }: { readonly target: string; readonly error: unknown },
): void {
  const { requestId } = c.var.client;
  log(level, event, { request_id: requestId, method: c.req.method, target, ...formatRootCauseForLog(error) });
}

const unreadableDetails: Record<UnreadableRequestPart, string> = {
  method: "The site does not take this method.",
  path: "The path can't be read.",
  host: "The host can't be read.",
  destination: "The header Destination can't be read, or names another host.",
  method_override: "The request names too many methods.",
};

/** Returns the facts about the visitor that access is decided by. */
export function visitorOfRequest(
  c: AppContext,
  caller: SessionCaller | null,
  target: TargetMethodAndUri,
): VisitorContext {
  const source = c.get("source");
  return {
    session: caller?.session ?? null,
    source,
    // The gate opens sessions only with an external first factor. Without one the value does not matter.
    keepsCookies: source !== null && isPageLoad(c, target),
    client: c.get("client"),
    now: c.get("now"),
  };
}

/** Returns the origin's response unchanged, or with the cookie of a renewed session. */
function respondFromOrigin(
  c: AppContext,
  { response, renewed }: Extract<ForwardRequestResult, { kind: "forwarded" }>,
  caller: SessionCaller | null,
): Response {
  c.set("headersSetBy", "origin");
  // Headers that are set before there is a response are lost when a handler returns one of its own.
  c.res = response;
  // No header can be added to a WebSocket's response, or to one with a status over 599: the next response renews the session.
  const canHaveCookie = response.webSocket === null && isConstructibleStatus(response.status);
  if (renewed !== null && caller?.carrier !== "bearer" && canHaveCookie) {
    setSessionCookie(c, renewed);
    forbidSharedCaching(c);
  }
  return c.res;
}

/**
 * Makes the response private: a shared cache that stored it would hand one visitor's session cookie to another
 * (INC-37). The origin's own `Cache-Control` stays, and the stricter directive wins (RFC 9111, section 4.2.1). Headers
 * that some caches put above `Cache-Control` go (RFC 9213).
 */
function forbidSharedCaching(c: AppContext): void {
  c.header("Cache-Control", "private", { append: true });
  for (const name of ["CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Surrogate-Control"])
    c.header(name, undefined);
}
