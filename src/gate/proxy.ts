import type { Requirement } from "../core/policy.ts";
import type { Passage, Refusal } from "../domain/access.ts";
import type { Deps } from "../domain/deps.ts";
import { type FullSession, type IssuedSession, isSessionAlive } from "../domain/sessions.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import { distrustAfterChange, judgePassenger, type Passenger, type UnreadablePart } from "./judge.ts";
import type { AskedRequest } from "./request-meanings.ts";
import { vouchFor } from "./vouch.ts";
import { relay } from "./web-socket.ts";

/** A request for the origin, and who sends it. */
export interface GateRequest extends Omit<Passenger, keyof AskedRequest> {
  readonly request: Request;
  /** The request's address, resolved. */
  readonly url: URL;
  /** The session's token came in `Authorization`. */
  readonly ownAuthorization: boolean;
  readonly ownCookies: readonly string[];
  /** The scheme and host that the visitor sees. */
  readonly publicOrigin: string;
}

export type GateOutcome =
  /** The origin's answer, and a renewed token for the visitor if there is one. */
  | { readonly kind: "forwarded"; readonly response: Response; readonly renewed: IssuedSession | null }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** The request can't be judged, so it is not forwarded. */
  | { readonly kind: "unreadable"; readonly part: UnreadablePart }
  /** Another site opens a WebSocket with the visitor's session (STANDARDS WB-12). */
  | { readonly kind: "cross_origin" }
  | { readonly kind: "origin_unavailable"; readonly error: unknown };

/**
 * Judges a request by policy and session, and forwards it if it passes. Store and source are asked only when the
 * session's token has to be checked again, and one that fails is thrown on: the origin is not reached.
 *
 * @param originUrl scheme, host and port; `route`: the address that was asked for, behind the Worker's route
 */
export async function passGate(
  deps: Deps,
  originUrl: string,
  gateRequest: GateRequest,
): Promise<GateOutcome> {
  const { request, url } = gateRequest;
  const overridesForwarded = deps.config.methodOverride === "pass";
  const judged = await judgePassenger(deps, {
    ...gateRequest,
    method: request.method,
    path: url.pathname,
    query: url.search,
    headers: request.headers,
    overridesForwarded,
    hosts: [url.host],
  });
  if (typeof judged === "string") return { kind: "unreadable", part: judged };
  const { requirement, judgement, changes } = judged;
  if (!judgement.allowed) return { kind: "refused", refusal: judgement };
  if (judgement.identity !== null && isForeignHandshake(request, url)) return { kind: "cross_origin" };
  const target = originUrl === "route" ? request.url : originUrl + url.pathname + url.search;
  const headers = await originHeaders(deps, gateRequest, judgement);
  const { renewed } = await distrustAfterChange(deps, gateRequest, changes, judgement);
  try {
    const response = await forward(target, request, headers, isPersonal(requirement, judgement));
    return {
      kind: "forwarded",
      response: withOwnHeaders(deps, response, gateRequest, requirement),
      renewed,
    };
  } catch (error) {
    return { kind: "origin_unavailable", error };
  }
}

/** CORS does not hold for WebSockets: any page may open one, with the cookies that a same-site page has. */
function isForeignHandshake({ headers }: Request, url: URL): boolean {
  const origin = headers.get("Origin");
  if (origin === null || headers.get("Upgrade")?.toLowerCase() !== "websocket") return false;
  return URL.parse(origin)?.host !== url.host;
}

/** Only what everybody may see, and nobody was named for, is left to caches (STANDARDS WB-14). */
const isPersonal = ({ level }: Requirement, { identity }: Passage) => level !== "none" || identity !== null;

function forward(target: string, request: Request, headers: Headers, personal: boolean): Promise<Response> {
  const { method, body, signal } = request;
  const cache: RequestInit = personal ? { cache: "no-store" } : {};
  return fetch(target, { method, headers, body, signal, redirect: "manual", ...cache });
}

async function originHeaders(deps: Deps, gateRequest: GateRequest, { identity }: Passage): Promise<Headers> {
  const { request, client, publicOrigin, now } = gateRequest;
  const vouched = await vouchFor(deps, identity, publicOrigin, now);
  const { firstFactor, methodOverride } = deps.config;
  const overridesForwarded = methodOverride === "pass";
  const proxysOwn = firstFactor.kind === "proxy" ? [firstFactor.userHeader, firstFactor.emailHeader] : [];
  const facts = { ...gateRequest, vouched, address: client.address, proxysOwn, overridesForwarded };
  return requestHeaders(request.headers, facts);
}

function withOwnHeaders(
  deps: Deps,
  response: Response,
  { ownCookies, session, source }: GateRequest,
  { level }: Requirement,
): Response {
  const { status, statusText, webSocket } = response;
  const headers = responseHeaders(response.headers, ownCookies);
  if (webSocket === null) {
    return headers === null ? response : new Response(response.body, { status, statusText, headers });
  }
  const guarded =
    session === null || level === "none"
      ? webSocket
      : relay(webSocket, () => isStillThere(deps, session, source), watchSeconds(deps));
  return new Response(null, { status, statusText, headers: headers ?? response.headers, webSocket: guarded });
}

/** As often as a session is checked, but not so often that sockets keep the store busy. */
const watchSeconds = ({ config }: Deps) => Math.max(config.sessionRecheckSeconds, 30);

async function isStillThere(
  deps: Deps,
  session: FullSession,
  source: GateRequest["source"],
): Promise<boolean> {
  const identity = source === null ? null : await source.identifyAgain();
  if (source !== null && identity?.username !== session.username) return false;
  return isSessionAlive(deps, session, new Date());
}
