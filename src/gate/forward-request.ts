import { rawPathOf } from "../core/parsing/raw-path.ts";
import type { AssertedScope } from "../core/tokens/assertion.ts";
import type { AccessDenied, AccessGranted } from "../domain/access/access.ts";
import {
  accessCheckTimes,
  type ConnectionUse,
  isAccessStillGranted,
  type LastingAccess,
  needsPeriodicRecheck,
} from "../domain/access/long-lived-access.ts";
import type { Deps } from "../domain/deps.ts";
import type { IssuedSession } from "../domain/sessions/sessions.ts";
import { watchAccess } from "./access-watch.ts";
import {
  authorizeRequest,
  forceSessionRecheckAfterChange,
  type RejectedRequest,
  type VisitorContext,
} from "./authorize.ts";
import { isWebSocketHandshakeWithOtherOrigin } from "./handshake.ts";
import { copyResponseHeaders, createOriginHeaders } from "./headers.ts";
import { exchangeWithOrigin } from "./origin-exchange.ts";
import { signIdentityAssertion } from "./sign-assertion.ts";
import type { SiteAddresses } from "./site-addresses.ts";
import { toVisitorResponse } from "./visitor-response.ts";

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
  | { readonly kind: "length_required" }
  /** `target`: the address at the origin, without the query. */
  | { readonly kind: "unsendable" | "origin_unavailable"; readonly target: string; readonly error: unknown };

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
  const headers = await createForwardedHeaders(deps, input, access, { ...decision, host: url.host });
  const { renewed } = await forceSessionRecheckAfterChange(deps, input, mayChange, access);
  const { requirement } = decision;
  const { checkedAt = null } = access.renewed?.session ?? input.session ?? {};
  const lasting = { requirement, granted: access, source: input.source, checkedAt };
  const forwarded = await forward(deps, originUrl, input, headers, lasting);
  return forwarded.kind === "forwarded" ? { ...forwarded, renewed } : forwarded;
}

/** The outcome of a request that was sent to the origin. */
type SentRequestResult =
  | { readonly kind: "forwarded"; readonly response: Response }
  | Exclude<ForwardRequestResult, { kind: "forwarded" }>;

/** Sends the request to the origin. Its response, and a WebSocket that it opens, end when the access ends (INC-32, INC-38). */
async function forward(
  deps: Deps,
  originUrl: string,
  { request, url, ownCookies, publicOrigin, now }: ForwardRequestInput,
  headers: Headers,
  lasting: LastingAccess,
): Promise<SentRequestResult> {
  const target = (originUrl === "route" ? url.origin : originUrl) + url.pathname;
  const isStillGranted = (use: ConnectionUse | null) => isAccessStillGranted(deps, lasting, use, new Date());
  const watch = needsPeriodicRecheck(lasting)
    ? watchAccess(isStillGranted, accessCheckTimes(deps, lasting, now))
    : null;
  // Not `url.search`, which is empty for `/page?`: the origin must get the `?`.
  const query = url.href.slice(url.origin.length + url.pathname.length);
  const result = await exchangeWithOrigin({ target: target + query, request, headers, watch });
  if (result.kind === "response") {
    const { response } = result;
    const changed = copyResponseHeaders(response.headers, ownCookies, siteAddresses(deps, publicOrigin));
    try {
      return { kind: "forwarded", response: toVisitorResponse(response, changed, watch) };
    } catch (error) {
      watch?.stop();
      return { kind: "origin_unavailable", target, error };
    }
  }
  watch?.stop();
  if (result.kind === "access_ended")
    return { kind: "denied", denial: { allowed: false, reason: "not_signed_in" } };
  return result.kind === "length_required" ? result : { ...result, target };
}

async function createForwardedHeaders(
  deps: Deps,
  input: ForwardRequestInput,
  { identity }: AccessGranted,
  scope: AssertedScope,
): Promise<Headers> {
  const { request, client, publicOrigin, now } = input;
  const signedIdentity = await signIdentityAssertion(deps, identity, publicOrigin, scope, now);
  const site = siteAddresses(deps, publicOrigin);
  const headersInput = { ...input, signedIdentity, address: client.address, site, config: deps.config };
  return createOriginHeaders(request.headers, headersInput);
}

/** Returns the addresses to translate in headers, or null with `ORIGIN_HOST=forward`. */
const siteAddresses = (
  { config: { originHost, originUrl } }: Pick<Deps, "config">,
  visitorOrigin: string,
): SiteAddresses | null =>
  originHost === "origin" && originUrl !== null ? { visitorOrigin, originUrl } : null;
