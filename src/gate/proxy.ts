import { signAssertion } from "../core/assertion.ts";
import { judgePath } from "../core/policy.ts";
import { judgeAccess, type Passage, type Refusal } from "../domain/access.ts";
import type { Deps } from "../domain/deps.ts";
import type { FullSession, IssuedSession } from "../domain/sessions.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";

/** A request for the origin, and who sends it. */
export interface GateRequest {
  readonly request: Request;
  /** As its token says. */
  readonly session: FullSession | null;
  /** The session's token came in `Authorization`. */
  readonly ownAuthorization: boolean;
  /** From the platform, not from a header that a client can set. */
  readonly address: string | null;
  readonly ownCookies: readonly string[];
  readonly now: Date;
}

export type GateOutcome =
  /** The origin's answer, and a renewed token for the visitor if there is one. */
  | { readonly kind: "forwarded"; readonly response: Response; readonly renewed: IssuedSession | null }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** The path can't be judged, so it is not forwarded. */
  | { readonly kind: "unreadable_path" }
  /** Another site opens a WebSocket with the visitor's session (STANDARDS WB-12). */
  | { readonly kind: "cross_origin" }
  | { readonly kind: "origin_unavailable"; readonly error: unknown };

/**
 * Judges a request by policy and session, and forwards it if it passes. The store is asked only when the
 * session's token has to be checked again, and a store that fails is thrown on: the origin is not reached.
 */
export async function passGate(
  deps: Deps,
  originUrl: string,
  gateRequest: GateRequest,
): Promise<GateOutcome> {
  const { request, session, now } = gateRequest;
  const url = new URL(request.url);
  const requirement = judgePath(deps.config.policy, request.method, url.pathname);
  if (requirement === null) return { kind: "unreadable_path" };
  const access = await judgeAccess(deps, requirement, session, now);
  if (!access.allowed) return { kind: "refused", refusal: access };
  if (access.identity !== null && isForeignHandshake(request, url)) return { kind: "cross_origin" };

  const forwarded = new Request(originUrl + url.pathname + url.search, request);
  const headers = await originHeaders(deps, originUrl, gateRequest, access, url);
  try {
    const response = await fetch(forwarded, {
      headers,
      redirect: "manual",
      // What one visitor may see is not kept for the next one (STANDARDS WB-14).
      ...(requirement.level === "none" && access.identity === null ? {} : { cache: "no-store" }),
    });
    return { kind: "forwarded", response: withOwnHeaders(response, gateRequest), renewed: access.renewed };
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

async function originHeaders(
  deps: Deps,
  originUrl: string,
  { request, ownAuthorization, address, ownCookies, now }: GateRequest,
  { identity }: Passage,
  url: URL,
): Promise<Headers> {
  const { keyring, basePath } = deps.config;
  const issuer = url.origin + basePath;
  const vouched =
    identity === null
      ? null
      : { identity, assertion: await signAssertion(keyring, { issuer, audience: originUrl, identity, now }) };
  return requestHeaders(request.headers, { vouched, address, url, ownCookies, ownAuthorization });
}

/** A WebSocket's handshake has no body to stream, and only the response that came with it has the socket. */
function withOwnHeaders(response: Response, { ownCookies }: GateRequest): Response {
  const headers = responseHeaders(response.headers, ownCookies);
  const { status, statusText, webSocket } = response;
  if (webSocket !== null) return new Response(null, { status, statusText, headers, webSocket });
  return new Response(response.body, { status, statusText, headers });
}
