import { createMiddleware } from "hono/factory";
import { BoundedMap } from "../core/lib/bounded-map.ts";
import type { AccessDenied } from "../domain/access/access.ts";
import { authorizeForwardAuth, readOriginalRequest } from "../gate/authorize-proxied.ts";
import type { SignedIdentity } from "../gate/headers.ts";
import { findMisspelledHeader } from "../gate/misspelled-headers.ts";
import { findVisitor } from "./caller.ts";
import type { AppContext, AppEnv } from "./context.ts";
import { setSessionCookie } from "./cookies.ts";
import { accessRequestOf } from "./gate.ts";
import { emptyResponse } from "./middleware/own-headers.ts";
import { respondNotFound } from "./not-found.ts";
import { respondToError, respondWithFailure } from "./problem/failure-response.tsx";
import { acceptsHtml, helpfulPage, redirectOrUnauthorized, type Wanted } from "./sign-in-redirect.ts";

/**
 * Behind the gate, the questions of proxies are for proxies that show `PROXY_KEY`. A visitor could ask about any path, and
 * would be given an assertion for it (INC-28).
 */
export const proxiesOnly = createMiddleware<AppEnv>(async (c, next) =>
  c.get("trusted") ? next() : respondNotFound(c),
);

/** `/forward-auth` for Caddy and Traefik, which hand a refusal on to the visitor as it is. */
export function respondToForwardAuth(c: AppContext): Promise<Response> {
  return judgeForProxy(
    c,
    (refusal, wanted) => redirectOrUnauthorized(c, refusal, wanted),
    () => respondNotFound(c),
  );
}

/** `/auth-request` for nginx and HAProxy, which know 200, 401 and 403 only, and make their redirect themselves. */
export async function respondToAuthRequest(c: AppContext): Promise<Response> {
  try {
    return await judgeForProxy(
      c,
      (refusal, wanted) => {
        if (refusal.reason === "account_disabled")
          return respondWithFailure(c, { ok: false, reason: "account_disabled" });
        c.header("Location", helpfulPage(c, refusal, wanted.uri));
        return c.body(null, 401);
      },
      () => respondWithFailure(c, { ok: false, reason: "unreadable_original" }),
    );
  } catch (error) {
    const refused = respondToError(error as Error, c);
    return new Response(refused.body, { status: 403, headers: refused.headers });
  }
}

async function judgeForProxy(
  c: AppContext,
  answer: (refusal: AccessDenied, wanted: Wanted) => Response,
  respondOwnPath: () => Response,
): Promise<Response> {
  const original = readOriginalRequest(c.req.raw.headers);
  if (original === null) return respondWithFailure(c, { ok: false, reason: "unreadable_original" });
  const misspelled = findMisspelledHeader(c.req.raw.headers);
  if (misspelled !== null)
    return respondWithFailure(c, { ok: false, reason: "misspelled_header", name: misspelled });
  if (acceptsHtml(c)) c.set("errorFormat", "page");
  const caller = await findVisitor(c);
  const passenger = accessRequestOf(c, caller, original);
  const outcome = await authorizeForwardAuth(c.get("deps"), {
    ...passenger,
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
      return answer(outcome.denial, original);
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
  const response = emptyResponse();
  response.headers.set("Remote-User", signedIdentity?.identity.username ?? "");
  response.headers.set("Remote-Email", signedIdentity?.identity.email ?? "");
  response.headers.set("X-Sallyport-Assertion", signedIdentity?.assertion ?? "");
  if (signedIdentity !== null) responses.set(signedIdentity.assertion, new Response(null, response));
  return response;
}
