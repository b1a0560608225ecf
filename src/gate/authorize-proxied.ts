import { hasReplacementCharacter } from "../core/parsing/undecodable.ts";
import type { AccessDenied, AccessGranted } from "../domain/access/access.ts";
import type { Deps } from "../domain/deps.ts";
import {
  authorizeRequest,
  forceSessionRecheckAfterChange,
  type RejectedRequest,
  type VisitorContext,
} from "./authorize.ts";
import { isWebSocketHandshakeWithOtherOrigin } from "./handshake.ts";
import type { SignedIdentity } from "./headers.ts";
import { isForwardableMethod } from "./request-interpretations.ts";
import { signIdentityAssertion } from "./sign-assertion.ts";

/** The visitor's request, about which a proxy asks in a forward-auth request. */
export interface OriginalMethodAndUri {
  readonly method: string;
  /** The path as the proxy received it, without the query. */
  readonly path: string;
  /** Path and query, for the way back after a sign-in. */
  readonly uri: string;
}

/**
 * Reads the original request from the headers of a forward-auth request: `X-Forwarded-Method` and `X-Forwarded-Uri` (Caddy,
 * Traefik), or `X-Original-Method` and `X-Original-URL`, with a path or a whole URL. Null when the headers are absent or
 * invalid: access is then denied (INC-01).
 *
 * A proxy sets one pair, and the client may have sent the other. The Worker cannot tell them apart, so two pairs that
 * contradict each other are invalid too (INC-04).
 */
export function readOriginalMethodAndUri(headers: Headers): OriginalMethodAndUri | null {
  const forwarded = readPair(headers, "X-Forwarded-Method", "X-Forwarded-Uri");
  const original = readPair(headers, "X-Original-Method", "X-Original-URL");
  if (!agree(forwarded.method, original.method) || !agree(forwarded.uri, original.uri)) return null;
  const { method, uri } = forwarded.uri === null ? original : forwarded;
  if (method === null || uri === null || !isForwardableMethod(method)) return null;
  // A proxy forwards bytes that are not UTF-8 unchanged (INC-36).
  if (hasReplacementCharacter(uri)) return null;
  // A request target has no space. A header that was sent twice has one, after the comma that joins the values.
  return /^\/[^ \t]*$/.test(uri) ? { method, path: uri.split("?", 1)[0] ?? "", uri } : null;
}

/** An empty header counts as absent: some proxies can only empty a client's header, and not remove it. */
function readPair(headers: Headers, methodName: string, uriName: string) {
  const method = headers.get(methodName) || null;
  const uri = headers.get(uriName)?.replace(/^https?:\/\/[^/?#\\]+(?=\/)/i, "");
  return { method, uri: uri || null };
}

const agree = (a: string | null, b: string | null) => a === null || b === null || a === b;

/** The outcome of a forward-auth request. */
export type ForwardAuthResult =
  | {
      readonly kind: "allowed";
      readonly granted: AccessGranted;
      /** The visitor's identity and its assertion. Null: the visitor is anonymous. */
      readonly signedIdentity: SignedIdentity | null;
    }
  | { readonly kind: "denied"; readonly denial: AccessDenied }
  /**
   * The original request has a path or method that the gate rejects too, or a path of Sallyport's own, which the proxy must not
   * forward to the site (INC-34); or the `X-Forwarded-Host` of a proxy with `PROXY_KEY` cannot be read.
   */
  | RejectedRequest
  /** A page of another site opens a WebSocket with the visitor's session (WB-12). */
  | { readonly kind: "cross_origin" };

/** A forward-auth request. */
export interface ForwardAuthInput extends VisitorContext {
  readonly original: OriginalMethodAndUri;
  /** The headers of the forward-auth request: those of the original request, as far as the proxy sends them. */
  readonly headers: Headers;
  /** The scheme and host to which the forward-auth request was sent. */
  readonly publicOrigin: string;
  /** The forward-auth request has the right `PROXY_KEY`. */
  readonly trusted: boolean;
}

/**
 * Decides about the original request of a forward-auth request as the gate does, and signs the assertion if it is allowed.
 * A method override in the headers counts, because the Worker does not know whether the proxy forwards it to the site (INC-31).
 */
export async function authorizeForwardAuth(deps: Deps, input: ForwardAuthInput): Promise<ForwardAuthResult> {
  const { original, headers, publicOrigin, trusted, ...visitor } = input;
  const named = readForwardedHost(headers, publicOrigin);
  if (trusted && named === "unreadable") return { kind: "unreadable", part: "host" };
  const askedHost = hostOf(publicOrigin);
  const namedHost = typeof named === "string" ? null : named.host;
  const result = await authorizeRequest(deps, {
    ...visitor,
    method: original.method,
    path: original.path,
    query: original.uri.slice(original.path.length),
    headers,
    overridesForwarded: true,
    // A client gains nothing with an invented host: the path of a `Destination` is judged whatever its host is.
    hosts: namedHost === null ? [askedHost] : [askedHost, namedHost],
  });
  if (result.kind !== "evaluated") return result;
  const { decision, access, mayChange } = result;
  if (!access.allowed) return { kind: "denied", denial: access };
  // A page of another site cannot set `X-Forwarded-Host` in the visitor's browser, so it counts without `PROXY_KEY` here.
  if (access.identity !== null && isWebSocketHandshakeWithOtherOrigin(headers, namedHost ?? askedHost))
    return { kind: "cross_origin" };
  // The visitor can set the header, so the assertion takes the host from it only with `PROXY_KEY`.
  const host = (trusted ? namedHost : null) ?? askedHost;
  const signedIdentity = await signIdentityAssertion(
    deps,
    access.identity,
    publicOrigin,
    { ...decision, host },
    visitor.now,
  );
  const granted = await forceSessionRecheckAfterChange(deps, visitor, mayChange, access);
  return { kind: "allowed", granted, signedIdentity };
}

/** Reads the host of the original request from `X-Forwarded-Host`; `host` is null when the header is absent. */
function readForwardedHost(
  headers: Headers,
  publicOrigin: string,
): { readonly host: string | null } | "unreadable" {
  const text = headers.get("X-Forwarded-Host") || null;
  if (text === null) return { host: null };
  const scheme = publicOrigin.startsWith("https:") ? "https" : "http";
  const url = /^[\w.:[\]-]+$/.test(text) ? URL.parse(`${scheme}://${text}`) : null;
  return url === null ? "unreadable" : { host: url.host };
}

const hostOf = (origin: string) => origin.slice(origin.indexOf("//") + 2);
