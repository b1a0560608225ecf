import { createMiddleware } from "hono/factory";
import { BoundedMap } from "../core/lib/bounded-map.ts";
import type { AccessDenied } from "../domain/access/access.ts";
import { authorizeForwardAuth, readOriginalMethodAndUri } from "../gate/authorize-proxied.ts";
import type { SignedIdentity } from "../gate/headers.ts";
import { findMisspelledHeader } from "../gate/misspelled-headers.ts";
import { findSessionCallerByTokenOnly } from "./caller.ts";
import type { AppContext, AppEnv } from "./context.ts";
import { setSessionCookie } from "./cookies.ts";
import { visitorOfRequest } from "./gate.ts";
import { createEmptyResponseWithSecurityHeaders } from "./middleware/own-headers.ts";
import { respondNotFound } from "./not-found.ts";
import { respondToError, respondWithFailure } from "./problem/failure-response.tsx";
import {
  pagePathForDenial,
  redirectOrRefuseDeniedRequest,
  type TargetMethodAndUri,
} from "./sign-in-redirect.ts";

/**
 * Responds 404 to a request without `PROXY_KEY`. Needed where the Worker is a gate: otherwise a visitor could call the
 * forward-auth endpoints with any path, and would get an assertion for it (INC-28).
 */
export const respondNotFoundWithoutProxyKey = createMiddleware<AppEnv>(async (c, next) =>
  c.get("trusted") ? next() : respondNotFound(c),
);

/** `/forward-auth`, for Caddy and Traefik: the proxy passes a redirect or refusal on to the visitor unchanged. */
export function respondToForwardAuth(c: AppContext): Promise<Response> {
  return respondToProxy(
    c,
    (denial, target) => redirectOrRefuseDeniedRequest(c, denial, target),
    () => respondNotFound(c),
  );
}

/** `/auth-request`, for nginx and HAProxy: they accept only 200, 401 and 403, and redirect to `Location` themselves. */
export async function respondToAuthRequest(c: AppContext): Promise<Response> {
  try {
    return await respondToProxy(
      c,
      (denial, target) => {
        if (denial.reason === "account_disabled")
          return respondWithFailure(c, { ok: false, reason: "account_disabled" });
        c.header("Location", pagePathForDenial(c, denial, target));
        return c.body(null, 401);
      },
      () => respondWithFailure(c, { ok: false, reason: "unreadable_original" }),
    );
  } catch (error) {
    const refused = respondToError(error as Error, c);
    return new Response(refused.body, { status: 403, headers: refused.headers });
  }
}

/** Decides access for the request that a proxy asks about, and returns the response in the form that the proxy expects. */
async function respondToProxy(
  c: AppContext,
  respondDenied: (denial: AccessDenied, target: TargetMethodAndUri) => Response,
  respondOwnPath: () => Response,
): Promise<Response> {
  const original = readOriginalMethodAndUri(c.req.raw.headers);
  if (original === null) return respondWithFailure(c, { ok: false, reason: "unreadable_original" });
  const misspelled = findMisspelledHeader(c.req.raw.headers, c.var.config);
  if (misspelled !== null)
    return respondWithFailure(c, { ok: false, reason: "misspelled_header", name: misspelled });
  c.set("errorFormat", "by_request");
  const caller = await findSessionCallerByTokenOnly(c);
  const outcome = await authorizeForwardAuth(c.get("deps"), {
    ...visitorOfRequest(c, caller, original),
    original,
    headers: c.req.raw.headers,
    publicOrigin: c.get("publicOrigin"),
    trusted: c.get("trusted"),
  });
  switch (outcome.kind) {
    case "unreadable":
      return respondWithFailure(c, { ok: false, reason: "unreadable_original" });
    case "own_path":
      return respondOwnPath();
    case "cross_origin":
      return respondWithFailure(c, { ok: false, reason: "cross_origin" });
    case "denied":
      return respondDenied(outcome.denial, original);
    case "allowed":
      c.set("headersSetBy", "forward_auth");
      c.res = respondAllowed(outcome.signedIdentity);
      if (outcome.granted.renewed !== null && caller?.carrier !== "bearer")
        setSessionCookie(c, outcome.granted.renewed);
      return c.res;
  }
}

/**
 * Responses to proxies by their assertion, which has every claim of the other headers. To copy a `Response` costs a quarter of
 * setting its headers.
 */
const responses = new BoundedMap<string, Response>(1000);

/** Sets all three headers, empty if need be: for an absent one, some proxies would forward the client's own. */
function respondAllowed(signedIdentity: SignedIdentity | null): Response {
  const cached = signedIdentity === null ? undefined : responses.get(signedIdentity.assertion);
  if (cached !== undefined) return new Response(null, cached);
  const response = createEmptyResponseWithSecurityHeaders();
  response.headers.set("Remote-User", signedIdentity?.identity.username ?? "");
  response.headers.set("Remote-Email", signedIdentity?.identity.email ?? "");
  response.headers.set("X-Sallyport-Assertion", signedIdentity?.assertion ?? "");
  if (signedIdentity !== null) responses.set(signedIdentity.assertion, new Response(null, response));
  return response;
}
