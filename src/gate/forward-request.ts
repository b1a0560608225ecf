import { parseRawPath } from "../core/parsing/raw-path.ts";
import type { Requirement } from "../core/policy/policy.ts";
import type { AssertedScope } from "../core/tokens/assertion.ts";
import type { AccessDenied, AccessGranted } from "../domain/access/access.ts";
import {
  isAccessStillGranted,
  type LongLivedAccess,
  mustRecheckAccess,
} from "../domain/access/long-lived-access.ts";
import type { Deps } from "../domain/deps.ts";
import type { IssuedSession } from "../domain/sessions/sessions.ts";
import { authorizeRequest, expireTokenAfterChange, type Unjudged, type Visitor } from "./authorize.ts";
import { isForeignHandshake } from "./handshake.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import { signIdentityAssertion } from "./sign-assertion.ts";
import { relay } from "./web-socket.ts";

/** A request for the origin, and who sends it. */
export interface GateInput extends Visitor {
  readonly request: Request;
  /** The request's address, resolved. */
  readonly url: URL;
  readonly ownCookies: readonly string[];
  /** The scheme and host that the visitor sees. */
  readonly publicOrigin: string;
}

export type GateResult =
  /** The origin's answer, and a renewed token for the visitor if there is one. */
  | { readonly kind: "forwarded"; readonly response: Response; readonly renewed: IssuedSession | null }
  | { readonly kind: "refused"; readonly refusal: AccessDenied }
  | Unjudged
  /** Another site opens a WebSocket with the visitor's session (WB-12). */
  | { readonly kind: "cross_origin" }
  | { readonly kind: "origin_unavailable"; readonly error: unknown };

/**
 * Judges a request by policy and session, and forwards it if it passes. Store and source are asked only when the
 * session's token has to be checked again, and one that fails is thrown on: the origin is not reached.
 *
 * @param originUrl scheme, host and port; `route`: the address that was asked for, behind the Worker's route
 */
export async function forwardIfAuthorized(
  deps: Deps,
  originUrl: string,
  gateRequest: GateInput,
): Promise<GateResult> {
  const { request, url } = gateRequest;
  const path = parseRawPath(request.url);
  const judged = await authorizeRequest(deps, {
    ...gateRequest,
    method: request.method,
    path,
    query: url.search,
    headers: request.headers,
    overridesForwarded: deps.config.methodOverride === "pass",
    hosts: [url.host],
  });
  if (judged.kind !== "judged") return judged;
  const { decision, judgement, mayChange } = judged;
  if (!judgement.allowed) return { kind: "refused", refusal: judgement };
  if (judgement.identity !== null && isForeignHandshake(request.headers, url.host))
    return { kind: "cross_origin" };
  const { requirement } = decision;
  const target = (originUrl === "route" ? url.origin : originUrl) + url.pathname + url.search;
  const headers = await originHeaders(deps, gateRequest, judgement, { ...decision, host: url.host });
  const { renewed } = await expireTokenAfterChange(deps, gateRequest, mayChange, judgement);
  try {
    const response = await forward(target, request, headers, isPersonal(requirement, judgement));
    const access = { requirement, passage: judgement, source: gateRequest.source };
    return { kind: "forwarded", response: withOwnHeaders(deps, response, gateRequest, access), renewed };
  } catch (error) {
    return { kind: "origin_unavailable", error };
  }
}

/** Only what everybody may see, and nobody was named for, is left to caches (WB-14). */
const isPersonal = ({ level }: Requirement, { identity }: AccessGranted) =>
  level !== "none" || identity !== null;

function forward(target: string, request: Request, headers: Headers, personal: boolean): Promise<Response> {
  const { method, body, signal } = request;
  const cache: RequestInit = personal ? { cache: "no-store" } : {};
  return fetch(target, { method, headers, body, signal, redirect: "manual", ...cache });
}

async function originHeaders(
  deps: Deps,
  gateRequest: GateInput,
  { identity }: AccessGranted,
  scope: AssertedScope,
): Promise<Headers> {
  const { request, client, publicOrigin, now } = gateRequest;
  const vouched = await signIdentityAssertion(deps, identity, publicOrigin, scope, now);
  const { firstFactor, methodOverride } = deps.config;
  const overridesForwarded = methodOverride === "pass";
  const facts = { ...gateRequest, vouched, address: client.address, firstFactor, overridesForwarded };
  return requestHeaders(request.headers, facts);
}

function withOwnHeaders(
  deps: Deps,
  response: Response,
  { ownCookies }: GateInput,
  access: LongLivedAccess,
): Response {
  const { status, statusText, webSocket } = response;
  const headers = responseHeaders(response.headers, ownCookies);
  if (webSocket === null) {
    return headers === null ? response : new Response(response.body, { status, statusText, headers });
  }
  const lives = () => isAccessStillGranted(deps, access, new Date());
  const guarded = mustRecheckAccess(access) ? relay(webSocket, lives, watchSeconds(deps)) : webSocket;
  return new Response(null, { status, statusText, headers: headers ?? response.headers, webSocket: guarded });
}

/** As often as a session is checked, but not so often that sockets keep the store busy. */
const watchSeconds = ({ config }: Deps) => Math.max(config.sessionRecheckSeconds, 30);
