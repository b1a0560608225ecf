import { rawPathOf } from "../core/parsing/raw-path.ts";
import type { FactorRequirement } from "../core/policy/policy.ts";
import type { AssertedScope } from "../core/tokens/assertion.ts";
import type { AccessDenied, AccessGranted } from "../domain/access/access.ts";
import {
  isAccessStillGranted,
  needsPeriodicRecheck,
  type WebSocketAccess,
} from "../domain/access/long-lived-access.ts";
import type { Deps } from "../domain/deps.ts";
import type { IssuedSession } from "../domain/sessions/sessions.ts";
import {
  authorizeRequest,
  forceSessionRecheckAfterChange,
  type RejectedRequest,
  type VisitorContext,
} from "./authorize.ts";
import { isWebSocketHandshakeWithOtherOrigin } from "./handshake.ts";
import { copyWithoutOwnSetCookieHeaders, createOriginHeaders } from "./headers.ts";
import { signIdentityAssertion } from "./sign-assertion.ts";
import { relayWebSocket } from "./web-socket.ts";

/** A request for the origin, and its visitor. */
export interface ForwardRequestInput extends VisitorContext {
  readonly request: Request;
  /** The request's URL, parsed: dot segments are resolved. */
  readonly url: URL;
  /** Names of the Worker's own cookies. */
  readonly ownCookies: readonly string[];
  /** The scheme and host that the visitor sees. */
  readonly publicOrigin: string;
}

/** The outcome of a request at the gate. */
export type ForwardRequestResult =
  /** The origin's response, and the visitor's renewed session, or null. */
  | { readonly kind: "forwarded"; readonly response: Response; readonly renewed: IssuedSession | null }
  | { readonly kind: "denied"; readonly denial: AccessDenied }
  | RejectedRequest
  /** A page of another site opens a WebSocket with the visitor's session (WB-12). */
  | { readonly kind: "cross_origin" }
  | { readonly kind: "origin_unavailable"; readonly error: unknown };

/**
 * Checks a request against the policy, and forwards it to the origin if access is granted. D1 and the first factor's source
 * are queried only when the session's token has to be rechecked.
 *
 * @param originUrl scheme, host and port; `route`: the request's own URL, because the Worker is a route of the origin's zone
 * @throws StoreUnavailableError, FirstFactorUnavailableError, AmbiguousCredentialsError: the request is not forwarded
 */
export async function forwardIfAuthorized(
  deps: Deps,
  originUrl: string,
  input: ForwardRequestInput,
): Promise<ForwardRequestResult> {
  const { request, url } = input;
  const path = rawPathOf(request.url);
  const result = await authorizeRequest(deps, {
    ...input,
    method: request.method,
    path,
    query: url.search,
    headers: request.headers,
    overridesForwarded: deps.config.methodOverride === "pass",
    hosts: [url.host],
  });
  if (result.kind !== "evaluated") return result;
  const { decision, access, mayChange } = result;
  if (!access.allowed) return { kind: "denied", denial: access };
  if (access.identity !== null && isWebSocketHandshakeWithOtherOrigin(request.headers, url.host))
    return { kind: "cross_origin" };
  const { requirement } = decision;
  const target = (originUrl === "route" ? url.origin : originUrl) + url.pathname + url.search;
  const headers = await createForwardedHeaders(deps, input, access, { ...decision, host: url.host });
  const { renewed } = await forceSessionRecheckAfterChange(deps, input, mayChange, access);
  try {
    const response = await forward(target, request, headers, isPersonal(requirement, access));
    const lasting = { requirement, granted: access, source: input.source };
    return { kind: "forwarded", response: toVisitorResponse(deps, response, input, lasting), renewed };
  } catch (error) {
    return { kind: "origin_unavailable", error };
  }
}

/** False for an anonymous request to a public path: only its response may come from a cache (WB-14). */
const isPersonal = ({ level }: FactorRequirement, { identity }: AccessGranted) =>
  level !== "none" || identity !== null;

function forward(target: string, request: Request, headers: Headers, personal: boolean): Promise<Response> {
  const { method, body, signal } = request;
  const cache: RequestInit = personal ? { cache: "no-store" } : {};
  return fetch(target, { method, headers, body, signal, redirect: "manual", ...cache });
}

async function createForwardedHeaders(
  deps: Deps,
  input: ForwardRequestInput,
  { identity }: AccessGranted,
  scope: AssertedScope,
): Promise<Headers> {
  const { request, client, publicOrigin, now } = input;
  const signedIdentity = await signIdentityAssertion(deps, identity, publicOrigin, scope, now);
  const { firstFactor, methodOverride } = deps.config;
  const overridesForwarded = methodOverride === "pass";
  const headersInput = { ...input, signedIdentity, address: client.address, firstFactor, overridesForwarded };
  return createOriginHeaders(request.headers, headersInput);
}

/** Removes cookies that would replace the Worker's, and ends a WebSocket when its access ends. */
function toVisitorResponse(
  deps: Deps,
  response: Response,
  { ownCookies }: ForwardRequestInput,
  lasting: WebSocketAccess,
): Response {
  const { status, statusText, webSocket } = response;
  const headers = copyWithoutOwnSetCookieHeaders(response.headers, ownCookies);
  if (webSocket === null) {
    return headers === null ? response : new Response(response.body, { status, statusText, headers });
  }
  const isStillGranted = () => isAccessStillGranted(deps, lasting, new Date());
  const guarded = needsPeriodicRecheck(lasting)
    ? relayWebSocket(webSocket, isStillGranted, recheckSeconds(deps))
    : webSocket;
  return new Response(null, { status, statusText, headers: headers ?? response.headers, webSocket: guarded });
}

/** `SESSION_RECHECK`, but at least 30 seconds: every check of an open WebSocket is a query to D1. */
const recheckSeconds = ({ config }: Deps) => Math.max(config.sessionRecheckSeconds, 30);
